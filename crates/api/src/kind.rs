//! What a kind is: one row of facts and pure hooks. Routes, discovery, OpenAPI, tables and garbage collection read the rows; nothing else
//! knows a kind by name.

use serde_json::Value;

use crate::custom::PathCell;
use crate::field_error::FieldError;

/// A kind the server serves. Built-in rows stand in `kinds::ALL`; those of custom resources come from `custom::Definition`.
#[derive(Clone, Debug)]
pub struct Kind {
    /// `""` for core.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub namespaced: bool,
    /// The verbs of the main resource, in discovery's (alphabetical) order.
    pub verbs: &'static [&'static str],
    /// Upstream's key prefix below `/registry` (`pods`, `minions`, `services/specs`). Empty: a virtual kind, served by `service` alone.
    pub storage: &'static str,
    /// The version objects are stored in when it differs from `version`: `(group, version)`; both rows share `storage`.
    pub storage_version: Option<(&'static str, &'static str)>,
    pub subresources: &'static [Subresource],
    /// Printer columns after Name (see `Hooks::name_column`). Age comes from the table writer, before the first column that is only
    /// for `-o wide`, unless `Hooks::age_column` is false: then the row has it in its own place, or not at all.
    pub columns: &'static [Column],
    /// Name of the service in the API server that takes part in this kind's writes (IP allocation, reviews…); empty: none.
    pub service: &'static str,
    pub hooks: Hooks,
}

/// A subresource such as `status`, `scale`, `log`.
#[derive(Clone, Debug)]
pub struct Subresource {
    pub name: &'static str,
    pub group: &'static str,
    pub version: &'static str,
    /// Kind of the body (`Pod` for pods/status, `Scale` for deployments/scale, `PodExecOptions` for pods/exec).
    pub kind: &'static str,
    pub verbs: &'static [&'static str],
    pub role: SubresourceRole,
}

/// The verbs of most resources.
pub const STANDARD_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

impl Subresource {
    /// The `scale` of Deployments and the like.
    pub const SCALE: Subresource = Subresource {
        name: "scale",
        group: "autoscaling",
        version: "v1",
        kind: "Scale",
        verbs: &["get", "patch", "update"],
        role: SubresourceRole::Scale {
            spec_replicas: ".spec.replicas",
            status_replicas: ".status.replicas",
            selector: ".spec.selector",
        },
    };

    /// The `status` of the kind named.
    pub const fn status(group: &'static str, version: &'static str, kind: &'static str) -> Subresource {
        Subresource {
            name: "status",
            group,
            version,
            kind,
            verbs: &["get", "patch", "update"],
            role: SubresourceRole::Status,
        }
    }
}

/// How a subresource is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubresourceRole {
    /// Writes touch `status` (and metadata as upstream allows); everything else is kept from the stored object.
    Status,
    /// autoscaling/v1 Scale over the JSON paths given here. The selector is a text, a metav1.LabelSelector or a plain map of labels.
    Scale { spec_replicas: &'static str, status_replicas: &'static str, selector: &'static str },
    /// A write of the same object by another strategy (`ephemeralcontainers`, `resize`, `approval`, `finalize`): `Hooks::prepare_subresource`.
    Same,
    /// A named service of the API server (`binding`, `eviction`, `token`, `log`, `exec`, `attach`, `portforward`, `proxy`).
    Service,
}

/// One printer column: `kubectl get`'s server-side table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    /// OpenAPI type: `string`, `integer`, `date`, `boolean`, `number`.
    pub kind: &'static str,
    pub format: &'static str,
    pub description: &'static str,
    /// 0 shows always; 1 shows with `-o wide`.
    pub priority: i32,
    pub cell: Cell,
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    Of(fn(&Value, &TableContext) -> Value),
    /// A place in the object, as a CustomResourceDefinition names it.
    At(&'static PathCell),
}

impl Column {
    /// A column of texts.
    pub const fn string(
        name: &'static str,
        description: &'static str,
        cell: fn(&Value, &TableContext) -> Value,
    ) -> Self {
        Self { name, kind: "string", format: "", description, priority: 0, cell: Cell::Of(cell) }
    }

