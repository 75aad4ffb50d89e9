//! The objects a token is bound to: it dies with them.

use api::kind::Kind;
use serde_json::Value;

use crate::objects::{self, Objects};

/// Clock difference that is tolerated, as upstream's library does.
pub(crate) const LEEWAY_SECONDS: i64 = 60;

/// Looks up bound objects.
pub(crate) struct References<'a> {
    pub objects: &'a Objects,
    pub now: i64,
}

impl References<'_> {
    /// The object behind `{name, uid}`, if it is the same one and was not deleted more than the leeway ago.
    pub(crate) fn holds(&self, kind: &Kind, namespace: &str, reference: &Value) -> bool {
        let name = reference["name"].as_str().unwrap_or_default();
        let Some(item) = self.objects.item(kind, namespace, name) else { return false };
        let same = Some(item.meta.uid.as_str()) == reference["uid"].as_str();
        same && (!item.meta.deleting || !self.deleted_long_ago(&objects::parse(&item)))
    }

    fn deleted_long_ago(&self, object: &Value) -> bool {
        let at = object["metadata"]["deletionTimestamp"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        at.is_some_and(|at| at.as_second() < self.now - LEEWAY_SECONDS)
    }
}
