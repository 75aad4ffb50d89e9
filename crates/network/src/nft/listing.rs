//! Reading back: base chains of other people's tables, tagged rules, elements the packet path made.

use super::batch::TableId;
use super::chain::{Rule, comment_of};
use super::connection::Connection;
use super::constants::*;
use super::element::Element;
use super::error::NftError;
use crate::netlink::{Attributes, NetlinkError};

/// A base chain, whoever's it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChain {
    /// Its table.
    pub table: TableId,
    /// Its name.
    pub name: String,
    /// The hook's number (1 input, 2 forward).
    pub hook: u32,
    /// `filter`, `nat`, `route`.
    pub kind: String,
    /// Packets no rule decided on are dropped.
    pub drops: bool,
}

/// A rule, whoever's it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRule {
    /// Its handle.
    pub handle: u64,
    /// Its comment.
    pub comment: Option<String>,
}

impl Connection {
    /// Whether the table is there.
    pub fn has_table(&mut self, table: &TableId) -> Result<bool, NftError> {
        let answer = self.socket.exchange("get table", message(MSG_GETTABLE), libc::NLM_F_ACK as u16, |w| {
            w.raw(&header(table.family, 0));
            w.text(NFTA_TABLE_NAME, &table.name);
        });
        present(answer.map(drop))
    }

    /// All base chains of all families.
    pub fn base_chains(&mut self) -> Result<Vec<ListedChain>, NftError> {
        let messages = self.socket.dump("list chains", message(MSG_GETCHAIN), |w| w.raw(&header(0, 0)))?;
        Ok(messages
            .iter()
            .filter_map(|message| base_chain(message.body.first().copied()?, message.attributes(HEADER)))
            .collect())
    }

    /// The rules of a chain in order; none if there is no such chain.
    pub fn rules(&mut self, table: &TableId, chain: &str) -> Result<Vec<ListedRule>, NftError> {
        let answer = self.socket.dump("list rules", message(MSG_GETRULE), |w| {
            w.raw(&header(table.family, 0));
            w.text(NFTA_RULE_TABLE, &table.name);
            w.text(NFTA_RULE_CHAIN, chain);
        });
        let messages = match answer {
            Err(error) if error.missing() => return Ok(Vec::new()),
            answer => answer?,
        };
        Ok(messages.iter().filter_map(|message| listed_rule(message.attributes(HEADER), chain)).collect())
    }

    /// The elements of a set with plain data; none if there is no such set.
    pub fn elements(&mut self, table: &TableId, set: &str) -> Result<Vec<Element>, NftError> {
        let answer = self.socket.dump("list elements", message(MSG_GETSETELEM), |w| {
            w.raw(&header(table.family, 0));
            w.text(NFTA_SET_ELEM_LIST_TABLE, &table.name);
            w.text(NFTA_SET_ELEM_LIST_SET, set);
        });
        let messages = match answer {
            Err(error) if error.missing() => return Ok(Vec::new()),
            answer => answer?,
        };
        let lists =
            messages.iter().filter_map(|message| message.attributes(HEADER).nested(NFTA_SET_ELEM_LIST_ELEMENTS));
        Ok(lists.flatten().filter_map(|(_, bytes)| Element::decode(Attributes(bytes))).collect())
    }

    /// Puts `rule` at the head of somebody's chain, in a transaction of its own.
    pub fn insert_at_head(&mut self, table: &TableId, chain: &str, rule: &Rule) -> Result<(), NftError> {
        let mut batch = self.batch(table);
        batch.insert_rule(chain, rule);
        self.commit(batch)
    }

    /// Deletes the rules tagged as ours in a chain; `id` is `family table chain` as the ledger has it.
    pub fn delete_tagged_rules(&mut self, id: &str) -> Result<(), NftError> {
        let malformed = || NetlinkError::Malformed { operation: format!("read chain name {id:?}") };
        let (table, chain) = id.rsplit_once(' ').ok_or_else(malformed)?;
        let table = TableId::parse(table).ok_or_else(malformed)?;
        let tagged = self.rules(&table, chain)?.into_iter().filter(|rule| rule.comment.as_deref() == Some(TAG));
        let mut batch = self.batch(&table);
        for rule in tagged {
            batch.delete_rule(chain, rule.handle);
        }
        self.commit(batch)
    }
}

/// The comment of our rules in other people's chains.
pub const TAG: &str = "oxkube";

fn present(answer: Result<(), NetlinkError>) -> Result<bool, NftError> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.missing() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn base_chain(family: u8, attributes: Attributes<'_>) -> Option<ListedChain> {
    let hook = attributes.nested(NFTA_CHAIN_HOOK)?;
    Some(ListedChain {
        table: TableId { family, name: attributes.text(NFTA_CHAIN_TABLE)?.to_owned() },
        name: attributes.text(NFTA_CHAIN_NAME)?.to_owned(),
        hook: hook.be32(NFTA_HOOK_HOOKNUM)?,
        kind: attributes.text(NFTA_CHAIN_TYPE)?.to_owned(),
        drops: attributes.be32(NFTA_CHAIN_POLICY) == Some(0),
    })
}

/// Kernels before 4.20 list all rules of the table whatever chain was asked for.
fn listed_rule(attributes: Attributes<'_>, chain: &str) -> Option<ListedRule> {
    if attributes.text(NFTA_RULE_CHAIN)? != chain {
        return None;
    }
    let handle = u64::from_be_bytes(*attributes.find(NFTA_RULE_HANDLE)?.first_chunk()?);
    Some(ListedRule { handle, comment: attributes.find(NFTA_RULE_USERDATA).and_then(comment_of) })
}
