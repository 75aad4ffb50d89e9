//! The rows: what must hold, in our words, by area and layer. Data in `tests/conformance/rows.tsv`, with upstream's name for each test.

use anyhow::{Context, Result, bail};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub area: &'static str,
    pub id: &'static str,
    /// Which parts of a cluster have to be there: api, ctl (controllers), node, net; `+cli` and `+hook` say what else takes part.
    pub layer: &'static str,
    pub tags: &'static str,
    pub must_hold: &'static str,
}

impl Row {
    /// Others may not run meanwhile.
    pub fn is_serial(&self) -> bool {
        self.tags.contains("[Serial]") || self.tags.contains("[Disruptive]")
    }
}

/// All rows, in the file's order.
pub fn all() -> Result<Vec<Row>> {
    include_str!("../../conformance/rows.tsv").lines().skip(1).map(row).collect()
}

fn row(line: &'static str) -> Result<Row> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [area, id, layer, tags, _since, _upstream_name, must_hold] = fields[..] else {
        bail!("a row has 7 fields: {line:?}");
    };
    Ok(Row { area, id, layer, tags, must_hold })
}

/// Those of an area, of a layer (`api` takes `api+cli` too), or by id.
pub fn chosen(areas: &[String], layers: &[String], ids: &[String]) -> Result<Vec<Row>> {
    let rows = all()?;
    for id in ids {
        rows.iter().find(|row| row.id == id).with_context(|| format!("no row is called {id}"))?;
    }
    let in_area = |row: &Row| areas.is_empty() || areas.iter().any(|area| area.trim_start_matches("sig-") == row.area);
    let in_layer = |row: &Row| {
        let base = row.layer.split('+').next().unwrap_or_default();
        layers.is_empty() || layers.iter().any(|layer| layer == row.layer || layer == base)
    };
    let by_id = |row: &Row| ids.is_empty() || ids.iter().any(|id| id == row.id);
    let chosen: Vec<Row> = rows.into_iter().filter(|row| in_area(row) && in_layer(row) && by_id(row)).collect();
    if chosen.is_empty() {
        bail!("no row is in that area and layer; --list shows them");
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::checks;
    use super::*;

    #[test]
    fn every_row_has_exactly_one_entry() {
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        for id in checks::all().map(|(id, _)| id).chain(checks::NOT_WRITTEN.iter().copied()) {
            *entries.entry(id).or_default() += 1;
        }
        let rows = all().expect("the rows are well formed");
        let without: Vec<&str> = rows.iter().map(|row| row.id).filter(|id| !entries.contains_key(id)).collect();
        assert!(without.is_empty(), "rows without a check: {without:?}");
        let strange: Vec<&&str> = entries.keys().filter(|id| !rows.iter().any(|row| row.id == **id)).collect();
        assert!(strange.is_empty(), "checks without a row: {strange:?}");
        let twice: Vec<&&str> = entries.iter().filter(|(_, count)| **count > 1).map(|(id, _)| id).collect();
        assert!(twice.is_empty(), "rows with more than one entry: {twice:?}");
        assert_eq!(entries.len(), rows.len(), "ids of rows are unique");
    }

    #[test]
    fn layers_take_their_additions() {
        let api = chosen(&[], &["api".to_owned()], &[]).expect("there are some");
        assert!(api.iter().any(|row| row.layer == "api+hook") && api.iter().all(|row| row.layer.starts_with("api")));
        chosen(&[], &[], &["no-such-row".to_owned()]).expect_err("an unknown id is told");
    }
}
