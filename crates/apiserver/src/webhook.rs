//! Webhooks: a review is sent to an address or to a ready endpoint of a Service, over TLS that the webhook's own authority vouches for.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio_rustls::TlsConnector;

use crate::dialer::{Dialer, Resolver, ServiceReference};
use crate::pki::{pem_decode, trusting};
use crate::server::Inner;

/// Answers are reviews, not bulk.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    place: Place,
    path: String,
    /// Concatenated certificates in PEM.
    authorities: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Address { host: String, port: u16 },
    Service { namespace: String, name: String, port: u16 },
}

impl Target {
    /// Reads a WebhookClientConfig.
    pub fn read(config: &Value) -> Result<Self, String> {
        let bundle = config["caBundle"].as_str().unwrap_or_default();
        let authorities =
            STANDARD.decode(bundle).map_err(|error| format!("unable to load root certificates: {error}"))?;
        if let Some(url) = config["url"].as_str() {
            let (place, path) = address(url)?;
            return Ok(Self { place, path, authorities });
        }
        let service = &config["service"];
        let text = |field: &str| service[field].as_str().unwrap_or_default().to_owned();
        let port = service["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(443);
        let path = match text("path") {
            path if path.is_empty() => "/".to_owned(),
            path => path,
        };
        Ok(Self { place: Place::Service { namespace: text("namespace"), name: text("name"), port }, path, authorities })
    }

    /// The name its certificate has to have, and what stands in Host.
    fn server_name(&self) -> (String, String) {
        match &self.place {
            Place::Address { host, port } => (host.trim_matches(['[', ']']).to_owned(), format!("{host}:{port}")),
            Place::Service { namespace, name, port } => {
                let name = format!("{name}.{namespace}.svc");
                (name.clone(), format!("{name}:{port}"))
            }
        }
    }
}

fn address(url: &str) -> Result<(Place, String), String> {
    let rest = url.strip_prefix("https://").ok_or_else(|| format!("{url:?} is no https address"))?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse().map_err(|_| format!("{url:?} has no valid port"))?)
        }
        _ => (authority, 443),
    };
    let path = if path.is_empty() { "/" } else { path };
    Ok((Place::Address { host: host.to_owned(), port }, path.to_owned()))
}

/// Sends `body` and reads the answer, within the time given.
pub(crate) async fn post(server: &Arc<Inner>, target: &Target, body: &Value, seconds: u64) -> Result<Value, String> {
    let dialer = server.dialer.clone().ok_or("this server calls no webhooks")?;
    let answer = tokio::time::timeout(Duration::from_secs(seconds), send(server, &*dialer, target, body)).await;
    answer.map_err(|_| "context deadline exceeded".to_owned())?
}

async fn send(server: &Inner, dialer: &dyn Dialer, target: &Target, body: &Value) -> Result<Value, String> {
    let (name, authority) = target.server_name();
    let url = format!("https://{authority}{}", target.path);
    let failed = |error: &dyn std::fmt::Display| format!("Post {url:?}: {error}");
    let (host, port) = match &target.place {
        Place::Address { host, port } => (host.trim_matches(['[', ']']).to_owned(), *port),
        Place::Service { namespace, name, port } => {
            let service = ServiceReference {
                namespace: namespace.clone(),
                name: name.clone(),
                port: *port,
                path: target.path.clone(),
            };
            Resolver::new(server.objects.clone()).resolve(&service).map_err(|error| failed(&error))?
        }
    };
    let stream = dialer.dial(&host, port).await.map_err(|error| failed(&error))?;
    let server_name = ServerName::try_from(name).map_err(|error| failed(&error))?;
    let connector = TlsConnector::from(Arc::new(client_config(&target.authorities).map_err(|error| failed(&error))?));
    let stream = connector.connect(server_name, stream).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    server.objects.env().spawn("webhook connection", async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a webhook's connection ended");
        }
    });
    let request = Request::post(&target.path)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "kube-apiserver-admission")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| failed(&error))?;
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let status = response.status();
    let bytes = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|error| failed(&error))?;
    let bytes = bytes.to_bytes();
    if !matches!(status, StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED) {
        return Err(format!("the server returned {status}: {}", String::from_utf8_lossy(&bytes)));
    }
    serde_json::from_slice(&bytes).map_err(|error| failed(&error))
}

/// Trusts the webhook's own authorities only.
fn client_config(authorities: &[u8]) -> Result<ClientConfig, String> {
    let certificates = pem_decode("CERTIFICATE", &String::from_utf8_lossy(authorities));
    if certificates.is_empty() {
        return Err("the webhook's clientConfig has no caBundle to verify it with".to_owned());
    }
    let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    trusting(&certificates).map_err(|error| format!("unable to load root certificates: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn targets_have_a_name_to_verify_and_a_place() {
        let service =
            Target::read(&json!({"service": {"namespace": "ops", "name": "hook", "path": "/convert"}})).unwrap();
        assert_eq!(service.server_name(), ("hook.ops.svc".to_owned(), "hook.ops.svc:443".to_owned()));
        assert_eq!(service.path, "/convert");
        let url = Target::read(&json!({"url": "https://10.0.0.1:8443/a/b"})).unwrap();
        assert_eq!(url.server_name(), ("10.0.0.1".to_owned(), "10.0.0.1:8443".to_owned()));
        assert_eq!(url.path, "/a/b");
        assert!(Target::read(&json!({"url": "http://example.com"})).is_err());
        assert!(client_config(b"").is_err());
    }
}
