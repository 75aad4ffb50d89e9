//! The cluster a command line means: kubeconfig, context, namespace; and raw requests to it.

mod transport;

use client::{Connection, Rest};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;
use serde_json::Value;

use crate::discovery::Discovery;
use crate::error::{Error, Result};
use crate::flags::Global;
use crate::kubeconfig;
use crate::verbs::wait;

/// An opened cluster.
pub struct Cluster {
    pub rest: Rest,
    pub server: String,
    pub namespace: String,
    /// When the command began.
    pub now: Timestamp,
    /// For connections of one's own: exec, attach, port-forward.
    pub connection: Connection,
    /// Headers that every request has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `-n` was given.
    pub namespace_given: bool,
}

impl Cluster {
    /// Opens what the kubeconfig and the flags over it say.
    pub fn open(global: &Global, now: Timestamp) -> Result<Self> {
        let mut connection = kubeconfig::connection(global)?;
        if let Some(server) = &global.server {
            connection.server.clone_from(server);
        }
        if let Some(token) = &global.token {
            connection.identity = client::Identity::Token(token.clone());
        }
        if let Some((chain, key)) = global.client_certificate.as_ref().zip(global.client_key.as_ref()) {
            let (chain, key) = (kubeconfig::read(chain)?, kubeconfig::read(key)?);
            connection.identity = client::Identity::Certificate { chain, key };
        }
        if let Some(file) = &global.certificate_authority {
            connection.ca = kubeconfig::read(file)?;
        }
        if global.tls_server_name.is_some() {
            connection.server_name.clone_from(&global.tls_server_name);
        }
        connection.insecure |= global.insecure_skip_tls_verify;
        let namespace = global.namespace.clone().unwrap_or_else(|| connection.namespace.clone());
        let http = client::tls::connect(&connection, client::tls::Http::Any)?;
        let headers = global.impersonate.headers()?;
        let plain = global.request_timeout.bytes().all(|byte| byte.is_ascii_digit());
        let limit = wait::duration(&format!("{}{}", global.request_timeout, if plain { "s" } else { "" }))?;
        Ok(Self {
            rest: Rest::new(transport::wrap(http, headers.clone(), limit)),
            server: connection.server.clone(),
            now,
            connection,
            namespace: if namespace.is_empty() { "default".to_owned() } else { namespace },
            headers,
            namespace_given: global.namespace.is_some(),
        })
    }

    /// What the server serves.
    pub async fn discovery(&self) -> Result<Discovery> {
        Discovery::read(&self.rest).await
    }

    /// GETs a path as the media type `accept` and gives the bytes.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>> {
        let response = self.stream(path, accept).await?;
        let bytes = response.into_body().collect().await;
        Ok(bytes.map_err(|error| Error::Use(format!("{path}: {error}")))?.to_bytes().to_vec())
    }

    /// As [`Cluster::get`], with the body still to be read; a refusal becomes an error.
    pub async fn stream(&self, path: &str, accept: &str) -> Result<http::Response<Body>> {
        let failed = |text: String| Error::Use(text);
        let request = Request::builder().method(Method::GET).uri(path).header(http::header::ACCEPT, accept);
        let request = request.body(Body::empty()).map_err(|error| failed(format!("{path}: {error}")))?;
        let response = self.rest.client().send(request).await.map_err(|error| self.unreachable(path, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes =
            response.into_body().collect().await.map_err(|error| failed(format!("{path}: {error}")))?.to_bytes();
        let mut answer: client::Answer = serde_json::from_slice(&bytes).unwrap_or_else(|_| client::Answer {
            message: String::from_utf8_lossy(&bytes).trim().to_owned(),
            ..client::Answer::default()
        });
        answer.code = status.as_u16();
        Err(Error::Server(client::Error::Api(Box::new(answer))))
    }

    fn unreachable(&self, path: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Server(client::Error::Lost { verb: "get", path: path.to_owned(), source: Box::new(source) })
    }

    /// As [`Cluster::get`], parsed.
    pub async fn get_json(&self, path: &str, accept: &str) -> Result<Value> {
        let bytes = self.get(path, accept).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Use(format!("{path}: {error}")))
    }
}
