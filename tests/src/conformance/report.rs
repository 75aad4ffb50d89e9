//! docs/conformance.md: the one results table. Rows that did not run keep what the table said before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::rows::{self, Row};
use super::run::Outcome;

const NOT_RUN: &str = "not run";
const PASS: &str = "pass";
/// Longer causes are cut.
const CAUSE_CHARACTERS: usize = 300;

/// Writes the table with what is new in it.
pub fn write(path: &Path, outcomes: &[Outcome]) -> Result<()> {
    let mut results = fs::read_to_string(path).map(|text| read(&text)).unwrap_or_default();
    for outcome in outcomes {
        let cell = match &outcome.result {
            Ok(()) => PASS.to_owned(),
            Err(cause) => format!("FAIL: {}", in_a_cell(cause)),
        };
        results.insert(outcome.row.id.to_owned(), cell);
    }
    fs::write(path, page(&rows::all()?, &results)?).with_context(|| format!("write {}", path.display()))
}

/// The rows that a table says pass.
pub fn passes(path: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(read(&text).into_iter().filter(|(_, result)| result == PASS).map(|(id, _)| id).collect())
}

/// Results by id, out of an earlier table.
fn read(text: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        match cells[..] {
            [id, _, _, result] => Some((id.trim_matches('`').to_owned(), result.to_owned())),
            _ => None,
        }
    };
    text.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

fn in_a_cell(cause: &str) -> String {
    let one_line = cause.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
    one_line.chars().take(CAUSE_CHARACTERS).collect()
}

fn page(rows: &[Row], results: &BTreeMap<String, String>) -> Result<String> {
    let result = |row: &Row| results.get(row.id).map_or(NOT_RUN, String::as_str);
    let mut text = String::from(
        "# Conformance\n\nWhat upstream's conformance tests ask for, a row each, and whether it holds here. `cargo xtask conformance` writes this page: \
         it has a check of our own for every row (`tests/src/conformance`), for this and for any other cluster (`--kubeconfig`). `--area`, `--layer` and `--only` \
         choose rows; the others keep their last result.\n\n| layer | rows | pass | fail | not run |\n| --- | --- | --- | --- | --- |\n",
    );
    let mut layers: Vec<&str> = rows.iter().map(|row| row.layer).collect();
    layers.sort_unstable();
    layers.dedup();
    for layer in layers.iter().copied().chain(["all"]) {
        let of: Vec<&Row> = rows.iter().filter(|row| layer == "all" || row.layer == layer).collect();
        let pass = of.iter().filter(|row| result(row) == PASS).count();
        let not_run = of.iter().filter(|row| result(row) == NOT_RUN).count();
        let fail = of.len() - pass - not_run;
        writeln!(text, "| {layer} | {} | {pass} | {fail} | {not_run} |", of.len())?;
    }
    let mut area = "";
    for row in rows {
        if row.area != area {
            area = row.area;
            write!(text, "\n## {area}\n\n| id | layer | must hold | result |\n| --- | --- | --- | --- |\n")?;
        }
        writeln!(text, "| `{}` | {} | {} | {} |", row.id, row.layer, row.must_hold.replace('|', "/"), result(row))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_keeps_its_result() {
        let rows = rows::all().expect("the rows are well formed");
        let before = BTreeMap::from([
            (rows[0].id.to_owned(), PASS.to_owned()),
            (rows[1].id.to_owned(), "FAIL: /spec is 1, expected 2".to_owned()),
        ]);
        let text = page(&rows, &before).expect("a page");
        let mut again = read(&text);
        again.retain(|_, result| result != NOT_RUN);
        assert_eq!(again, before);
        assert!(text.contains(&format!("| all | {} | 1 | 1 | {} |", rows.len(), rows.len() - 2)), "{text}");
    }
}
