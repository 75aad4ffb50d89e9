//! The hash of what makes a running container another one: its name and image, the fields upstream's `HashContainer` picks.
//! The number itself is ours: containers that another kubelet started are restarted once.

use k8s_openapi::api::core::v1::Container;
use serde_json::json;

/// FNV-1a with 32 bits over the JSON of name and image.
pub fn container_hash(container: &Container) -> u64 {
    let picked = json!({"image": container.image.as_deref().unwrap_or_default(), "name": container.name});
    let hash = picked
        .to_string()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u64::from(hash)
}

/// As it stands in the container's annotation.
pub fn to_annotation(hash: u64) -> String {
    format!("{hash:x}")
}

pub fn from_annotation(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In-place image updates restart the container; other fields must not (upstream's TestHashContainer).
    #[test]
    fn name_and_image_count_and_nothing_else() {
        let container = |name: &str, image: &str| Container {
            name: name.into(),
            image: Some(image.into()),
            ..Container::default()
        };
        assert_ne!(container_hash(&container("a", "x")), container_hash(&container("a", "y")));
        assert_ne!(container_hash(&container("a", "x")), container_hash(&container("b", "x")));
        let more = Container { command: Some(vec!["sh".into()]), ..container("a", "x") };
        assert_eq!(container_hash(&container("a", "x")), container_hash(&more));
        let hash = container_hash(&more);
        assert_eq!(from_annotation(&to_annotation(hash)), hash);
    }
}
