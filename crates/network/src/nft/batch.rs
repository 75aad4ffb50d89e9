//! A transaction: what it changes, in order, and the words for each step in case the kernel refuses it.

use super::chain::{Chain, Rule, comment_data};
use super::constants::*;
use super::element::Element;
use super::set::Set;
use crate::netlink::Writer;

/// Elements per message: the list is one attribute and must stay below 64 KiB.
const ELEMENTS_PER_MESSAGE: usize = 400;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const APPEND: u16 = libc::NLM_F_APPEND as u16;
const REQUEST: u16 = libc::NLM_F_REQUEST as u16;

/// Family and name of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableId {
    /// FAMILY_*.
    pub family: u8,
    /// Its name.
    pub name: String,
}

/// One transaction on one table.
pub struct Batch {
    table: TableId,
    writer: Writer,
    steps: Vec<String>,
    first: u32,
    set_ids: u32,
    next: Option<Pending>,
}

/// The last message is kept back until it is known to be the last: it alone asks for an acknowledgement.
struct Pending {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Batch {
    /// An empty transaction; `first` numbers its first message.
    pub fn new(table: TableId, first: u32) -> Self {
        let mut writer = Writer::new();
        writer.message(NFNL_MSG_BATCH_BEGIN, REQUEST, first, |w| w.raw(&header(0, SUBSYSTEM)));
        Self { table, writer, steps: Vec::new(), first, set_ids: 0, next: None }
    }

    /// Whether nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.next.is_none()
    }

    /// Makes the table if it is not there.
    pub fn add_table(&mut self, comment: &str) {
        let name = self.table.name.clone();
        self.step(format!("add table {name}"), MSG_NEWTABLE, CREATE, |w| {
            w.text(NFTA_TABLE_NAME, &name);
            w.be32(NFTA_TABLE_FLAGS, 0);
            w.attribute(NFTA_TABLE_USERDATA, &comment_data(comment));
        });
    }

    /// Deletes the table and all in it; it must be there.
    pub fn delete_table(&mut self) {
        let name = self.table.name.clone();
        self.step(format!("delete table {name}"), MSG_DELTABLE, 0, |w| w.text(NFTA_TABLE_NAME, &name));
    }

    /// Makes the chain if it is not there, without its rules.
    pub fn add_chain(&mut self, chain: &Chain) {
        let table = self.table.name.clone();
        self.step(format!("add chain {}", chain.name), MSG_NEWCHAIN, CREATE, |w| {
            w.text(NFTA_CHAIN_TABLE, &table);
            w.text(NFTA_CHAIN_NAME, &chain.name);
            if let Some(base) = chain.base {
                w.nest(NFTA_CHAIN_HOOK, |w| {
                    w.be32(NFTA_HOOK_HOOKNUM, base.hook as u32);
                    w.be32(NFTA_HOOK_PRIORITY, base.priority as u32);
                });
                w.be32(NFTA_CHAIN_POLICY, 1);
                w.text(NFTA_CHAIN_TYPE, base.kind.as_str());
            }
        });
    }

    /// Empties a chain, or with no name all chains of the table.
    pub fn flush_rules(&mut self, chain: Option<&str>) {
        let table = self.table.name.clone();
        let what =
            chain.map_or_else(|| format!("flush rules of table {table}"), |chain| format!("flush chain {chain}"));
        self.step(what, MSG_DELRULE, 0, |w| {
            w.text(NFTA_RULE_TABLE, &table);
            if let Some(chain) = chain {
                w.text(NFTA_RULE_CHAIN, chain);
            }
        });
    }

    /// Deletes an unused chain.
    pub fn delete_chain(&mut self, chain: &str) {
        let table = self.table.name.clone();
        self.step(format!("delete chain {chain}"), MSG_DELCHAIN, 0, |w| {
            w.text(NFTA_CHAIN_TABLE, &table);
            w.text(NFTA_CHAIN_NAME, chain);
        });
    }

