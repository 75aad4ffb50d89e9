//! PersistentVolumes, their claims, StorageClasses.

use serde_json::Value;

use super::containers::written;
use super::related::Related;
use super::text::{Text, at, items, or_none, pairs, show, text, texts};
use super::{events, volumes};

/// `RWO,ROX`.
fn modes(modes: &[String]) -> String {
    let short = |mode: &String| match mode.as_str() {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    };
    modes.iter().map(short).collect::<Vec<_>>().join(",")
}

fn finalizers(object: &Value, out: &mut Text) {
    out.field(0, "Finalizers", format!("[{}]", texts(object, "metadata.finalizers").join(" ")));
}

pub fn volume(volume: &Value, related: &Related, out: &mut Text) {
    let spec = at(volume, "spec");
    out.field(0, "Name", text(volume, "metadata.name"));
    out.map(0, "Labels", at(volume, "metadata.labels"));
    out.annotations(0, "Annotations", at(volume, "metadata.annotations"));
    finalizers(volume, out);
    out.field(0, "StorageClass", text(spec, "storageClassName"));
    let deleted = !text(volume, "metadata.deletionTimestamp").is_empty();
    let ago =
        || format!("Terminating (lasts {})", events::since(text(volume, "metadata.deletionTimestamp"), related.now));
    out.field(0, "Status", if deleted { ago() } else { text(volume, "status.phase").to_owned() });
    match spec.get("claimRef") {
        Some(claim) => out.field(0, "Claim", format!("{}/{}", text(claim, "namespace"), text(claim, "name"))),
        None => out.field(0, "Claim", ""),
    }
    out.field(0, "Reclaim Policy", text(spec, "persistentVolumeReclaimPolicy"));
    out.field(0, "Access Modes", modes(&texts(spec, "accessModes")));
    out.field_if(0, "VolumeMode", text(spec, "volumeMode"));
    out.field(0, "Capacity", show(at(spec, "capacity.storage")));
    affinity(at(spec, "nodeAffinity"), out);
    out.field(0, "Message", text(volume, "status.message"));
    out.line(0, "Source:");
    const OTHERS: [&str; 3] = ["capacity", "claimRef", "nodeAffinity"];
    let source = spec.as_object().into_iter().flatten().filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    let source: serde_json::Map<String, Value> = source.map(|(name, value)| (name.clone(), value.clone())).collect();
    volumes::source(&Value::Object(source), 2, out);
    events::write(related, out);
}

fn affinity(affinity: &Value, out: &mut Text) {
    if affinity.is_null() {
        return out.line(0, "Node Affinity:\t<none>");
    }
    out.line(0, "Node Affinity:\t");
    let terms = items(affinity, "required.nodeSelectorTerms");
    out.line(1, format_args!("Required Terms:\t{}", if terms.is_empty() { "<none>" } else { "" }));
    for (number, term) in terms.iter().enumerate() {
        let expressions: Vec<String> = items(term, "matchExpressions")
            .iter()
            .map(|expression| {
                let values = texts(expression, "values");
                let values = if values.is_empty() { String::new() } else { format!(" [{}]", values.join(", ")) };
                format!("{} {}{values}", text(expression, "key"), text(expression, "operator").to_lowercase())
            })
            .collect();
        out.line(2, format_args!("Term {number}:\t{}", expressions.first().map_or("<none>", String::as_str)));
        expressions.iter().skip(1).for_each(|expression| out.line(2, format_args!("\t{expression}")));
    }
}

pub fn claim(claim: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(claim, "metadata.name"));
    out.field(0, "Namespace", text(claim, "metadata.namespace"));
    out.field(0, "StorageClass", text(claim, "spec.storageClassName"));
    let deleted = !text(claim, "metadata.deletionTimestamp").is_empty();
    let ago =
        || format!("Terminating (lasts {})", events::since(text(claim, "metadata.deletionTimestamp"), related.now));
    out.field(0, "Status", if deleted { ago() } else { text(claim, "status.phase").to_owned() });
    out.field(0, "Volume", text(claim, "spec.volumeName"));
    out.map(0, "Labels", at(claim, "metadata.labels"));
    out.annotations(0, "Annotations", at(claim, "metadata.annotations"));
    finalizers(claim, out);
    let bound = !text(claim, "spec.volumeName").is_empty();
    let capacity = if bound { written(at(claim, "status.capacity.storage")) } else { String::new() };
    out.field(0, "Capacity", capacity);
    out.field(0, "Access Modes", if bound { modes(&texts(claim, "status.accessModes")) } else { String::new() });
    out.field_if(0, "VolumeMode", text(claim, "spec.volumeMode"));
    if let Some(source) = at(claim, "spec").get("dataSource") {
        out.line(0, "DataSource:");
        out.field_if(1, "APIGroup", text(source, "apiGroup"));
        out.field(1, "Kind", text(source, "kind"));
        out.field(1, "Name", text(source, "name"));
    }
    let name = text(claim, "metadata.name");
    let uses = |pod: &&Value| {
        items(pod, "spec.volumes").iter().any(|volume| text(volume, "persistentVolumeClaim.claimName") == name)
    };
    let users: Vec<String> =
        related.pods.iter().filter(uses).map(|pod| text(pod, "metadata.name").to_owned()).collect();
    out.several(0, "Used By", &users);
    events::write(related, out);
}

pub fn class(class: &Value, related: &Related, out: &mut Text) {
    let annotation = &at(class, "metadata.annotations")["storageclass.kubernetes.io/is-default-class"];
    out.field(0, "Name", text(class, "metadata.name"));
    out.field(0, "IsDefaultClass", if annotation == "true" { "Yes" } else { "No" });
    out.field(0, "Annotations", pairs(at(class, "metadata.annotations")));
    out.field(0, "Provisioner", text(class, "provisioner"));
    out.field(0, "Parameters", pairs(at(class, "parameters")));
    let allowed = at(class, "allowVolumeExpansion");
    out.field(
        0,
        "AllowVolumeExpansion",
        if allowed.is_null() {
            "<unset>"
        } else if allowed == true {
            "True"
        } else {
            "False"
        },
    );
    let options = texts(class, "mountOptions");
    if options.is_empty() {
        out.field(0, "MountOptions", "<none>");
    } else {
        out.line(0, "MountOptions:");
        options.iter().for_each(|option| out.line(1, option));
    }
    out.field_if(0, "ReclaimPolicy", text(class, "reclaimPolicy"));
    out.field_if(0, "VolumeBindingMode", or_none(text(class, "volumeBindingMode")));
    events::write(related, out);
}
