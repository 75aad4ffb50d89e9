//! Image names as people write them, in the full form that registries and records use.

use std::fmt;

use oci_client::Reference;

/// A name with registry, repository and tag or digest: `nginx` is `docker.io/library/nginx:latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    reference: Reference,
}

/// The text is no image name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("couldn't parse image reference {name:?}: invalid reference format: {detail}")]
pub struct NameError {
    pub name: String,
    pub detail: String,
}

impl ImageName {
    /// Reads a name in any of its short forms.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let reference: Reference = name
            .parse()
            .map_err(|error: oci_client::ParseError| NameError { name: name.to_owned(), detail: error.to_string() })?;
        Ok(Self { reference })
    }

    /// The registry's host, `docker.io` for Docker Hub.
    pub fn host(&self) -> &str {
        match self.reference.registry() {
            "index.docker.io" => "docker.io",
            host => host,
        }
    }

    /// The repository within the registry.
    pub fn repository(&self) -> &str {
        self.reference.repository()
    }

    /// The digest, when the name has one.
    pub fn digest(&self) -> Option<&str> {
        self.reference.digest()
    }

    /// `docker.io/library/nginx:1.21`, when the name has a tag and no digest.
    pub fn tagged(&self) -> Option<String> {
        if self.digest().is_some() {
            return None;
        }
        let tag = self.reference.tag().unwrap_or("latest");
        Some(format!("{}/{}:{tag}", self.host(), self.repository()))
    }

    /// `docker.io/library/nginx@sha256:...`.
    pub fn with_digest(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host(), self.repository())
    }

    pub(super) fn reference(&self) -> Reference {
        self.reference.clone()
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.tagged(), self.digest()) {
            (Some(tagged), _) => f.write_str(&tagged),
            (None, Some(digest)) => f.write_str(&self.with_digest(digest)),
            (None, None) => write!(f, "{}", self.reference),
        }
    }
}