    /// A column of whole numbers.
    pub const fn integer(
        name: &'static str,
        description: &'static str,
        cell: fn(&Value, &TableContext) -> Value,
    ) -> Self {
        Self { kind: "integer", ..Self::string(name, description, cell) }
    }

    /// A column of flags.
    pub const fn boolean(
        name: &'static str,
        description: &'static str,
        cell: fn(&Value, &TableContext) -> Value,
    ) -> Self {
        Self { kind: "boolean", ..Self::string(name, description, cell) }
    }

    /// What the column shows of an object.
    pub fn show(&self, object: &Value, context: &TableContext) -> Value {
        match self.cell {
            Cell::Of(cell) => cell(object, context),
            Cell::At(place) => place.show(object, context),
        }
    }

    /// The column only with `-o wide`.
    pub const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }
}

/// What printing needs besides the object.
#[derive(Clone, Copy, Debug)]
pub struct TableContext {
    pub now: jiff::Timestamp,
}

/// The request a write hook runs in.
#[derive(Clone, Copy, Debug)]
pub struct WriteContext<'a> {
    pub now: jiff::Timestamp,
    pub namespace: &'a str,
    /// `""` for the main resource, else the subresource's name.
    pub subresource: &'a str,
    pub user_name: &'a str,
    pub user_groups: &'a [String],
    pub user_uid: &'a str,
}

/// Pure per-kind rules on the object's JSON tree. Every hook has a neutral default (`Hooks::NONE`).
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Sets upstream's defaults; idempotent.
    pub default: fn(&mut Value),
    /// Drops what a client may not set at create (status, generation…) and sets what only the server sets.
    pub prepare_create: fn(&mut Value, &WriteContext),
    /// `(new, old)`: keeps what this write may not touch. The generic path has already kept metadata's immutable fields and status.
    pub prepare_update: fn(&mut Value, &Value, &WriteContext),
    /// `(new, old)` for the subresource named in the context (not `scale`). Of a write of `status` the generic path has kept all else.
    pub prepare_subresource: fn(&mut Value, &Value, &WriteContext),
    /// The object has just been marked as being deleted (a Namespace's phase becomes Terminating).
    pub prepare_delete: fn(&mut Value),
    /// Whether something of the kind's own, besides metadata.finalizers, still keeps a deleted object (a Namespace's spec.finalizers).
    pub delays_deletion: fn(&Value) -> bool,
    pub validate: fn(&Value, &WriteContext) -> Vec<FieldError>,
    /// What only a new object must hold, after `validate`.
    pub validate_create: fn(&Value, &WriteContext) -> Vec<FieldError>,
    /// `(new, old)`: immutability and the like, after `validate`.
    pub validate_update: fn(&Value, &Value, &WriteContext) -> Vec<FieldError>,
    /// Field selectors besides metadata.name and metadata.namespace: every supported label is returned, even when empty.
    pub selectable_fields: fn(&Value) -> Vec<(&'static str, String)>,
    /// Texts for the Warning header.
    pub warnings: fn(&Value) -> Vec<String>,
    /// The Warning header of every request for a deprecated kind; `""` for all others.
    pub deprecation: &'static str,
    /// Converts an object of this version to the storage version and back; `None`: they are the same.
    pub convert: Option<Convert>,
    /// Seconds until a stored object of this kind disappears by itself (Events: 3600).
    pub ttl_seconds: Option<u32>,
    /// Whether metadata.generation counts spec changes.
    pub has_generation: bool,
    /// Whether the kind has a status that main-resource writes must not touch.
    pub has_status: bool,
    /// Whether an update may create the object (Leases, Endpoints… by upstream's AllowCreateOnUpdate).
    pub create_on_update: bool,
    /// Whether an update without resourceVersion is accepted (AllowUnconditionalUpdate).
    pub unconditional_update: bool,
    /// How metadata.name is checked (subdomain, label, path segment…).
    pub name_rule: NameRule,
    /// Graceful deletion: seconds of grace for this object when the request gives none; `None`: no grace, deleted at once.
    pub grace_seconds: fn(&Value) -> Option<i64>,
    /// Default propagation when the request gives none is background; `true` for upstream's orphan-by-default kinds.
    pub orphan_by_default: bool,
    /// Finalizers the kind starts with (`kubernetes` in a Namespace's spec is set by prepare_create instead).
    pub initial_finalizers: &'static [&'static str],
    /// The kind comes from a CustomResourceDefinition: no protobuf, no strategic merge; what its schema says goes.
    pub custom: bool,
    /// The kind of a list, where it is not the kind's name with `List` behind it.
    pub list_kind: &'static str,
    /// Field selectors of a custom kind: paths such as `spec.color`.
    pub selectable_paths: &'static [&'static str],
    /// The table writer adds the Age column; `false` where upstream prints none or elsewhere.
    pub age_column: bool,
    /// The table writer adds the Name column first; `false` where `columns` has it (Events).
    pub name_column: bool,
}

