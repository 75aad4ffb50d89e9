//! Chains and rules as data.

use super::constants::*;
use super::expression::Expression;
use crate::netlink::Writer;

/// Where in the packet's way a base chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before routing.
    Prerouting = 0,
    /// To this host.
    Input = 1,
    /// Through this host.
    Forward = 2,
    /// From this host.
    Output = 3,
    /// After routing.
    Postrouting = 4,
}

/// What a base chain may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// Accept, drop, mark.
    Filter,
    /// Rewrite addresses.
    Nat,
}

/// What happens to a packet no rule decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It is dropped.
    Drop = 0,
    /// It passes.
    Accept = 1,
}

/// A base chain's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Type.
    pub kind: ChainKind,
    /// Hook.
    pub hook: Hook,
    /// Lower runs earlier.
    pub priority: i32,
}

/// A chain and its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// For base chains: their place; policy is accept, always.
    pub base: Option<Base>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

impl Chain {
    /// A chain that others jump to.
    pub fn new(name: impl Into<String>, rules: Vec<Rule>) -> Self {
        Self { name: name.into(), base: None, rules }
    }

    /// A chain at a hook.
    pub fn base(name: &str, kind: ChainKind, hook: Hook, priority: i32, rules: Vec<Rule>) -> Self {
        Self { name: name.to_owned(), base: Some(Base { kind, hook, priority }), rules }
    }
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its steps.
    pub expressions: Vec<Expression>,
    /// Shown by nft.
    pub comment: Option<String>,
}

impl Rule {
    /// A rule of these steps.
    pub fn new(expressions: Vec<Expression>) -> Self {
        Self { expressions, comment: None }
    }

    /// With a comment.
    pub fn comment(self, comment: &str) -> Self {
        Self { comment: Some(comment.to_owned()), ..self }
    }

    /// Writes the attributes of its creation.
    pub fn encode(&self, table: &str, chain: &str, w: &mut Writer) {
        w.text(NFTA_RULE_TABLE, table);
        w.text(NFTA_RULE_CHAIN, chain);
        w.nest(NFTA_RULE_EXPRESSIONS, |w| {
            for expression in &self.expressions {
                expression.encode(w);
            }
        });
        if let Some(comment) = &self.comment {
            w.attribute(NFTA_RULE_USERDATA, &comment_data(comment));
        }
    }
}

impl ChainKind {
    /// nft's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }
}

/// libnftnl's user data with a comment: type 0, length, text with its closing zero.
pub fn comment_data(comment: &str) -> Vec<u8> {
    let text = &comment.as_bytes()[..comment.len().min(127)];
    let mut data = vec![0, (text.len() + 1) as u8];
    data.extend_from_slice(text);
    data.push(0);
    data
}

/// The comment in libnftnl's user data.
pub fn comment_of(mut data: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = data {
        let value = rest.get(..usize::from(*length))?;
        if *kind == 0 {
            return String::from_utf8(value.strip_suffix(&[0]).unwrap_or(value).to_vec()).ok();
        }
        data = &rest[usize::from(*length)..];
    }
    None
}
