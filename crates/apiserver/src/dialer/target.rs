//! Where a call goes: an address as configurations of webhooks and APIServices write it, and whom to trust there.

use serde_json::Value;

use super::trust::Trust;

const HTTPS_PORT: u16 = 443;

/// A Service's port, and a path behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceReference {
    pub namespace: String,
    pub name: String,
    pub port: u16,
    pub path: String,
}

/// A place in the cluster, or anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `https://host[:port][/path]`, resolved by the machine.
    Url(String),
    /// Resolved by the server itself to a ready endpoint.
    Service(ServiceReference),
}

/// Address and trust of one other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub address: Address,
    pub trust: Trust,
}

impl ServiceReference {
    /// From `{namespace, name, port, path}`; 443 is the port unless another is named.
    pub fn of(reference: &Value) -> Self {
        let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
        let port = reference["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(HTTPS_PORT);
        Self { namespace: text("namespace"), name: text("name"), port, path: text("path") }
    }

    /// The name its certificate has to be for.
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

impl Target {
    /// From a WebhookClientConfig: `url` or `service`, `caBundle`.
    pub fn of(config: &Value) -> Option<Self> {
        let address = match (config["url"].as_str(), &config["service"]) {
            (Some(url), _) => Address::Url(url.to_owned()),
            (None, Value::Object(_)) => Address::Service(ServiceReference::of(&config["service"])),
            _ => return None,
        };
        Some(Self { address, trust: Trust::of(&config["caBundle"]) })
    }

    /// The address as errors show it and as requests are sent to it.
    pub fn url(&self) -> String {
        match &self.address {
            Address::Url(url) => url.clone(),
            Address::Service(service) => {
                let slash = if service.path.starts_with('/') || service.path.is_empty() { "" } else { "/" };
                format!("https://{}:{}{slash}{}", service.server_name(), service.port, service.path)
            }
        }
    }
}
