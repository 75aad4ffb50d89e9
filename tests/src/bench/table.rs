//! The rows a measure gives, as a table for people, and its place in docs/benchmarks.md.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One figure beside what it is compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Our figure, with its unit.
    pub here: String,
    /// The denominator's figure in the same run; empty where there is none.
    pub beside: String,
    /// Ours over the denominator's.
    pub ratio: String,
    /// The goal, and whether it was met.
    pub goal: String,
}

impl Row {
    pub fn new(what: &str, here: String) -> Self {
        Self { what: what.to_owned(), here, ..Self::default() }
    }

    /// Compares with a figure of the same run.
    pub fn beside(self, text: String, here: f64, there: f64) -> Self {
        let ratio = if there > 0.0 { format!("{:.2}", here / there) } else { String::new() };
        Self { beside: text, ratio, ..self }
    }

    /// Names the goal and says whether `value` is under it.
    pub fn goal(self, text: &str, value: f64, limit: f64) -> Self {
        Self { goal: format!("{text}: {}", if value < limit { "met" } else { "missed" }), ..self }
    }
}

/// A Markdown table with aligned columns.
pub fn markdown(rows: &[Row]) -> String {
    let head = ["Measure", "Figure", "Beside it, same run", "Ratio", "Goal"].map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().cloned().map(|row| [row.what, row.here, row.beside, row.ratio, row.goal]));
    let widths: Vec<usize> =
        (0..5).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    lines.insert(1, std::array::from_fn(|column| "-".repeat(widths[column])));
    let written = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    });
    written.collect::<Vec<_>>().join("\n")
}

/// Replaces what stands between a measure's two markers.
pub fn replace(document: &str, measure: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {measure}: written by bench -->\n"), format!("<!-- {measure}: end -->"));
    let (before, rest) = document.split_once(&begin).with_context(|| format!("no line {begin:?}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no line {end:?}"))?;
    Ok(format!("{before}{begin}{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = Row::new("boot", "p50 200 ms".to_owned()).beside("p50 2 ms".to_owned(), 200.0, 2.0).goal(
            "under 300 ms",
            200.0,
            300.0,
        );
        let expected = "\
| Measure | Figure     | Beside it, same run | Ratio  | Goal              |
| ------- | ---------- | ------------------- | ------ | ----------------- |
| boot    | p50 200 ms | p50 2 ms            | 100.00 | under 300 ms: met |";
        assert_eq!(markdown(&[row]), expected);
    }

    #[test]
    fn a_goal_at_its_limit_is_missed() {
        assert_eq!(Row::new("a", String::new()).goal("under 3", 3.0, 3.0).goal, "under 3: missed");
    }

    #[test]
    fn only_the_named_part_is_replaced() {
        let document = "# A\n<!-- one: written by bench -->\nold\n<!-- one: end -->\nb\n<!-- two: written by bench -->\nkept\n<!-- two: end -->\n";
        let expected = document.replace("old", "new");
        assert_eq!(replace(document, "one", "new").ok(), Some(expected));
        assert!(replace(document, "three", "new").is_err());
    }
}
