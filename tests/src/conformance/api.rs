//! Requests to any Kubernetes API as JSON trees. A refusal is an error that keeps the server's Status, so that a check can ask for it.

use std::fmt;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use client::Connection;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;

/// Media types of patches.
pub const MERGE: &str = "application/merge-patch+json";
pub const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub const JSON_PATCH: &str = "application/json-patch+json";
pub const APPLY: &str = "application/apply-patch+yaml";

/// A server and who asks it.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    pub connection: Connection,
    headers: Vec<(String, String)>,
}

/// An answer outside of 2xx.
#[derive(Debug)]
pub struct Refused {
    pub asked: String,
    pub code: u16,
    pub reason: String,
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered {} {}: {}", self.asked, self.code, self.reason, self.message)
    }
}

impl std::error::Error for Refused {}

/// An answer, whole, whatever its code.
pub struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("read {:?} as JSON", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request that is being put together.
pub struct Ask<'a> {
    api: &'a Api,
    method: &'a str,
    path: &'a str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Api {
    pub fn new(connection: Connection) -> Result<Self> {
        let client = client::tls::connect(&connection, client::tls::Http::Any)?;
        Ok(Self { client, connection, headers: Vec::new() })
    }

    /// The same server, on connections of its own: what is not read there holds up nothing else.
    pub fn alone(&self) -> Result<Self> {
        let client = client::tls::connect(&self.connection, client::tls::Http::One)?;
        Ok(Self { client, ..self.clone() })
    }

    /// The same server, asked in the name of somebody.
    pub fn impersonating(&self, user: &str) -> Self {
        let mut api = self.clone();
        api.headers.push(("impersonate-user".to_owned(), user.to_owned()));
        api
    }

    pub fn ask<'a>(&'a self, method: &'a str, path: &'a str) -> Ask<'a> {
        Ask { api: self, method, path, headers: self.headers.clone(), body: Vec::new() }
    }

    /// GET of a path that answers JSON.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path).done().await?.json()
    }
}

impl Ask<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// The answer while its body is still to come; only the transport can fail.
    pub async fn open(self) -> Result<http::Response<Body>> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        if !self.headers.iter().any(|(name, _)| name == "accept") {
            request = request.header("accept", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body))?;
        self.api.client.send(request).await.map_err(|error| anyhow!("{} {}: {error:?}", self.method, self.path))
    }

    /// The answer, whatever its code.
    pub async fn answer(self) -> Result<Answer> {
        let (method, path) = (self.method.to_owned(), self.path.to_owned());
        let response = self.open().await?;
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.map_err(|error| anyhow!("{method} {path}: {error}"))?;
        Ok(Answer { code, headers, body: body.to_bytes() })
    }

    /// The answer, which has to be a good one.
    pub async fn done(self) -> Result<Answer> {
        let asked = format!("{} {}", self.method, self.path);
        let answer = self.answer().await?;
        if (200..300).contains(&answer.code) {
            return Ok(answer);
        }
        Err(refusal(asked, &answer).into())
    }
}

fn refusal(asked: String, answer: &Answer) -> Refused {
    let status = answer.json().unwrap_or(Value::Null);
    let text = |field: &str| status[field].as_str().map(str::to_owned);
    let message = text("message").unwrap_or_else(|| answer.text());
    Refused { asked, code: answer.code, reason: text("reason").unwrap_or_default(), message }
}

/// The refusal that something had to end with.
pub fn refused<T>(result: Result<T>, code: u16) -> Result<Refused> {
    match result {
        Ok(_) => bail!("it was accepted, expected a refusal with {code}"),
        Err(error) => {
            let refused = error.downcast::<Refused>().context("expected an answer of the server")?;
            if refused.code != code {
                bail!("{refused}, expected {code}");
            }
            Ok(refused)
        }
    }
}

/// Whether an error is the server's answer with this code.
pub fn is_code(error: &anyhow::Error, code: u16) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == code)
}

/// Characters of a query's value, escaped.
pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
