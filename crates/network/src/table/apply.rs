//! Makes the table hold what it should: small transactions for changes, one big one at start and after somebody's flush.

use parking_lot::Mutex;

use super::ruleset::{Delta, Ruleset};
use super::skeleton::names;
use crate::ledger::Ledger;
use crate::ledger::Made;
use crate::nft::{Batch, Connection, Element, NftError, TableId};

use super::layout::Family;

/// The table of this node. Changes may come from any thread; each is one transaction.
pub struct Table {
    id: TableId,
    comment: String,
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    content: Ruleset,
    /// The kernel's table holds the content and nothing else.
    settled: bool,
}

impl Table {
    /// Makes the table hold `content`. Where an earlier process left one, it is adopted as it is, so that Services go on being served;
    /// changes are added to it until [`Table::settle`] puts the whole content in place.
    pub fn open(comment: String, content: Delta, ledger: &dyn Ledger) -> Result<Self, TableError> {
        let id = TableId { family: crate::nft::FAMILY_INET, name: "oxkube".to_owned() };
        ledger.record(Made::Table.as_str(), &id.to_string()).map_err(TableError::Ledger)?;
        let mut connection = Connection::open()?;
        let adopted = connection.has_table(&id)?;
        let mut ruleset = Ruleset::default();
        ruleset.take(content);
        let table = Self { id, comment, state: Mutex::new(State { connection, content: ruleset, settled: !adopted }) };
        if !adopted {
            table.assert()?;
        }
        Ok(table)
    }

    /// Takes in the last part of the content and replaces whatever the table holds by it, in one transaction; affinity entries live on.
    pub fn settle(&self, delta: Delta) -> Result<(), NftError> {
        let mut state = self.state.lock();
        state.content.take(delta);
        self.replace(&mut state)?;
        state.settled = true;
        Ok(())
    }

    /// Family and name.
    pub fn id(&self) -> &TableId {
        &self.id
    }

    /// The port id that events of our own changes carry.
    pub fn port(&self) -> u32 {
        self.state.lock().connection.port()
    }

    /// Applies a change as one transaction. Where somebody's flush got in between, everything is put back.
    pub fn apply(&self, delta: Delta) -> Result<(), NftError> {
        let mut state = self.state.lock();
        let former = state.content.chains.clone();
        let real = state.content.take(delta);
        if real.is_empty() {
            return Ok(());
        }
        if !state.settled {
            return self.add_to_adopted(&mut state, &real);
        }
        let mut batch = state.connection.batch(&self.id);
        encode(&mut batch, &real, |chain| former.contains_key(chain));
        match state.connection.commit(batch) {
            Err(error) if error.missing() => {
                tracing::warn!(%error, "nftables table was changed by somebody else, putting it back");
                self.replace(&mut state)
            }
            outcome => outcome,
        }
    }

    /// Puts everything back in one transaction. An adopted table that is still there is left for [`Table::settle`].
    pub fn assert(&self) -> Result<(), NftError> {
        let mut state = self.state.lock();
        if !state.settled && state.connection.has_table(&self.id)? {
            return Ok(());
        }
        self.replace(&mut state)
    }

    /// Only elements go into an adopted table; what it lacks or has differently is settled later.
    fn add_to_adopted(&self, state: &mut State, real: &Delta) -> Result<(), NftError> {
        for (added, list) in [(false, &real.removed), (true, &real.added)] {
            for (set, element) in list {
                let mut batch = state.connection.batch(&self.id);
                if added {
                    batch.add_elements(set, &[element])
                } else {
                    batch.delete_elements(set, &[element])
                }
                match state.connection.commit(batch) {
                    Err(error) if error.missing() || error.exists() => {
                        tracing::debug!(%error, set, "left for the whole table to settle")
                    }
                    outcome => outcome?,
                }
            }
        }
        Ok(())
    }

    /// Deletes elements that the packet path made and `stale` names.
    pub fn forget_affinity(&self, family: Family, stale: impl Fn(&Element) -> bool) -> Result<(), NftError> {
        let set = names::of(names::AFFINITY, family);
        let mut state = self.state.lock();
        let elements = state.connection.elements(&self.id, &set)?;
        let stale: Vec<&Element> = elements.iter().filter(|element| stale(element)).collect();
        for element in stale {
            // One transaction each: an entry that timed out in between must not keep the others alive.
            let mut batch = state.connection.batch(&self.id);
            batch.delete_elements(&set, &[element]);
            match state.connection.commit(batch) {
                Err(error) if error.missing() => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn replace(&self, state: &mut State) -> Result<(), NftError> {
        let present = state.connection.has_table(&self.id)?;
        let mut kept = Vec::new();
        if present {
            for set in Family::ALL.map(|family| names::of(names::AFFINITY, family)) {
                kept.extend(
                    state.connection.elements(&self.id, &set)?.into_iter().map(|element| (set.clone(), element)),
                );
            }
        }
        let mut everything = state.content.everything();
        kept.retain(|(set, element)| element.life.is_some() && state.content.sets.contains_key(set));
        everything.added.extend(kept);
        let mut batch = state.connection.batch(&self.id);
        if present {
            batch.delete_table();
        }
        batch.add_table(&self.comment);
        encode(&mut batch, &everything, |_| false);
        state.connection.commit(batch)
    }
}

/// Why the table could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// nftables refused.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// The ledger could not be written.
    #[error("record the nftables table in the ledger: {0}")]
    Ledger(std::io::Error),
}

/// Sets and chains first, then what no longer holds, then rules and elements, so that every reference finds its target.
fn encode(batch: &mut Batch, delta: &Delta, chain_exists: impl Fn(&str) -> bool) {
    delta.sets.iter().for_each(|set| batch.add_set(set));
    delta.chains.iter().for_each(|chain| batch.add_chain(chain));
    for (set, elements) in by_set(&delta.removed) {
        batch.delete_elements(set, &elements);
    }
    for chain in &delta.chains {
        if chain_exists(&chain.name) {
            batch.flush_rules(Some(&chain.name));
        }
        chain.rules.iter().for_each(|rule| batch.add_rule(&chain.name, rule));
    }
    for (set, elements) in by_set(&delta.added) {
        batch.add_elements(set, &elements);
    }
    for chain in &delta.removed_chains {
        batch.flush_rules(Some(chain));
        batch.delete_chain(chain);
    }
}

fn by_set(elements: &[(String, Element)]) -> Vec<(&str, Vec<&Element>)> {
    let mut lists: std::collections::BTreeMap<&str, Vec<&Element>> = std::collections::BTreeMap::new();
    for (set, element) in elements {
        lists.entry(set).or_default().push(element);
    }
    lists.into_iter().collect()
}
