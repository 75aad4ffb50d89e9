//! `get --watch`: what is there, then every change as it comes.

use futures::StreamExt;
use http_body_util::BodyExt;
use serde_json::Value;

use super::{Flags, TABLE, Target, and, hide_managed_fields, is_table, shape, with_type};
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::output::{self, Table};
use crate::say;

pub async fn run(cluster: &Cluster, flags: &Flags, targets: &[Target]) -> Result<u8> {
    let [target] = targets else {
        return usage("you may only specify a single resource type");
    };
    let accept = if is_table(flags) { TABLE } else { "application/json" };
    // One object is watched as a list of one.
    let path = match &target.name {
        None => target.path.clone(),
        Some(name) => {
            let parent = target.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            and(parent, &format!("fieldSelector=metadata.name%3D{name}"))
        }
    };
    let mut shown = Shown { flags, target, widths: Vec::new(), begun: flags.no_headers, columns: Value::Null };
    let list = cluster.get_json(&path, accept).await?;
    if !flags.watch_only {
        shown.list(&list)?;
    }
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let response = cluster.stream(&and(&path, &format!("watch=true&resourceVersion={version}")), accept).await?;
    let mut chunks = response.into_body().into_data_stream();
    let mut rest = Vec::new();
    while let Some(chunk) = chunks.next().await {
        rest.extend_from_slice(&chunk.map_err(|error| Error::Use(error.to_string()))?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let event = serde_json::from_slice(&line).map_err(|error| Error::Use(format!("watch: {error}")))?;
            shown.event(event)?;
        }
    }
    Ok(0)
}

/// What has been shown so far.
struct Shown<'a> {
    flags: &'a Flags,
    target: &'a Target,
    widths: Vec<usize>,
    begun: bool,
    columns: Value,
}

impl Shown<'_> {
    fn list(&mut self, list: &Value) -> Result<()> {
        if list["kind"] == "Table" {
            return self.table(list, "");
        }
        let items = list["items"].as_array().into_iter().flatten();
        items.cloned().try_for_each(|item| self.object(with_type(item, &self.target.served)))
    }

    fn event(&mut self, mut event: Value) -> Result<()> {
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let object = event["object"].take();
        match kind.as_str() {
            "BOOKMARK" => Ok(()),
            "ERROR" => usage(object["message"].as_str().unwrap_or("watch failed").to_owned()),
            _ if object["kind"] == "Table" => self.table(&object, &kind),
            _ => self.object(object),
        }
    }

    /// The columns come with the first table only.
    fn table(&mut self, table: &Value, event: &str) -> Result<()> {
        let mut table = table.clone();
        if table["columnDefinitions"].as_array().is_some_and(|columns| !columns.is_empty()) {
            self.columns = table["columnDefinitions"].clone();
        } else {
            table["columnDefinitions"] = self.columns.clone();
        }
        let prefix = if self.flags.show_kind { self.target.served.printed("") } else { String::new() };
        let mut table = Table::from_server(&table, shape(self.flags), &prefix);
        if self.flags.output_watch_events {
            table.headers.insert(0, "EVENT".to_owned());
            let event = if event.is_empty() { "ADDED" } else { event };
            table.rows.iter_mut().for_each(|row| row.insert(0, event.to_owned()));
        }
        if !table.rows.is_empty() {
            say!("{}", table.render_on(!self.begun, &mut self.widths));
            self.begun = true;
        }
        Ok(())
    }

    fn object(&mut self, mut object: Value) -> Result<()> {
        if !self.flags.show_managed_fields {
            hide_managed_fields(&mut object);
        }
        let name = output::named(&object);
        if self.flags.output == "yaml" && std::mem::replace(&mut self.begun, true) {
            say!("---\n");
        }
        output::print(&object, &self.flags.output, &[name])
    }
}
