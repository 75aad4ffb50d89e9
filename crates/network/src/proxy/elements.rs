//! One installed frontend as elements of the table's maps, and the chains it needs. Pure.

use super::frontend::{Backend, Endpoint, Frontend, Listen, Refusal};
use super::pick::{OUTSIDE_SLOTS, Pick, split};
use crate::nft::{Chain, Element, Key, Value, Verdict};
use crate::rtnl::Prefix;
use crate::table::{names, steps};

/// A frontend with its endpoints in slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What stands behind it.
    pub backend: Backend,
    /// Its endpoints by slot.
    pub slots: Vec<Endpoint>,
    /// Its endpoints for outside sources by slot.
    pub outside: Vec<Endpoint>,
}

/// Elements and chains of one frontend.
pub struct Parts {
    /// Chains that the elements go to, those first that others go to.
    pub chains: Vec<Chain>,
    /// (set, element).
    pub elements: Vec<(String, Element)>,
}

/// The parts of an installed frontend.
pub fn parts(frontend: &Frontend, installed: &Installed, cluster: &[Prefix]) -> Parts {
    let mut parts = Parts { chains: Vec::new(), elements: Vec::new() };
    let backend = &installed.backend;
    if installed.slots.is_empty() {
        let verdict = match backend.refusal {
            Refusal::Reject => Verdict::Goto(names::REJECT.to_owned()),
            Refusal::Drop => Verdict::Drop,
        };
        parts.verdict(frontend, (names::REFUSED, names::REFUSED_PORTS), verdict);
    } else {
        let chain = parts.chain(frontend, installed, cluster);
        parts.verdict(frontend, (names::SERVICES, names::NODE_PORTS), Verdict::Goto(chain));
        parts.slots(frontend, &installed.slots, 0);
        parts.slots(frontend, &installed.outside, OUTSIDE_SLOTS);
    }
    if let (Some(sources), Listen::Address(_)) = (&backend.sources, frontend.listen) {
        parts.sources(frontend, sources.iter());
    }
    parts
}

impl Parts {
    fn chain(&mut self, frontend: &Frontend, installed: &Installed, cluster: &[Prefix]) -> String {
        let backend = &installed.backend;
        let pick = Pick {
            family: frontend.family(),
            count: installed.slots.len() as u32,
            any_local: matches!(frontend.listen, Listen::AnyLocal(_)),
            outside: false,
            masquerade: Some(backend.masquerade),
            affinity: backend.affinity,
        };
        if let Some(noting) = pick.noting() {
            let element = Element::new(frontend_key(frontend), Value::Verdict(Verdict::Goto(noting.name.clone())));
            self.elements.push((names::of(names::AFFINE, frontend.family()), element));
            self.chains.push(noting);
        }
        self.chains.push(pick.chain(cluster));
        if backend.outside.is_none() {
            return pick.name();
        }
        let count = installed.outside.len() as u32;
        let outside = (count > 0).then_some(Pick { count, outside: true, masquerade: None, ..pick });
        self.chains.extend(outside.map(|pick| pick.chain(cluster)));
        let split = split(&pick, outside.as_ref(), cluster);
        let name = split.name.clone();
        self.chains.push(split);
        name
    }

    fn verdict(&mut self, frontend: &Frontend, (by_address, by_port): (&str, &str), verdict: Verdict) {
        let family = frontend.family();
        let (set, key) = match frontend.listen {
            Listen::Address(address) => (by_address, Key::new().ip(address)),
            Listen::AnyLocal(_) => (by_port, Key::new()),
        };
        let key = key.protocol(frontend.protocol.number()).port(frontend.port);
        self.elements.push((names::of(set, family), Element::new(key, Value::Verdict(verdict))));
    }

    fn slots(&mut self, frontend: &Frontend, endpoints: &[Endpoint], offset: u32) {
        let set = names::of(names::ENDPOINTS, frontend.family());
        for (slot, (address, port)) in (offset..).zip(endpoints) {
            let key = frontend_key(frontend).mark(slot);
            self.elements.push((set.clone(), Element::new(key, Value::Data(steps::endpoint(*address, *port)))));
        }
    }

    fn sources<'a>(&mut self, frontend: &Frontend, sources: impl Iterator<Item = &'a Prefix>) {
        let family = frontend.family();
        let key = || frontend_key(frontend);
        self.elements.push((names::of(names::FIREWALLED, family), Element::new(key(), Value::None)));
        for range in sources {
            let element =
                Element { end: Some(key().ip(range.last())), ..Element::new(key().ip(range.address), Value::None) };
            self.elements.push((names::of(names::ADMITTED, family), element));
        }
    }
}

/// (address, protocol, port), with the unspecified address for node ports.
pub fn frontend_key(frontend: &Frontend) -> Key {
    Key::new().ip(frontend.listen.key_address()).protocol(frontend.protocol.number()).port(frontend.port)
}
