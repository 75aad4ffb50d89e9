//! What many kinds do alike when they are written: hooks that rows point at.

use serde_json::Value;

use crate::kind::WriteContext;
use crate::{meta, names, tree};

/// A new object's status is the server's and controllers' matter.
pub(crate) fn drop_status(object: &mut Value, _: &WriteContext) {
    tree::remove(object, "status");
}

/// Names of workloads become parts of Pod names.
pub(crate) fn pod_names_warning(object: &Value) -> Vec<String> {
    dns_label_warning(object, "Pod names and hostnames")
}

/// A name that is no DNS label works, with surprises.
pub(crate) fn dns_label_warning(object: &Value, used_in: &str) -> Vec<String> {
    let wrong = names::dns1123_label(meta::name(object));
    if wrong.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in {used_in}, which can result in surprising behavior; a DNS label is recommended: [{}]",
        wrong.join(" ")
    )]
}
