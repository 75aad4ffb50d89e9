//! Image references as a kubelet needs them: default tags, the registry a credential is for, pull policy. Pure.

/// Why a reference is none; upstream's text as far as users see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("couldn't parse image name {image:?}: invalid reference format{detail}")]
pub struct InvalidImage {
    image: String,
    detail: &'static str,
}

/// Splits `name[:tag][@digest]`.
fn split(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    match rest[slash..].find(':') {
        Some(at) => (&rest[..slash + at], Some(&rest[slash + at + 1..]), digest),
        None => (rest, None, digest),
    }
}

fn is_path(part: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    part.bytes().all(ok) && edge(part.as_bytes().first()) && edge(part.as_bytes().last())
}

fn is_tag(tag: &str) -> bool {
    let first = tag.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first
        && tag.len() <= 128
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The registry's host, where the first part of the name is one.
pub fn registry(image: &str) -> &str {
    match split(image).0.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// The reference with `:latest` where it names neither tag nor digest.
pub fn with_default_tag(image: &str) -> Result<String, InvalidImage> {
    let invalid = |detail| InvalidImage { image: image.to_owned(), detail };
    let (name, tag, digest) = split(image);
    let path = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => name,
    };
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid(": repository name must be lowercase"));
    }
    if path.is_empty() || !path.split('/').all(is_path) || !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest) {
        return Err(invalid(""));
    }
    Ok(if tag.is_none() && digest.is_none() { format!("{image}:latest") } else { image.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// image_manager_test.go, TestApplyDefaultImageTag, and docker's reference grammar.
    #[test]
    fn default_tags() {
        for (image, wanted) in [
            ("root", Some("root:latest")),
            ("root:tag", Some("root:tag")),
            (
                "root@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                Some("root@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ),
            (
                "root:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                Some("root:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ),
            ("localhost:5000/a/b", Some("localhost:5000/a/b:latest")),
            ("FOO", None),
            ("a b", None),
            ("a:", None),
            ("", None),
        ] {
            assert_eq!(with_default_tag(image).ok().as_deref(), wanted, "{image}");
        }
    }

    #[test]
    fn registries() {
        for (image, host) in [
            ("nginx", "docker.io"),
            ("a/b", "docker.io"),
            ("ghcr.io/a/b:1", "ghcr.io"),
            ("localhost:5000/x", "localhost:5000"),
        ] {
            assert_eq!(registry(image), host);
        }
    }
}
