//! Words that may not stand in the code, and the first line that every file has.

/// A forbidden text, whether it is allowed in tests, and why it is forbidden.
struct Rule {
    text: &'static str,
    in_tests: bool,
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule { text: concat!("todo", "!("), in_tests: false, why: "a stub is a defect" },
    Rule { text: concat!("unimplemented", "!("), in_tests: false, why: "a stub is a defect" },
    Rule { text: concat!("#[", "ignore"), in_tests: false, why: "a test that does not run is no test" },
    Rule { text: concat!(".unw", "rap()"), in_tests: true, why: "expect() states the invariant" },
    Rule {
        text: concat!("let _", " = "),
        in_tests: true,
        why: "a dropped Result hides an error; drop(..) or log it with the reason",
    },
    Rule { text: concat!("dbg", "!("), in_tests: false, why: "left-over debugging" },
    Rule { text: concat!("SystemTime", "::now"), in_tests: true, why: "time comes from Env" },
    Rule { text: concat!("Timestamp", "::now("), in_tests: true, why: "time comes from Env" },
    Rule { text: concat!("thread", "::sleep"), in_tests: false, why: "wait for a condition with a deadline" },
];

/// Files that are a seam to the outside, or the one place that waits.
const SEAMS: &[&str] = &["crates/oxkube/src/env.rs", "tests/src/process.rs", "xtask/"];

/// What is wrong in one file.
pub fn check(path: &str, code: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let generated = code.starts_with("// @generated") || code.starts_with("// This file is @generated");
    if !generated && !code.starts_with("//!") && !code.starts_with("#![") {
        wrong.push(format!("{path}:1: a file opens with //! saying what it is"));
    }
    if generated || SEAMS.iter().any(|seam| path.starts_with(seam)) {
        return wrong;
    }
    let all_tests = ["tests.rs", "testing.rs", "cases.rs"].iter().any(|end| path.ends_with(end))
        || path.contains("/tests/")
        || path.contains("/testing/")
        || path.starts_with("tests/");
    let mut in_tests = all_tests;
    for (at, line) in code.lines().enumerate() {
        in_tests |=
            line.trim() == "#[cfg(test)]" && !code.lines().nth(at + 1).unwrap_or_default().trim().ends_with(';');
        let statement = line.split("//").next().unwrap_or_default();
        for rule in RULES.iter().filter(|rule| !(in_tests && rule.in_tests)) {
            if statement.contains(rule.text) {
                wrong.push(format!("{path}:{}: {} ({})", at + 1, rule.text, rule.why));
            }
        }
    }
    wrong
}