    /// Appends a rule.
    pub fn add_rule(&mut self, chain: &str, rule: &Rule) {
        let table = self.table.name.clone();
        self.step(format!("add a rule to chain {chain}"), MSG_NEWRULE, CREATE | APPEND, |w| {
            rule.encode(&table, chain, w)
        });
    }

    /// Puts a rule at the head of a chain.
    pub fn insert_rule(&mut self, chain: &str, rule: &Rule) {
        let table = self.table.name.clone();
        self.step(format!("insert a rule into chain {chain}"), MSG_NEWRULE, CREATE, |w| rule.encode(&table, chain, w));
    }

    /// Deletes one rule by its handle.
    pub fn delete_rule(&mut self, chain: &str, handle: u64) {
        let table = self.table.name.clone();
        self.step(format!("delete rule {handle} of chain {chain}"), MSG_DELRULE, 0, |w| {
            w.text(NFTA_RULE_TABLE, &table);
            w.text(NFTA_RULE_CHAIN, chain);
            w.be64(NFTA_RULE_HANDLE, handle);
        });
    }

    /// Makes the set if it is not there.
    pub fn add_set(&mut self, set: &Set) {
        let table = self.table.name.clone();
        self.set_ids += 1;
        let id = self.set_ids;
        self.step(format!("add set {}", set.name), MSG_NEWSET, CREATE, |w| set.encode(&table, id, w));
    }

    /// Empties a set.
    pub fn flush_set(&mut self, set: &str) {
        let table = self.table.name.clone();
        self.step(format!("flush set {set}"), MSG_DELSETELEM, 0, |w| {
            w.text(NFTA_SET_ELEM_LIST_TABLE, &table);
            w.text(NFTA_SET_ELEM_LIST_SET, set);
        });
    }

    /// Adds elements; one that is there with the same data is no error.
    pub fn add_elements(&mut self, set: &str, elements: &[&Element]) {
        self.elements("add", set, elements, MSG_NEWSETELEM, CREATE);
    }

    /// Deletes elements, which must be there.
    pub fn delete_elements(&mut self, set: &str, elements: &[&Element]) {
        self.elements("delete", set, elements, MSG_DELSETELEM, 0);
    }

    fn elements(&mut self, verb: &str, set: &str, elements: &[&Element], kind: u16, flags: u16) {
        let table = self.table.name.clone();
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            let step = format!("{verb} {} elements of {set}, the first {:02x?}", chunk.len(), chunk[0].key.0);
            self.step(step, kind, flags, |w| {
                w.text(NFTA_SET_ELEM_LIST_TABLE, &table);
                w.text(NFTA_SET_ELEM_LIST_SET, set);
                w.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |w| {
                    for element in chunk {
                        element.encode(kind == MSG_NEWSETELEM, w);
                    }
                });
            });
        }
    }

    fn step(&mut self, step: String, kind: u16, flags: u16, body: impl FnOnce(&mut Writer)) {
        self.flush_pending(0);
        let mut writer = Writer::new();
        body(&mut writer);
        self.steps.push(step);
        self.next = Some(Pending { kind, flags, body: writer.finish() });
    }

    fn flush_pending(&mut self, extra: u16) {
        if let Some(pending) = self.next.take() {
            let sequence = self.first.wrapping_add(self.steps.len() as u32);
            let family = self.table.family;
            self.writer.message(message(pending.kind), pending.flags | extra | REQUEST, sequence, |w| {
                w.raw(&header(family, 0));
                w.raw(&pending.body);
            });
        }
    }

    /// The finished datagram, the number of its last change, and the words for each step from `first + 1` on.
    pub fn finish(mut self) -> (Vec<u8>, u32, Vec<String>) {
        self.flush_pending(libc::NLM_F_ACK as u16);
        let last = self.first.wrapping_add(self.steps.len() as u32);
        self.writer.message(NFNL_MSG_BATCH_END, REQUEST, last.wrapping_add(1), |w| w.raw(&header(0, SUBSYSTEM)));
        (self.writer.finish(), last, self.steps)
    }
}
