//! Scales of custom controllers: asked of the server, through their scale subresource.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::discovery::Discovery;
use client::{Object, ObjectKey, ResourceType, Rest};
use k8s_openapi::api::autoscaling::v1::Scale as TypedScale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use parking_lot::Mutex;

use super::Others;
use super::expected::Scale;

#[derive(Clone)]
pub struct Scales {
    rest: Rest,
    /// Resources by apiVersion and kind, as far as somebody has asked.
    resources: Arc<Mutex<BTreeMap<(String, String), ResourceType>>>,
}

impl Scales {
    pub fn new(rest: &Rest) -> Self {
        Self { rest: rest.clone(), resources: Arc::default() }
    }

    pub async fn of(&self, owners: Vec<&OwnerReference>, namespace: &str) -> Others {
        let mut scales = Others::new();
        for owner in owners {
            let scale = match self.resource(owner).await {
                Ok(resource) => self.ask(&resource, owner, namespace).await,
                Err(why) => Scale::Failed(why),
            };
            scales.insert(owner.uid.clone(), scale);
        }
        scales
    }

    async fn resource(&self, owner: &OwnerReference) -> Result<ResourceType, String> {
        let key = (owner.api_version.clone(), owner.kind.clone());
        if let Some(resource) = self.resources.lock().get(&key) {
            return Ok(resource.clone());
        }
        let discovery = Discovery::read(&self.rest).await.map_err(|error| error.to_string())?;
        let all = discovery.resources.into_iter().map(|one| one.resource);
        let all = all.map(|resource| ((resource.api_version(), resource.kind.to_string()), resource)).collect();
        *self.resources.lock() = all;
        let found = self.resources.lock().get(&key).cloned();
        found.ok_or_else(|| format!("no matches for kind {:?} in version {:?}", owner.kind, owner.api_version))
    }

    async fn ask(&self, resource: &ResourceType, owner: &OwnerReference, namespace: &str) -> Scale {
        let path = format!("{}/scale", resource.object_path(&ObjectKey::new(namespace, &owner.name)));
        match self.rest.read::<TypedScale>(&path).await {
            Ok(scale) if scale.uid() == owner.uid => {
                Scale::Of(owner.uid.clone(), scale.spec.and_then(|spec| spec.replicas).unwrap_or(0))
            }
            Ok(_) => Scale::NotFound,
            Err(error) if error.is_not_found() => Scale::NotFound,
            Err(error) => Scale::Failed(error.to_string()),
        }
    }
}
