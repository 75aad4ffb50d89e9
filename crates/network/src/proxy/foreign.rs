//! Other people's firewalls: where a base chain of another table would drop Pod traffic, one rule tagged as ours at its head lets it
//! pass. Nothing else of theirs is touched.

use crate::error::NetworkError;
use crate::ledger::{Ledger, Made};
use crate::nft::{Connection, Expression, ListedChain, Rule, TAG, TableId, Verdict};
use crate::table::{POD_MARK, steps};

const HOOK_INPUT: u32 = 1;
const HOOK_FORWARD: u32 = 2;

/// Puts our rule at the head of every chain that needs it and has it not there.
pub fn let_pods_pass(ours: &TableId, ledger: &dyn Ledger) -> Result<(), NetworkError> {
    let mut connection = Connection::open()?;
    for chain in connection.base_chains()?.iter().filter(|chain| needs_rule(chain, ours)) {
        let rules = connection.rules(&chain.table, &chain.name)?;
        if rules.first().is_some_and(|rule| rule.comment.as_deref() == Some(TAG)) {
            continue;
        }
        let kind = Made::Rule.as_str();
        let id = format!("{} {}", chain.table, chain.name);
        ledger.record(kind, &id).map_err(|source| NetworkError::Ledger { kind, id: id.clone(), source })?;
        connection.delete_tagged_rules(&id)?;
        connection.insert_at_head(&chain.table, &chain.name, &accept())?;
        tracing::info!(chain = id, "let Pod traffic pass a firewall that drops by default");
    }
    Ok(())
}

/// Firewalls that drop by policy, or (firewalld) by a last rule: every filter chain at these hooks that holds rules may. Those that
/// accept by policy and are not firewalld's are left alone.
fn needs_rule(chain: &ListedChain, ours: &TableId) -> bool {
    let at_hook = chain.hook == HOOK_INPUT || chain.hook == HOOK_FORWARD;
    let drops = chain.drops || chain.table.name == "firewalld";
    let family =
        matches!(chain.table.family, crate::nft::FAMILY_INET | crate::nft::FAMILY_IPV4 | crate::nft::FAMILY_IPV6);
    at_hook && drops && family && chain.kind == "filter" && chain.table != *ours
}

/// Packets from or to Pods carry our mark by then; iptables-nft reads this rule as `-m mark --mark 0x2000/0x2000 -j ACCEPT`.
fn accept() -> Rule {
    Rule::new([steps::has_mark(POD_MARK), vec![Expression::Counter, Expression::Verdict(Verdict::Accept)]].concat())
        .comment(TAG)
}