/// Both directions between this version and the storage version.
#[derive(Clone, Copy, Debug)]
pub struct Convert {
    pub to_storage: fn(&mut Value),
    pub from_storage: fn(&mut Value),
}

/// Rules for metadata.name, as upstream's NameIs… functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    DnsSubdomain,
    DnsLabel,
    /// RFC 1035 label: starts with a letter (Services before RelaxedServiceName).
    Dns1035Label,
    /// No `/`, `%`, `.` or `..` (RBAC objects, CSRs' kinds).
    PathSegment,
}

fn keep(_: &mut Value) {}
fn keep_create(_: &mut Value, _: &WriteContext) {}
fn keep_update(_: &mut Value, _: &Value, _: &WriteContext) {}
fn accept(_: &Value, _: &WriteContext) -> Vec<FieldError> {
    Vec::new()
}
fn accept_update(_: &Value, _: &Value, _: &WriteContext) -> Vec<FieldError> {
    Vec::new()
}
fn no_fields(_: &Value) -> Vec<(&'static str, String)> {
    Vec::new()
}
fn no_warnings(_: &Value) -> Vec<String> {
    Vec::new()
}
fn never(_: &Value) -> bool {
    false
}
fn no_grace(_: &Value) -> Option<i64> {
    None
}

impl Hooks {
    /// Neutral hooks: rows override what they need with `..Hooks::NONE`.
    pub const NONE: Hooks = Hooks {
        default: keep,
        prepare_create: keep_create,
        prepare_update: keep_update,
        prepare_subresource: keep_update,
        prepare_delete: keep,
        delays_deletion: never,
        validate: accept,
        validate_create: accept,
        validate_update: accept_update,
        selectable_fields: no_fields,
        warnings: no_warnings,
        deprecation: "",
        convert: None,
        ttl_seconds: None,
        has_generation: false,
        has_status: false,
        create_on_update: false,
        unconditional_update: true,
        name_rule: NameRule::DnsSubdomain,
        grace_seconds: no_grace,
        orphan_by_default: false,
        initial_finalizers: &[],
        custom: false,
        list_kind: "",
        selectable_paths: &[],
        age_column: true,
        name_column: true,
    };
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `PodList`.
    pub fn list_kind(&self) -> String {
        match self.hooks.list_kind {
            "" => format!("{}List", self.kind),
            list_kind => list_kind.to_owned(),
        }
    }

    /// Whether a deletion that leaves nothing behind is answered with the object (upstream's ReturnDeletedObject) instead of a Status.
    pub fn deletion_shows_object(&self) -> bool {
        match self.group {
            "" => matches!(
                self.kind,
                "PersistentVolume"
                    | "PersistentVolumeClaim"
                    | "Pod"
                    | "PodTemplate"
                    | "ResourceQuota"
                    | "Service"
                    | "ServiceAccount"
            ),
            "resource.k8s.io" => true,
            "storage.k8s.io" => {
                matches!(
                    self.kind,
                    "CSIDriver" | "CSINode" | "StorageClass" | "VolumeAttachment" | "VolumeAttributesClass"
                )
            }
            _ => false,
        }
    }

    /// Field labels besides metadata.name and metadata.namespace, with the object's values.
    pub fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let mut fields = (self.hooks.selectable_fields)(object);
        fields.extend(self.hooks.selectable_paths.iter().map(|path| (*path, selected(crate::tree::at(object, path)))));
        fields
    }
}

fn selected(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
