//! Profiles in the JSON form that Docker, and so Kubernetes' Localhost type, uses.

use serde::Deserialize;

use super::{Comparison, Condition, Filter, Rule};
use crate::supervisor::capabilities::number;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    #[serde(default)]
    default_errno_ret: Option<u32>,
    #[serde(default)]
    syscalls: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    name: Option<String>,
    action: String,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Argument>>,
    #[serde(default)]
    includes: Only,
    #[serde(default)]
    excludes: Only,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize, Default)]
struct Only {
    #[serde(default)]
    caps: Option<Vec<String>>,
    #[serde(default)]
    arches: Option<Vec<String>>,
}

pub fn parse(text: &[u8], bounding: u64) -> Result<Filter, String> {
    let profile: Profile = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let otherwise = action(&profile.default_action, profile.default_errno_ret)?;
    let mut rules = Vec::new();
    for entry in profile.syscalls.into_iter().filter(|entry| entry.applies(bounding)) {
        let conditions = entry.args.unwrap_or_default().iter().map(condition).collect::<Result<_, _>>()?;
        let names = entry.names.into_iter().chain(entry.name).collect();
        rules.push(Rule { names, conditions, action: action(&entry.action, entry.errno_ret)? });
    }
    // A rule with conditions is the more special one, so it is tried first.
    rules.sort_by_key(|rule| rule.conditions.is_empty());
    Ok(Filter { otherwise, rules })
}

impl Entry {
    fn applies(&self, bounding: u64) -> bool {
        let may = |name: &String| number(name).is_some_and(|number| bounding & (1 << number) != 0);
        let here = |name: &String| name == go_architecture();
        let included = self.includes.caps.iter().all(|caps| caps.iter().all(may))
            && self.includes.arches.iter().all(|arches| arches.iter().any(here));
        let excluded = self.excludes.caps.iter().any(|caps| caps.iter().any(may))
            || self.excludes.arches.iter().any(|arches| arches.iter().any(here));
        included && !excluded
    }
}

fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn condition(argument: &Argument) -> Result<Condition, String> {
    let (comparison, value) = match argument.op.as_str() {
        "SCMP_CMP_EQ" => (Comparison::Equal, argument.value),
        "SCMP_CMP_NE" => (Comparison::NotEqual, argument.value),
        "SCMP_CMP_LT" => (Comparison::Less, argument.value),
        "SCMP_CMP_LE" => (Comparison::LessOrEqual, argument.value),
        "SCMP_CMP_GT" => (Comparison::Greater, argument.value),
        "SCMP_CMP_GE" => (Comparison::GreaterOrEqual, argument.value),
        "SCMP_CMP_MASKED_EQ" => (Comparison::MaskedEqual(argument.value), argument.value_two),
        other => return Err(format!("unknown comparison {other:?}")),
    };
    if argument.index > 5 {
        return Err(format!("a system call has no argument {}", argument.index));
    }
    Ok(Condition { argument: argument.index, comparison, value })
}

fn action(name: &str, errno_ret: Option<u32>) -> Result<u32, String> {
    let data = errno_ret.unwrap_or(libc::EPERM as u32) & libc::SECCOMP_RET_DATA;
    Ok(match name {
        "SCMP_ACT_ALLOW" => libc::SECCOMP_RET_ALLOW,
        "SCMP_ACT_ERRNO" => libc::SECCOMP_RET_ERRNO | data,
        "SCMP_ACT_LOG" => libc::SECCOMP_RET_LOG,
        "SCMP_ACT_TRAP" => libc::SECCOMP_RET_TRAP,
        "SCMP_ACT_TRACE" => libc::SECCOMP_RET_TRACE | data,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => libc::SECCOMP_RET_KILL_THREAD,
        "SCMP_ACT_KILL_PROCESS" => libc::SECCOMP_RET_KILL_PROCESS,
        other => return Err(format!("action {other:?} is not supported")),
    })
}
