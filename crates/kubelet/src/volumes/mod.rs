//! A Pod's volumes on the node: made before its containers, kept up to date, taken down after them. A row per kind of
//! volume; kinds that need a CSI driver are refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::env::Env;
use client::Rest;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Volume};

use crate::config::Ledger;
use crate::containers::spec;
use crate::env::resource::Allocatable;
use crate::objects::{NotSynced, Objects, Wake};

pub mod atomic;
mod empty_dir;
mod files;
mod host_path;
pub mod mounts;
pub mod payload;
mod sub_path;
mod teardown;
#[cfg(test)]
mod tests;
mod tmpfs;
pub mod token;

/// Why a volume is not there.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    #[error("{0}")]
    Payload(#[from] payload::PayloadError),
    #[error("{0}")]
    NotSynced(#[from] NotSynced),
    #[error("failed to fetch token: {0}")]
    Token(#[from] client::Error),
    #[error("{step} {}: {source}", .path.display())]
    File { step: &'static str, path: PathBuf, source: std::io::Error },
    #[error("hostPath type check failed: {} is not a {wanted}", .path.display())]
    HostPathType { path: PathBuf, wanted: &'static str },
    #[error("volume kind {0} is not served by this kubelet")]
    Unsupported(String),
    #[error("failed to prepare subPath for volumeMount {volume:?} of container {container:?}: {reason}")]
    SubPath { volume: String, container: String, reason: String },
}

impl VolumeError {
    pub(crate) fn file(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }
}

/// A volume that failed, by name.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {name:?} : {source}")]
pub struct SetUpError {
    pub name: String,
    pub source: VolumeError,
}

/// Where the volumes are, and when their content must be looked at again (a token's renewal).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetUp {
    pub paths: BTreeMap<String, PathBuf>,
    pub again_at: Option<Timestamp>,
}

impl SetUp {
    fn again_at(&mut self, at: Timestamp) {
        self.again_at = Some(self.again_at.map_or(at, |known| known.min(at)));
    }
}

/// Makes the volumes of this node's Pods.
pub struct Volumes {
    root: PathBuf,
    env: Env,
    config_maps: Objects<ConfigMap>,
    secrets: Objects<Secret>,
    tokens: token::Tokens,
    ledger: Arc<dyn Ledger>,
}

impl Volumes {
    pub fn new(config: &crate::config::Config, client: &kube::Client, env: &Env, wake: &Wake) -> Self {
        let stop = || config.stop.child_token();
        Self {
            root: config.root.clone(),
            env: env.clone(),
            config_maps: Objects::new(client.clone(), env.clone(), stop(), wake.clone()),
            secrets: Objects::new(client.clone(), env.clone(), stop(), wake.clone()),
            tokens: token::Tokens::new(Rest::new(client.clone()), env.clone()),
            ledger: config.ledger.clone(),
        }
    }

    fn pod_directory(&self, pod: &Pod) -> PathBuf {
        self.root.join("pods").join(pod.metadata.uid.as_deref().unwrap_or_default())
    }

    /// `volumes/kubernetes.io~KIND/NAME`, upstream's layout.
    fn volume_directory(&self, pod: &Pod, kind: &str, name: &str) -> PathBuf {
        self.pod_directory(pod).join("volumes").join(format!("kubernetes.io~{kind}")).join(name)
    }

    /// Where an emptyDir lies.
    pub fn empty_dir(&self, pod: &Pod, name: &str) -> PathBuf {
        self.volume_directory(pod, "empty-dir", name)
    }

    /// Makes every volume, or brings it up to date. Repeating it changes nothing that is right.
    pub async fn set_up(&self, pod: &Pod, allocatable: &Allocatable) -> Result<SetUp, Vec<SetUpError>> {
        let mut set_up = SetUp::default();
        let mut failed = Vec::new();
        for volume in spec(pod).volumes.iter().flatten() {
            match self.one(pod, volume, allocatable, &mut set_up).await {
                Ok(path) => drop(set_up.paths.insert(volume.name.clone(), path)),
                Err(source) => failed.push(SetUpError { name: volume.name.clone(), source }),
            }
        }
        if failed.is_empty() { Ok(set_up) } else { Err(failed) }
    }

    async fn one(
        &self,
        pod: &Pod,
        volume: &Volume,
        allocatable: &Allocatable,
        set_up: &mut SetUp,
    ) -> Result<PathBuf, VolumeError> {
        if let Some(source) = &volume.empty_dir {
            return empty_dir::set_up(self, pod, &volume.name, source);
        }
        if let Some(source) = &volume.host_path {
            return host_path::set_up(source);
        }
        if let Some(files) = self.files(pod, volume, allocatable, set_up).await? {
            let directory = self.volume_directory(pod, files.kind, &volume.name);
            if files.in_memory {
                tmpfs::mount(&*self.ledger, &directory, None)?;
            } else {
                create_directory(&directory)?;
            }
            let group = fs_group(pod);
            let written = atomic::write(&directory, &files.payload, group, self.env.now());
            written.map_err(VolumeError::file("write volume", &directory))?;
            return Ok(directory);
        }
        Err(VolumeError::Unsupported(kind_name(volume)))
    }

    /// Takes the Pod's volumes down; its containers' files stay for their messages. The containers have ended.
    pub fn unmount(&self, uid: &str) -> Result<(), VolumeError> {
        let directory = self.root.join("pods").join(uid);
        for part in ["volume-subpaths", "volumes"] {
            teardown::tear_down(&*self.ledger, &directory.join(part))?;
        }
        self.config_maps.release(uid);
        self.secrets.release(uid);
        self.tokens.release(uid);
        Ok(())
    }

    /// Removes everything of a Pod that is gone.
    pub fn remove(&self, uid: &str) -> Result<(), VolumeError> {
        self.unmount(uid)?;
        teardown::tear_down(&*self.ledger, &self.root.join("pods").join(uid))
    }

    /// The uids of Pods that have a directory here.
    pub fn pods(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join("pods")) else { return Vec::new() };
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }
}

/// The group that owns a Pod's volumes.
fn fs_group(pod: &Pod) -> Option<u32> {
    let group = spec(pod).security_context.as_ref()?.fs_group?;
    u32::try_from(group).ok()
}

fn create_directory(directory: &Path) -> Result<(), VolumeError> {
    std::fs::create_dir_all(directory).map_err(VolumeError::file("create directory", directory))
}

/// The name of the field that is set, for a refusal.
fn kind_name(volume: &Volume) -> String {
    let tree = serde_json::to_value(volume).unwrap_or_default();
    let fields = tree.as_object().into_iter().flatten();
    fields.map(|(field, _)| field.clone()).find(|field| field != "name").unwrap_or_else(|| "(none)".to_owned())
}
