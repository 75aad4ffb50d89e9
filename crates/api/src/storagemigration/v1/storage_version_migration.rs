//! StorageVersionMigration: a rewrite of a resource's stored objects in the present version.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::strategy::drop_status;
use crate::tree::{items, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "storagemigration.k8s.io",
    version: "v1",
    kind: "StorageVersionMigration",
    plural: "storageversionmigrations",
    singular: "storageversionmigration",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "storageversionmigrations",
    storage_version: None,
    subresources: &[Subresource::status("storagemigration.k8s.io", "v1", "StorageVersionMigration")],
    columns: &[
        Column::string("Resource", "GroupResource to migrate", |migration, _| resource(migration).into()),
        Column::string("Status", "Status of the migration", |migration, _| status(migration).into()),
    ],
    service: "",
    hooks: Hooks {
        prepare_create: drop_status,
        age_column: false,
        has_status: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn resource(migration: &Value) -> String {
    match (text(migration, "spec.resource.resource"), text(migration, "spec.resource.group")) {
        (resource, "") => resource.to_owned(),
        (resource, group) => format!("{resource}.{group}"),
    }
}

fn status(migration: &Value) -> &str {
    let holds = |condition: &&Value| text(condition, "status") == "True";
    let kinds = items(migration, "status.conditions").iter().filter(holds).map(|condition| text(condition, "type"));
    kinds.rev().find(|kind| matches!(*kind, "Running" | "Failed" | "Succeeded")).unwrap_or("Unknown")
}
