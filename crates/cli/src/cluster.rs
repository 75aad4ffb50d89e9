//! The cluster a command line means: kubeconfig, context, namespace; and raw requests to it.

use std::path::PathBuf;

use client::{Connection, Rest};
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;

use crate::discovery::Discovery;
use crate::error::{Error, Result};
use crate::flags::Global;

/// An opened cluster.
pub struct Cluster {
    pub rest: Rest,
    pub server: String,
    pub namespace: String,
    /// `-n` was given.
    pub namespace_given: bool,
}

impl Cluster {
    /// Finds the kubeconfig as kubectl does: flag, KUBECONFIG, ~/.kube/config; then the one `oxkube server` writes.
    pub fn open(global: &Global) -> Result<Self> {
        let path = kubeconfig(global);
        let mut connection = Connection::from_kubeconfig(&path, global.context.as_deref())?;
        if let Some(server) = &global.server {
            connection.server.clone_from(server);
        }
        if let Some(token) = &global.token {
            connection.identity = client::Identity::Token(token.clone());
        }
        let namespace = global.namespace.clone().unwrap_or_else(|| connection.namespace.clone());
        let http = client::tls::connect(&connection, client::tls::Http::Any)?;
        Ok(Self {
            rest: Rest::new(http),
            server: connection.server,
            namespace: if namespace.is_empty() { "default".to_owned() } else { namespace },
            namespace_given: global.namespace.is_some(),
        })
    }

    /// What the server serves.
    pub async fn discovery(&self) -> Result<Discovery> {
        Discovery::read(&self.rest).await
    }

    /// GETs a path as the media type `accept` and gives the bytes.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>> {
        let failed = |text: String| Error::Use(text);
        let request = Request::builder().method(Method::GET).uri(path).header(http::header::ACCEPT, accept);
        let request = request.body(Body::empty()).map_err(|error| failed(format!("{path}: {error}")))?;
        let response =
            self.rest.client().send(request).await.map_err(|error| failed(format!("{}: {error}", self.server)))?;
        let status = response.status();
        let bytes =
            response.into_body().collect().await.map_err(|error| failed(format!("{path}: {error}")))?.to_bytes();
        if !status.is_success() {
            let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let message =
                answer["message"].as_str().map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), str::to_owned);
            let reason = answer["reason"].as_str().unwrap_or("Unknown").to_owned();
            let answer = client::Answer { code: status.as_u16(), reason, message, ..client::Answer::default() };
            return Err(Error::Server(client::Error::Api(Box::new(answer))));
        }
        Ok(bytes.to_vec())
    }

    /// As [`Cluster::get`], parsed.
    pub async fn get_json(&self, path: &str, accept: &str) -> Result<Value> {
        let bytes = self.get(path, accept).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Use(format!("{path}: {error}")))
    }
}

fn kubeconfig(global: &Global) -> PathBuf {
    if let Some(path) = &global.kubeconfig {
        return path.clone();
    }
    if let Some(path) = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()) {
        return path.into();
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".kube/config");
    if home.exists() { home } else { "/etc/oxkube/kubeconfig.yaml".into() }
}
