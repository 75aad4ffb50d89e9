//! Image manifests, indexes and configs: the fields we read of the OCI image specification and Docker's schema 2, which
//! share their shapes, and the choice of a platform. Docker's schema 1 is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// What we ask a registry for.
pub const ACCEPTED: [&str; 4] = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    #[serde(default)]
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// A manifest (config and layers) or an index (manifests): one shape, told apart by what is present.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    #[serde(default)]
    pub schema_version: u32,
    #[serde(default)]
    pub media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Descriptor>,
}

/// The image config, as far as a runtime reads it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Image {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub variant: String,
    #[serde(default)]
    pub config: Config,
    #[serde(default)]
    pub rootfs: RootFs,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RootFs {
    #[serde(default)]
    pub diff_ids: Vec<Digest>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    #[serde(deserialize_with = "null_is_empty")]
    pub user: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub cmd: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub volumes: BTreeMap<String, serde_json::Value>,
    #[serde(deserialize_with = "null_is_empty")]
    pub working_dir: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub stop_signal: String,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

impl Platform {
    /// The platform that this build runs on, in Go's words, which images use.
    pub fn host() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", ""),
            "aarch64" => ("arm64", "v8"),
            "arm" => ("arm", "v7"),
            "powerpc64" => ("ppc64le", ""),
            other => (other, ""),
        };
        Self { os: "linux".into(), architecture: architecture.into(), variant: variant.into() }
    }

    /// How well an image for `self` runs on `host`: none, or the higher the better.
    fn fitness(&self, host: &Self) -> Option<u8> {
        if self.os != host.os || self.architecture != host.architecture {
            return None;
        }
        match (self.variant.as_str(), host.variant.as_str()) {
            (image, host) if image == host => Some(3),
            ("", _) => Some(2),
            // amd64 has micro-architecture levels; only the base one is known to run here.
            ("v1", "") => Some(2),
            ("v8.0", "v8") => Some(2),
            (image, host) if image < host => Some(1),
            _ => None,
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(formatter, "/{}", self.variant) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no match for platform {wanted} in manifest: the image is built for {offered}")]
pub struct NoPlatform {
    pub wanted: String,
    pub offered: String,
}

/// Picks the manifest of an index that runs on `host`. Attestations (platform unknown/unknown) are no candidates.
pub fn choose<'a>(index: &'a [Descriptor], host: &Platform) -> Result<&'a Descriptor, NoPlatform> {
    let platform_of = |descriptor: &Descriptor| descriptor.platform.clone().unwrap_or_default();
    let mut best: Option<(u8, &Descriptor)> = None;
    for descriptor in index {
        // A lone manifest without a platform is taken at its word; its config is checked when it has been read.
        let fitness = if descriptor.platform.is_none() { Some(0) } else { platform_of(descriptor).fitness(host) };
        if let Some(fitness) = fitness
            && best.is_none_or(|(so_far, _)| fitness > so_far)
        {
            best = Some((fitness, descriptor));
        }
    }
    best.map(|(_, descriptor)| descriptor).ok_or_else(|| NoPlatform {
        wanted: host.to_string(),
        offered: index
            .iter()
            .map(|descriptor| platform_of(descriptor).to_string())
            .filter(|platform| platform != "unknown/unknown")
            .collect::<Vec<_>>()
            .join(", "),
    })
}

impl Image {
    /// Refuses an image whose config names another platform.
    pub fn check_platform(&self, host: &Platform) -> Result<(), NoPlatform> {
        let own =
            Platform { os: self.os.clone(), architecture: self.architecture.clone(), variant: self.variant.clone() };
        if own.architecture.is_empty() || own.fitness(host).is_some() {
            return Ok(());
        }
        Err(NoPlatform { wanted: host.to_string(), offered: own.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(platform: &str) -> Descriptor {
        let mut parts = platform.split('/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let platform = Platform { os: next(), architecture: next(), variant: next() };
        let digest = Digest::of(platform.to_string().as_bytes());
        Descriptor {
            media_type: OCI_MANIFEST.into(),
            digest,
            size: 1,
            platform: Some(platform),
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn the_best_platform_is_chosen() {
        let cases: &[(&str, &[&str], Option<&str>)] = &[
            ("linux/amd64", &["linux/arm64/v8", "linux/amd64"], Some("linux/amd64")),
            ("linux/arm64/v8", &["linux/amd64", "linux/arm64"], Some("linux/arm64")),
            ("linux/arm64/v8", &["linux/arm64", "linux/arm64/v8"], Some("linux/arm64/v8")),
            ("linux/arm/v7", &["linux/arm/v6", "linux/arm/v7"], Some("linux/arm/v7")),
            ("linux/arm/v7", &["linux/arm/v6", "linux/arm/v8"], Some("linux/arm/v6")),
            ("linux/amd64", &["unknown/unknown", "windows/amd64", "linux/s390x"], None),
        ];
        for (host, offered, expected) in cases {
            let host = descriptor(host).platform.expect("given");
            let index: Vec<_> = offered.iter().map(|p| descriptor(p)).collect();
            let chosen = choose(&index, &host).ok().map(|d| d.platform.as_ref().expect("given").to_string());
            assert_eq!(chosen.as_deref(), *expected, "{host} of {offered:?}");
        }
    }

    #[test]
    fn the_error_names_what_there_is() {
        let index = [descriptor("unknown/unknown"), descriptor("windows/amd64"), descriptor("linux/s390x")];
        let error = choose(&index, &descriptor("linux/amd64").platform.expect("given")).expect_err("none fits");
        let text = "no match for platform linux/amd64 in manifest: the image is built for windows/amd64, linux/s390x";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn nulls_in_configs_are_empty() {
        let image: Image = serde_json::from_str(
            r#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Cmd":["sh"],"Volumes":null,"User":null},"rootfs":{"type":"layers","diff_ids":[]}}"#,
        )
        .expect("a config as old builders write it");
        assert_eq!(image.config.cmd, ["sh"]);
        assert!(image.config.env.is_empty() && image.config.volumes.is_empty() && image.config.user.is_empty());
    }
}
