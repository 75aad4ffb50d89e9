//! Talking to registries: mirrors, credentials, manifests, blobs. Digests of what comes in are checked by whoever stores it.

use std::collections::BTreeMap;

use futures::StreamExt;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{ImageError, ImageName, architecture};

/// Where images of a host come from instead, tried in order before the host itself: `docker.io` -> `http://127.0.0.1:5000`.
pub type Mirrors = BTreeMap<String, Vec<String>>;

/// Credentials for one pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullAuth {
    pub user_name: String,
    pub password: String,
    pub registry_token: String,
}

/// A manifest for our platform, with where its blobs are.
pub(super) struct Resolved {
    client: Client,
    reference: Reference,
    /// Digest that the name stands for (of the index, where there is one).
    pub(super) digest: String,
    pub(super) config: OciDescriptor,
    pub(super) layers: Vec<OciDescriptor>,
}

const MANIFEST_TYPES: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Finds the manifest of `name`: at the first mirror that has it, else at the registry.
pub(super) async fn resolve(name: &ImageName, mirrors: &Mirrors, auth: &PullAuth) -> Result<Resolved, ImageError> {
    let mut last = None;
    for mirror in mirrors.get(name.host()).into_iter().flatten() {
        let (host, plain) = mirror_host(mirror);
        let mut reference = name.reference();
        reference.set_mirror_registry(host.to_owned());
        match resolve_at(name, reference, plain.then_some(host), auth).await {
            Ok(resolved) => return Ok(resolved),
            Err(error) => {
                tracing::warn!(image = %name, mirror, %error, "the mirror does not give the image");
                last = Some(error);
            }
        }
    }
    // A mirror stands for its host: only where no mirror answers at all is the host itself asked.
    match last {
        Some(error @ (ImageError::NotFound { .. } | ImageError::Platform { .. } | ImageError::Denied { .. })) => {
            Err(error)
        }
        _ => resolve_at(name, name.reference(), None, auth).await,
    }
}

fn mirror_host(url: &str) -> (&str, bool) {
    let plain = url.starts_with("http://");
    let host = url.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
    (host, plain)
}

async fn resolve_at(
    name: &ImageName,
    reference: Reference,
    plain: Option<&str>,
    auth: &PullAuth,
) -> Result<Resolved, ImageError> {
    let protocol = plain.map_or(ClientProtocol::Https, |host| ClientProtocol::HttpsExcept(vec![host.to_owned()]));
    let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
    let auth = credentials(auth);
    let failed = |error| explain(name, &error);
    client.auth(&reference, &auth, RegistryOperation::Pull).await.map_err(failed)?;
    let (bytes, digest) = client.pull_manifest_raw(&reference, &auth, MANIFEST_TYPES).await.map_err(failed)?;
    let manifest = parse(name, &bytes)?;
    let image = match manifest {
        OciManifest::Image(image) => image,
        OciManifest::ImageIndex(index) => {
            let wanted = choose(name, &index.manifests)?;
            let reference = reference.clone_with_digest(wanted);
            let (bytes, _) = client.pull_manifest_raw(&reference, &auth, MANIFEST_TYPES).await.map_err(failed)?;
            match parse(name, &bytes)? {
                OciManifest::Image(image) => image,
                OciManifest::ImageIndex(_) => {
                    let what = format!("manifest of {name}");
                    return Err(ImageError::Malformed { what, detail: "an index within an index".to_owned() });
                }
            }
        }
    };
    Ok(Resolved { client, reference, digest, config: image.config, layers: image.layers })
}

impl Resolved {
    /// Reads a small blob whole.
    pub(super) async fn blob(&self, name: &ImageName, descriptor: &OciDescriptor) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        self.download(name, descriptor, &mut bytes).await?;
        Ok(bytes)
    }

    /// Writes a blob to `out` as it comes.
    pub(super) async fn download(
        &self,
        name: &ImageName,
        descriptor: &OciDescriptor,
        out: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), ImageError> {
        let failed = |error| explain(name, &error);
        let mut stream = self.client.pull_blob_stream(&self.reference, descriptor).await.map_err(failed)?;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| failed(OciDistributionError::IoError(error)))?;
            out.write_all(&chunk).await.map_err(|error| failed(OciDistributionError::IoError(error)))?;
        }
        out.flush().await.map_err(|error| failed(OciDistributionError::IoError(error)))
    }
}

fn parse(name: &ImageName, bytes: &[u8]) -> Result<OciManifest, ImageError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ImageError::Malformed { what: format!("manifest of {name}"), detail: error.to_string() })
}

fn choose(name: &ImageName, manifests: &[oci_client::manifest::ImageIndexEntry]) -> Result<String, ImageError> {
    let platform = |entry: &oci_client::manifest::ImageIndexEntry| {
        entry.platform.as_ref().map(|platform| format!("{}/{}", platform.os, platform.architecture)).unwrap_or_default()
    };
    let wanted = format!("linux/{}", architecture());
    manifests.iter().find(|entry| platform(entry) == wanted).map(|entry| entry.digest.clone()).ok_or_else(|| {
        let mut offered: Vec<String> = manifests.iter().map(platform).collect();
        offered.sort();
        offered.dedup();
        ImageError::Platform { name: name.to_string(), platform: wanted, offered: offered.join(", ") }
    })
}

fn credentials(auth: &PullAuth) -> RegistryAuth {
    if !auth.registry_token.is_empty() {
        return RegistryAuth::Bearer(auth.registry_token.clone());
    }
    if auth.user_name.is_empty() {
        return RegistryAuth::Anonymous;
    }
    RegistryAuth::Basic(auth.user_name.clone(), auth.password.clone())
}

/// containerd's words for the causes that users know; everything else as the registry says it.
fn explain(name: &ImageName, error: &OciDistributionError) -> ImageError {
    let name = name.to_string();
    let detail = error.to_string();
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) | OciDistributionError::ServerError { code: 404, .. } => {
            ImageError::NotFound { name }
        }
        OciDistributionError::RegistryError { .. } if detail.contains("unknown") => ImageError::NotFound { name },
        OciDistributionError::UnauthorizedError { .. } => ImageError::Denied { name, detail },
        _ => ImageError::Pull { name, detail: chain(error) },
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = source.source();
    }
    text
}
