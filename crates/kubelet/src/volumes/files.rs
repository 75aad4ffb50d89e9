//! The volumes that are files made from API objects: which objects and tokens each asks for.

use k8s_openapi::api::core::v1::{Pod, Volume, VolumeProjection};

use super::payload::{self, DEFAULT_MODE, Projection};
use super::{SetUp, VolumeError, Volumes};
use crate::containers::{containers, spec};
use crate::env::resource::Allocatable;
use crate::volumes::atomic::{File, Payload};

/// The wanted content of one volume.
pub(super) struct Files {
    pub kind: &'static str,
    /// Secrets never touch a disk.
    pub in_memory: bool,
    pub payload: Payload,
}

impl Volumes {
    /// The files of a ConfigMap, Secret, downward API or projected volume; None for other kinds.
    pub(super) async fn files(
        &self,
        pod: &Pod,
        volume: &Volume,
        allocatable: &Allocatable,
        set_up: &mut SetUp,
    ) -> Result<Option<Files>, VolumeError> {
        if let Some(source) = &volume.config_map {
            let items = source.items.as_deref().unwrap_or_default();
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            let projection = Projection { items, default_mode: mode, is_optional: source.optional == Some(true) };
            let payload = self.config_map(pod, &source.name, &projection).await?;
            return Ok(Some(Files { kind: "configmap", in_memory: false, payload }));
        }
        if let Some(source) = &volume.secret {
            let items = source.items.as_deref().unwrap_or_default();
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            let projection = Projection { items, default_mode: mode, is_optional: source.optional == Some(true) };
            let name = source.secret_name.clone().unwrap_or_default();
            let payload = self.secret(pod, &name, &projection).await?;
            return Ok(Some(Files { kind: "secret", in_memory: true, payload }));
        }
        if let Some(source) = &volume.downward_api {
            let items = source.items.as_deref().unwrap_or_default();
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            let payload = payload::downward(pod, items, mode, allocatable)?;
            return Ok(Some(Files { kind: "downward-api", in_memory: true, payload }));
        }
        let Some(source) = &volume.projected else { return Ok(None) };
        let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
        let mut payload = Payload::new();
        for part in source.sources.iter().flatten() {
            payload.extend(self.projected(pod, part, mode, (allocatable, &mut *set_up)).await?);
        }
        Ok(Some(Files { kind: "projected", in_memory: true, payload }))
    }

    async fn config_map(&self, pod: &Pod, name: &str, projection: &Projection<'_>) -> Result<Payload, VolumeError> {
        let object = self.config_maps.get(uid(pod), namespace(pod), name).await?;
        Ok(payload::config_map(name, object.as_deref(), projection)?)
    }

    async fn secret(&self, pod: &Pod, name: &str, projection: &Projection<'_>) -> Result<Payload, VolumeError> {
        let object = self.secrets.get(uid(pod), namespace(pod), name).await?;
        Ok(payload::secret(name, object.as_deref(), projection)?)
    }

    async fn projected(
        &self,
        pod: &Pod,
        part: &VolumeProjection,
        mode: i32,
        (allocatable, set_up): (&Allocatable, &mut SetUp),
    ) -> Result<Payload, VolumeError> {
        if let Some(source) = &part.config_map {
            let items = source.items.as_deref().unwrap_or_default();
            let projection = Projection { items, default_mode: mode, is_optional: source.optional == Some(true) };
            return self.config_map(pod, &source.name, &projection).await;
        }
        if let Some(source) = &part.secret {
            let items = source.items.as_deref().unwrap_or_default();
            let projection = Projection { items, default_mode: mode, is_optional: source.optional == Some(true) };
            return self.secret(pod, &source.name, &projection).await;
        }
        if let Some(source) = &part.downward_api {
            let items = source.items.as_deref().unwrap_or_default();
            return Ok(payload::downward(pod, items, mode, allocatable)?);
        }
        if let Some(source) = &part.service_account_token {
            let (token, again_at) = self.tokens.get(pod, source).await?;
            set_up.again_at(again_at);
            return Ok(Payload::from([(source.path.clone(), token_file(pod, token, mode))]));
        }
        if part.cluster_trust_bundle.is_some() {
            return Err(VolumeError::Unsupported("projected.clusterTrustBundle".to_owned()));
        }
        if part.pod_certificate.is_some() {
            return Err(VolumeError::Unsupported("projected.podCertificate".to_owned()));
        }
        Ok(Payload::new())
    }
}

/// A token is for its Pod's user alone where that is known (the service account token volume's KEP).
fn token_file(pod: &Pod, token: String, mode: i32) -> File {
    let user = common_user(pod);
    let has_group = spec(pod).security_context.as_ref().is_some_and(|context| context.fs_group.is_some());
    let mode = if user.is_some() || has_group { 0o600 } else { mode.unsigned_abs() & 0o777 };
    File { data: token.into_bytes(), mode, user }
}

/// The one user all containers run as, if the spec says so.
fn common_user(pod: &Pod) -> Option<u32> {
    let of_pod = spec(pod).security_context.as_ref().and_then(|context| context.run_as_user);
    let mut users = containers(pod)
        .iter()
        .map(|container| container.security_context.as_ref().and_then(|context| context.run_as_user).or(of_pod));
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first).and_then(|user| u32::try_from(user).ok())
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}
