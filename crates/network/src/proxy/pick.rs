//! The chains that pick an endpoint: one per number of endpoints and variant, shared by all Services. Pure.

use std::time::Duration;

use super::frontend::{Listen, Masquerade};
use crate::nft::{Chain, Comparison, DynamicOperation, Expression, Key, Numgen, Rule};
use crate::rtnl::Prefix;
use crate::table::{AFFINITY_MARK, Family, MASQUERADE_MARK, names, steps};

/// Slots of endpoints for outside sources begin here.
pub const OUTSIDE_SLOTS: u32 = 1 << 16;

/// A picking chain's variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pick {
    /// Family.
    pub family: Family,
    /// How many endpoints.
    pub count: u32,
    /// The key has the unspecified address (node ports).
    pub any_local: bool,
    /// Picks from the outside slots.
    pub outside: bool,
    /// Whose connections leave with the node's address; none for outside slots, whose clients keep theirs.
    pub masquerade: Option<Masquerade>,
    /// Seconds of affinity.
    pub affinity: Option<u32>,
}

impl Pick {
    /// Its name: `pick4-3` and a letter per deviation.
    pub fn name(&self) -> String {
        let mut name = format!("pick{}-{}", self.family.digit(), self.count);
        for (letter, present) in
            [('n', self.any_local), ('o', self.outside), ('m', self.masquerade == Some(Masquerade::Always))]
        {
            if present {
                name.push(letter);
            }
        }
        if let Some(seconds) = self.affinity {
            name.push_str(&format!("a{seconds}"));
        }
        name
    }

    /// The chain.
    pub fn chain(&self, cluster: &[Prefix]) -> Chain {
        let mut rules = self.mark(cluster);
        if self.affinity.is_some() {
            rules.push(Rule::new(steps::add_mark(AFFINITY_MARK)));
            rules.push(self.remembered());
        }
        rules.push(self.any());
        Chain::new(self.name(), rules)
    }

    fn mark(&self, cluster: &[Prefix]) -> Vec<Rule> {
        let steps = match self.masquerade {
            None => return Vec::new(),
            Some(Masquerade::Always) => steps::add_mark(MASQUERADE_MARK),
            Some(Masquerade::OffCluster) => {
                let mut steps_ = Vec::new();
                for prefix in cluster.iter().filter(|prefix| Family::of(prefix.address) == self.family) {
                    steps_.push(self.family.load_source());
                    steps_.extend(steps::prefix(self.family.source(), *prefix, Comparison::NotEqual));
                }
                if steps_.is_empty() {
                    return Vec::new();
                }
                [steps_, steps::add_mark(MASQUERADE_MARK)].concat()
            }
        };
        vec![Rule::new(steps)]
    }

    /// A client that came before goes where it went.
    fn remembered(&self) -> Rule {
        let look_up = steps::data_map(&self.set(names::AFFINITY), self.family.source(), self.family.endpoint_address());
        Rule::new([self.load(), vec![look_up, self.rewrite()]].concat())
    }

    fn any(&self) -> Rule {
        let offset = if self.outside { OUTSIDE_SLOTS } else { 0 };
        let slot = self.family.slot();
        let choose = if self.count == 1 {
            Expression::Load { into: slot, bytes: offset.to_ne_bytes().to_vec() }
        } else {
            Expression::Numgen { numgen: Numgen { modulus: self.count, offset }, into: slot }
        };
        let look_up =
            steps::data_map(&self.set(names::ENDPOINTS), self.family.address(), self.family.endpoint_address());
        Rule::new([self.load(), vec![choose, look_up, self.rewrite()]].concat())
    }

    fn set(&self, name: &str) -> String {
        names::of(name, self.family)
    }

    fn load(&self) -> Vec<Expression> {
        let family = self.family;
        let mut steps = if self.affinity.is_some() { vec![family.load_source()] } else { Vec::new() };
        steps.push(if self.any_local {
            Expression::Load { into: family.address(), bytes: Key::new().ip(family.unspecified()).0 }
        } else {
            family.load_address()
        });
        steps.extend(family.load_port());
        steps
    }

    /// The chain that notes a client with the endpoint it was sent to; each new connection begins its time anew.
    pub fn noting(&self) -> Option<Chain> {
        let (family, seconds) = (self.family, self.affinity?);
        let note = Expression::Dynamic {
            set: self.set(names::AFFINITY),
            operation: DynamicOperation::Update,
            key: family.source(),
            data: Some(family.endpoint_address()),
            timeout: Some(Duration::from_secs(u64::from(seconds))),
        };
        let asked = family.load_asked(self.any_local).to_vec();
        let steps = [vec![family.load_source()], asked, family.load_endpoint().to_vec(), vec![note]].concat();
        let any_local = if self.any_local { "n" } else { "" };
        Some(Chain::new(format!("note{}-{seconds}{any_local}", family.digit()), vec![Rule::new(steps)]))
    }

    fn rewrite(&self) -> Expression {
        let family = self.family;
        Expression::Dnat { family: family.number(), address: family.endpoint_address(), port: family.endpoint_port() }
    }
}

/// externalTrafficPolicy Local: Pods and the node itself go to `inside`, others to `outside` or nowhere.
pub fn split(inside: &Pick, outside: Option<&Pick>, cluster: &[Prefix]) -> Chain {
    let family = inside.family;
    let goto = || vec![steps::goto(&inside.name())];
    let mut rules = Vec::new();
    for prefix in cluster.iter().filter(|prefix| Family::of(prefix.address) == family) {
        let from_pod =
            [vec![family.load_source()], steps::prefix(family.source(), *prefix, Comparison::Equal)].concat();
        rules.push(Rule::new([from_pod, goto()].concat()));
    }
    rules.push(Rule::new([steps::local(true), goto()].concat()));
    let last = outside.map_or(Expression::Verdict(crate::nft::Verdict::Drop), |pick| steps::goto(&pick.name()));
    rules.push(Rule::new(vec![last]));
    let name = outside.map_or_else(|| "none".to_owned(), |pick| pick.count.to_string());
    Chain::new(format!("split-{}-{name}", inside.name()), rules)
}

impl Listen {
    /// The address in keys.
    pub fn key_address(&self) -> std::net::IpAddr {
        match self {
            Self::Address(address) => *address,
            Self::AnyLocal(family) => family.unspecified(),
        }
    }
}
