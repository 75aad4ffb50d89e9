//! The whole content of the table as data, and changes to it.

use std::collections::BTreeMap;

use crate::nft::{Chain, Element, Key, Set};

/// Where in its set an element is: its key, and the upper end of its range.
pub type Place = (Key, Option<Key>);

/// What the table should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// Sets and maps by name.
    pub sets: BTreeMap<String, Set>,
    /// Chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Elements by set, then key and upper end.
    pub elements: BTreeMap<String, BTreeMap<Place, Element>>,
}

/// A change to the content. Removals are done before additions; adding what is there with the same value changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Sets to be made.
    pub sets: Vec<Set>,
    /// Chains to be made or replaced.
    pub chains: Vec<Chain>,
    /// Chains to be deleted; nothing may refer to them any more.
    pub removed_chains: Vec<String>,
    /// Elements to be made or replaced.
    pub added: Vec<(String, Element)>,
    /// Elements to be deleted.
    pub removed: Vec<(String, Element)>,
}

impl Delta {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Joins another change to this one.
    pub fn extend(&mut self, other: Self) {
        self.sets.extend(other.sets);
        self.chains.extend(other.chains);
        self.removed_chains.extend(other.removed_chains);
        self.added.extend(other.added);
        self.removed.extend(other.removed);
    }
}

impl Ruleset {
    /// Reduces a change to what really differs from this content: removals of what is there, additions of what is not there or has another
    /// value (then with a removal of the old one), and takes it into the content.
    pub fn take(&mut self, delta: Delta) -> Delta {
        let mut real = Delta::default();
        for set in delta.sets {
            if self.sets.get(&set.name) != Some(&set) {
                self.sets.insert(set.name.clone(), set.clone());
                real.sets.push(set);
            }
        }
        for chain in delta.chains {
            if self.chains.get(&chain.name) != Some(&chain) {
                self.chains.insert(chain.name.clone(), chain.clone());
                real.chains.push(chain);
            }
        }
        self.take_elements(delta.removed, delta.added, &mut real);
        for name in delta.removed_chains {
            if self.chains.remove(&name).is_some() {
                real.removed_chains.push(name);
            }
        }
        real
    }

    fn take_elements(&mut self, removed: Vec<(String, Element)>, added: Vec<(String, Element)>, real: &mut Delta) {
        // The old value of everything touched, so that "removed and added again the same" costs nothing.
        let mut before: BTreeMap<(String, Place), Option<Element>> = BTreeMap::new();
        for (set, element) in removed {
            let place = (element.key, element.end);
            let old = self.elements.get_mut(&set).and_then(|elements| elements.remove(&place));
            before.entry((set, place)).or_insert(old);
        }
        for (set, element) in added {
            let place = (element.key.clone(), element.end.clone());
            let old = self.elements.entry(set.clone()).or_default().insert(place.clone(), element);
            before.entry((set, place)).or_insert(old);
        }
        for ((set, place), old) in before {
            let new = self.elements.get(&set).and_then(|elements| elements.get(&place));
            if old.as_ref() != new {
                real.removed.extend(old.map(|old| (set.clone(), old)));
                real.added.extend(new.map(|new| (set, new.clone())));
            }
        }
    }

    /// The change that makes an empty table hold this content.
    pub fn everything(&self) -> Delta {
        let added = self
            .elements
            .iter()
            .flat_map(|(set, elements)| elements.values().map(|element| (set.clone(), element.clone())));
        Delta {
            sets: self.sets.values().cloned().collect(),
            chains: self.chains.values().cloned().collect(),
            added: added.collect(),
            ..Delta::default()
        }
    }
}
