//! Objects of which only the metadata counts, whatever their kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

use crate::resource::Object;

/// An object of any kind, reduced to its metadata. Who owns which field and annotations are not read: they are often the largest part (a whole
/// configuration lies in one of kubectl's), there is one of these for every object of the cluster, and nobody asks. Its kind is its asker's to know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PartialObject {
    #[serde(default, deserialize_with = "without_the_largest")]
    pub metadata: ObjectMeta,
}

impl Object for PartialObject {
    /// The informers of metadata are all one component's.
    const SHARED: bool = false;

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// ObjectMeta's fields but managedFields and annotations, which are passed over without being built.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generate_name: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    resource_version: Option<String>,
    self_link: Option<String>,
    uid: Option<String>,
}

fn without_the_largest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let read = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        annotations: None,
        creation_timestamp: read.creation_timestamp,
        deletion_grace_period_seconds: read.deletion_grace_period_seconds,
        deletion_timestamp: read.deletion_timestamp,
        finalizers: read.finalizers,
        generate_name: read.generate_name,
        generation: read.generation,
        labels: read.labels,
        managed_fields: None,
        name: read.name,
        namespace: read.namespace,
        owner_references: read.owner_references,
        resource_version: read.resource_version,
        self_link: read.self_link,
        uid: read.uid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The library's own reading of ObjectMeta is the oracle for every field but the two that are left out.
    #[test]
    fn all_metadata_is_read_but_managed_fields_and_annotations() {
        let metadata = serde_json::json!({
            "annotations": {"a": "1"}, "creationTimestamp": "2026-01-02T03:04:05Z", "deletionGracePeriodSeconds": 30,
            "deletionTimestamp": "2026-01-02T03:04:06Z", "finalizers": ["example.com/f"], "generateName": "n-", "generation": 2,
            "labels": {"l": "2"}, "managedFields": [{"manager": "m", "fieldsV1": {"f:data": {}}}], "name": "n-1", "namespace": "s",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u-2", "controller": true}],
            "resourceVersion": "7", "selfLink": "/x", "uid": "u-1",
        });
        let mut whole: ObjectMeta = serde_json::from_value(metadata.clone()).unwrap();
        (whole.managed_fields, whole.annotations) = (None, None);
        let object =
            serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "v"}});
        let read: PartialObject = serde_json::from_value(object).unwrap();
        assert_eq!(read.metadata, whole);
    }
}
