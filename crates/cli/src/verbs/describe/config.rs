//! ConfigMaps, Secrets, ServiceAccounts, PriorityClasses.

use base64::Engine;
use serde_json::Value;

use super::events;
use super::related::Related;
use super::text::{Text, at, flag, items, number, text};

fn head(object: &Value, out: &mut Text) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    out.map(0, "Labels", at(object, "metadata.labels"));
    out.annotations(0, "Annotations", at(object, "metadata.annotations"));
}

fn length(value: &Value) -> usize {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
    bytes.map_or(0, |bytes| bytes.len())
}

pub fn config_map(map: &Value, related: &Related, out: &mut Text) {
    head(map, out);
    out.raw("\nData\n====\n");
    for (key, value) in at(map, "data").as_object().into_iter().flatten() {
        out.raw(&format!("{key}:\n----\n{}\n\n", value.as_str().unwrap_or_default()));
    }
    out.raw("\nBinaryData\n====\n");
    for (key, value) in at(map, "binaryData").as_object().into_iter().flatten() {
        out.raw(&format!("{key}: {} bytes\n", length(value)));
    }
    out.raw("\n");
    events::write(related, out);
}

pub fn secret(secret: &Value, _: &Related, out: &mut Text) {
    head(secret, out);
    out.raw(&format!("\nType:\t{}\n\nData\n====\n", text(secret, "type")));
    for (key, value) in at(secret, "data").as_object().into_iter().flatten() {
        out.raw(&format!("{key}:\t{} bytes\n", length(value)));
    }
}

pub fn service_account(account: &Value, related: &Related, out: &mut Text) {
    head(account, out);
    for (name, path) in [("Image pull secrets", "imagePullSecrets"), ("Mountable secrets", "secrets")] {
        let names: Vec<String> = items(account, path).iter().map(|entry| known(text(entry, "name"), related)).collect();
        out.several(0, name, &names);
    }
    let uid = text(account, "metadata.uid");
    let token = |secret: &&Value| {
        text(secret, "type") == "kubernetes.io/service-account-token"
            && at(secret, "metadata.annotations")["kubernetes.io/service-account.uid"] == uid
    };
    let tokens = related.secrets.iter().filter(token).map(|secret| text(secret, "metadata.name").to_owned());
    out.several(0, "Tokens", &tokens.collect::<Vec<_>>());
    events::write(related, out);
}

/// A Secret's name, with a note where there is none of that name.
fn known(name: &str, related: &Related) -> String {
    let there = related.secrets.iter().any(|secret| text(secret, "metadata.name") == name);
    if there { name.to_owned() } else { format!("{name} (not found)") }
}

pub fn priority_class(class: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(class, "metadata.name"));
    out.field(0, "Value", number(class, "value"));
    out.field(0, "GlobalDefault", flag(class, "globalDefault"));
    out.field(0, "PreemptionPolicy", text(class, "preemptionPolicy"));
    out.field(0, "Description", text(class, "description"));
    out.annotations(0, "Annotations", at(class, "metadata.annotations"));
    events::write(related, out);
}
