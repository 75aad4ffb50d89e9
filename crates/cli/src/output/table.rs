//! Tables as the server makes them (meta.k8s.io/v1 Table), laid out as kubectl lays them out: three spaces between columns.

use serde_json::Value;

use crate::error::Result;
use crate::say;

/// A column's least width, and the spaces between columns.
const NARROWEST: usize = 6;
const BETWEEN: usize = 3;

/// Columns and rows of one or several Tables of the same kind.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// How a table is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    pub wide: bool,
    pub with_namespace: bool,
    pub show_labels: bool,
    /// Labels with a column of their own.
    pub label_columns: &'a [String],
}

impl Table {
    /// Takes what `shape` shows out of a server's Table.
    pub fn from_server(table: &Value, shape: Shape<'_>, prefix: &str) -> Self {
        let columns: Vec<&Value> = table["columnDefinitions"].as_array().into_iter().flatten().collect();
        let shown: Vec<usize> = (0..columns.len())
            .filter(|at| shape.wide || columns[*at]["priority"].as_i64().unwrap_or_default() == 0)
            .collect();
        let mut headers: Vec<String> =
            shown.iter().map(|at| columns[*at]["name"].as_str().unwrap_or_default().to_uppercase()).collect();
        let rows =
            table["rows"].as_array().into_iter().flatten().map(|row| row_cells(row, &shown, shape, prefix)).collect();
        if shape.with_namespace {
            headers.insert(0, "NAMESPACE".to_owned());
        }
        let short = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        headers.extend(shape.label_columns.iter().map(short));
        if shape.show_labels {
            headers.push("LABELS".to_owned());
        }
        Self { headers, rows }
    }

    /// The text, each column as wide as its widest cell.
    pub fn render(&self, with_headers: bool) -> String {
        self.render_on(with_headers, &mut Vec::new())
    }

    /// As [`Table::render`], with columns at least as wide as those before.
    pub fn render_on(&self, with_headers: bool, widths: &mut Vec<usize>) -> String {
        let lines: Vec<&Vec<String>> = with_headers.then_some(&self.headers).into_iter().chain(&self.rows).collect();
        let count = lines.iter().map(|line| line.len()).max().unwrap_or_default();
        widths.resize(count.max(widths.len()), NARROWEST);
        for line in &lines {
            for (cell, width) in line.iter().zip(widths.iter_mut()) {
                *width = (*width).max(cell.chars().count() + BETWEEN);
            }
        }
        let mut text = String::new();
        for line in lines {
            let Some((last, cells)) = line.split_last() else { continue };
            cells.iter().zip(widths.iter()).for_each(|(cell, width)| text.push_str(&format!("{cell:<width$}")));
            text.push_str(last);
            text.push('\n');
        }
        text
    }
}

fn row_cells(row: &Value, shown: &[usize], shape: Shape<'_>, prefix: &str) -> Vec<String> {
    let mut cells: Vec<String> = shown.iter().map(|at| cell(&row["cells"][*at])).collect();
    if let Some(first) = cells.first_mut() {
        first.insert_str(0, prefix);
    }
    let metadata = &row["object"]["metadata"];
    if shape.with_namespace {
        cells.insert(0, metadata["namespace"].as_str().unwrap_or_default().to_owned());
    }
    for label in shape.label_columns {
        cells.push(metadata["labels"][label].as_str().unwrap_or_default().to_owned());
    }
    if shape.show_labels {
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let text: Vec<String> =
            labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        cells.push(if text.is_empty() { "<none>".to_owned() } else { text.join(",") });
    }
    cells
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Prints a table.
pub fn print_table(table: &Table, with_headers: bool) -> Result<()> {
    say!("{}", table.render(with_headers));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_chosen_by_priority_and_padded() {
        let table = json!({
            "columnDefinitions": [{"name": "Name", "priority": 0}, {"name": "Ready", "priority": 0}, {"name": "IP", "priority": 1}],
            "rows": [
                {"cells": ["a", "1/1", "10.0.0.1"], "object": {"metadata": {"namespace": "default", "labels": {"app": "a"}}}},
                {"cells": ["longer", "0/1", null], "object": {"metadata": {"namespace": "kube-system"}}},
            ],
        });
        let plain = Table::from_server(&table, Shape::default(), "");
        assert_eq!(plain.render(true), "NAME     READY\na        1/1\nlonger   0/1\n");
        let all = Table::from_server(
            &table,
            Shape { wide: true, with_namespace: true, show_labels: true, label_columns: &[] },
            "",
        );
        assert_eq!(
            all.render(false),
            "default       a        1/1   10.0.0.1   app=a\nkube-system   longer   0/1              <none>\n"
        );
    }
}
