//! Image names as people write them, made whole: `nginx` is `docker.io/library/nginx:latest`. The rules are those of the
//! distribution project's reference grammar. Leaves out where a registry lives: that is `registries`.

use std::fmt;

use super::digest::Digest;

/// The registry that a name without a host means.
pub const DEFAULT_REGISTRY: &str = "docker.io";
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";
const DEFAULT_TAG: &str = "latest";
/// The longest repository name, host included, that registries accept.
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;

/// A complete image name: with a tag or a digest. Where a name has both, the digest decides and the tag is dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    pub registry: String,
    pub repository: String,
    pub version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    Tag(String),
    Digest(Digest),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid image name {name:?}: {reason}")]
pub struct InvalidReference {
    pub name: String,
    pub reason: &'static str,
}

impl Reference {
    pub fn parse(name: &str) -> Result<Self, InvalidReference> {
        let invalid = |reason| InvalidReference { name: name.to_owned(), reason };
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(Digest::parse(digest).map_err(|_| invalid("the digest is malformed"))?))
            }
            None => (name, None),
        };
        let (path, tag) = split_tag(rest);
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("the tag is malformed"));
        }
        let (registry, repository) = split_registry(path);
        if repository.is_empty() || !repository.split('/').all(is_path_component) {
            return Err(invalid("a repository name is lower case letters, digits and separators"));
        }
        if !is_registry(&registry) {
            return Err(invalid("the registry host is malformed"));
        }
        if registry.len() + 1 + repository.len() > NAME_MAX {
            return Err(invalid("the repository name is longer than 255 characters"));
        }
        let version = match digest {
            Some(digest) => Version::Digest(digest),
            None => Version::Tag(tag.unwrap_or(DEFAULT_TAG).to_owned()),
        };
        Ok(Self { registry, repository, version })
    }

    /// Host and repository without tag or digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same repository at a digest: what CRI calls a repo digest.
    pub fn at(&self, digest: &Digest) -> Self {
        Self { version: Version::Digest(digest.clone()), ..self.clone() }
    }

    pub fn tag(&self) -> Option<&str> {
        match &self.version {
            Version::Tag(tag) => Some(tag),
            Version::Digest(_) => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        match &self.version {
            Version::Tag(tag) => write!(formatter, ":{tag}"),
            Version::Digest(digest) => write!(formatter, "@{digest}"),
        }
    }
}

/// A colon after the last slash begins a tag; before it, a port.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    }
}

fn split_registry(path: &str) -> (String, String) {
    let (registry, repository) = match path.split_once('/') {
        Some((host, repository)) if looks_like_host(host) => (host, repository),
        _ => (DEFAULT_REGISTRY, path),
    };
    let registry = if registry == LEGACY_DEFAULT_REGISTRY { DEFAULT_REGISTRY } else { registry };
    let repository = match registry == DEFAULT_REGISTRY && !repository.contains('/') {
        true => format!("library/{repository}"),
        false => repository.to_owned(),
    };
    (registry.to_owned(), repository)
}

fn looks_like_host(host: &str) -> bool {
    host.contains(['.', ':']) || host == "localhost" || host.chars().any(|c| c.is_ascii_uppercase())
}

fn is_registry(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c))
}

/// Lower case alphanumerics, separated inside by one dot, one or two underscores, or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(alphanumeric) || !component.ends_with(alphanumeric) {
        return false;
    }
    component
        .split(alphanumeric)
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.chars().all(|c| c == '-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= TAG_MAX && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the distribution project's reference tests and the CRI documentation.
    const NORMALISED: &[(&str, &str)] = &[
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.21", "docker.io/library/nginx:1.21"),
        ("fluent/fluentd:latest", "docker.io/fluent/fluentd:latest"),
        ("nvidia/cuda:11.0-base", "docker.io/nvidia/cuda:11.0-base"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
        ("127.0.0.1:5000/busybox", "127.0.0.1:5000/busybox:latest"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("Registry/app", "Registry/app:latest"),
    ];

    #[test]
    fn names_are_made_whole() {
        for (given, whole) in NORMALISED {
            assert_eq!(Reference::parse(given).map(|r| r.to_string()).as_deref(), Ok(*whole), "{given}");
            assert_eq!(Reference::parse(whole).map(|r| r.to_string()).as_deref(), Ok(*whole), "{whole}");
        }
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let reference = Reference::parse(&format!("nginx:1.21@{digest}")).expect("a valid name");
        assert_eq!(reference.to_string(), format!("docker.io/library/nginx@{digest}"));
    }

    #[test]
    fn malformed_names_are_refused() {
        for name in
            ["", ":", "nginx:", "NGINX", "a//b", "/a", "a/", "nginx@sha256:12", "a..b", "nginx:a b", "-a", "http://x/y"]
        {
            assert!(Reference::parse(name).is_err(), "{name:?}");
        }
    }
}
