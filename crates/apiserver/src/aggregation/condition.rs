//! Whether an APIService can be reached, as far as the stored objects tell (kube-aggregator's pkg/controllers/status/remote). Pure.

use serde_json::{Value, json};

use super::registered::Registered;

/// The Available condition without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Availability {
    pub available: bool,
    pub reason: &'static str,
    pub message: String,
}

impl Availability {
    fn no(reason: &'static str, message: String) -> Self {
        Self { available: false, reason, message }
    }

    pub fn passed() -> Self {
        Self { available: true, reason: "Passed", message: "all checks passed".to_owned() }
    }

    /// This server serves it.
    pub fn local() -> Self {
        Self { available: true, reason: "Local", message: "Local APIServices are always available".to_owned() }
    }

    /// The discovery document could not be had.
    pub fn failed(message: String) -> Self {
        Self::no("FailedDiscoveryCheck", message)
    }

    /// The object with this condition; `None`: it says so already.
    pub fn noted(&self, service: &Value, now: &str) -> Option<Value> {
        let status = if self.available { "True" } else { "False" };
        let mut conditions = service["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let at = conditions.iter().position(|condition| condition["type"] == "Available");
        let before = at.map(|at| conditions.remove(at)).unwrap_or_default();
        let same_status = before["status"] == status;
        if same_status && before["reason"] == self.reason && before["message"] == self.message.as_str() {
            return None;
        }
        let since = if same_status { before["lastTransitionTime"].clone() } else { now.into() };
        conditions.push(json!({
            "type": "Available", "status": status, "reason": self.reason, "message": self.message, "lastTransitionTime": since,
        }));
        let mut service = service.clone();
        service["status"]["conditions"] = conditions.into();
        Some(service)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What the Service and its EndpointSlices say; `None`: it has to be asked.
pub(super) fn stored(registered: &Registered, service: Option<&Value>, slices: &[Value]) -> Option<Availability> {
    let reference = &registered.service;
    let place = format!("service/{} in {:?}", reference.name, reference.namespace);
    let Some(service) = service else {
        return Some(Availability::no("ServiceNotFound", format!("{place} is not present")));
    };
    if !matches!(service["spec"]["type"].as_str(), None | Some("ClusterIP")) {
        return None;
    }
    let port = list(&service["spec"]["ports"]).find(|port| port["port"] == reference.port);
    let Some(port) = port else {
        let message = format!("{place} is not listening on port {}", reference.port);
        return Some(Availability::no("ServicePortError", message));
    };
    if slices.is_empty() {
        return Some(Availability::no("EndpointsNotFound", format!("cannot find endpointslices for {place}")));
    }
    let named = port["name"].as_str().unwrap_or_default();
    let serves = |slice: &Value| {
        list(&slice["endpoints"]).any(|endpoint| endpoint["conditions"]["ready"] != false)
            && list(&slice["ports"])
                .any(|port| port["name"].as_str().unwrap_or_default() == named && !port["port"].is_null())
    };
    if !slices.iter().any(serves) {
        let message = format!("endpointslices for {place} have no addresses with port name {named:?}");
        return Some(Availability::no("MissingEndpoints", message));
    }
    None
}
