//! Pods from templates, and the short hash that tells templates apart.

use client::Object;
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::ownership::owner_reference;

/// The label whose value tells the Pods of one template from those of another.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// A Pod of a template, owned by `owner`, its name generated from the owner's.
pub fn pod<O: Object + Resource>(template: &PodTemplateSpec, owner: &O) -> Pod {
    let meta = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            namespace: owner.meta().namespace.clone(),
            generate_name: Some(prefix(owner.name())),
            labels: meta.labels,
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(vec![owner_reference(owner)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// `name-`, unless that would not be a valid start of a Pod name.
pub fn prefix(name: &str) -> String {
    if name.ends_with('.') || name.ends_with('-') || name.is_empty() { name.to_owned() } else { format!("{name}-") }
}

/// A hash of anything that serialises, and of how often its value has collided, in an alphabet without vowels.
pub fn hash(value: &impl Serialize, collisions: Option<i32>) -> String {
    let text = serde_json::to_vec(&serde_json::to_value(value).expect("API types serialise to JSON"))
        .expect("JSON trees print");
    let mut sum = fnv1a(0x811c_9dc5, &text);
    if let Some(collisions) = collisions {
        sum = fnv1a(sum, &i64::from(collisions).to_le_bytes());
    }
    safe_encode(&sum.to_string())
}

fn fnv1a(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The digits in characters that make no words.
pub fn safe_encode(text: &str) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    text.bytes().map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

/// Whether two templates are the same but for the hash label.
pub fn is_same(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    a.spec == b.spec && without_hash(a) == without_hash(b)
}

fn without_hash(template: &PodTemplateSpec) -> ObjectMeta {
    let mut meta = template.metadata.clone().unwrap_or_default();
    if let Some(labels) = &mut meta.labels {
        labels.remove(POD_TEMPLATE_HASH);
    }
    meta.labels = meta.labels.filter(|labels| !labels.is_empty());
    meta.annotations = meta.annotations.filter(|annotations| !annotations.is_empty());
    meta.creation_timestamp = None;
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    // k8s.io/apimachinery/pkg/util/rand: bytes index the alphabet modulo its length.
    #[test]
    fn hashes_are_safe_to_read() {
        assert_eq!(safe_encode("0123456789"), "456789bcdf");
        let a = hash(&serde_json::json!({"a": 1}), None);
        assert_eq!(a, hash(&serde_json::json!({"a": 1}), None));
        assert_ne!(a, hash(&serde_json::json!({"a": 1}), Some(1)));
        assert_ne!(hash(&serde_json::json!({"a": 1}), Some(2)), hash(&serde_json::json!({"a": 1}), Some(1)));
    }
}
