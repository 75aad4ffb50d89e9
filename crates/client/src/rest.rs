//! One dynamic path for single requests: objects go out and come back as JSON trees, whatever their kind.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::resource::{ObjectKey, ResourceType};

/// Requests through one client.
#[derive(Clone)]
pub struct Rest {
    client: kube::Client,
}

/// The media types of a patch that components send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    Merge,
    Strategic,
    Json,
    /// Server-side apply.
    Apply,
}

impl PatchKind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Json => "application/json-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// `metav1.DeletionPropagation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// The part of `metav1.DeleteOptions` that components use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub propagation: Option<Propagation>,
    pub grace_period_seconds: Option<i64>,
}

impl DeleteOptions {
    /// Deletes only the object with this uid.
    pub fn uid(uid: impl Into<String>) -> Self {
        Self { uid: Some(uid.into()), ..Self::default() }
    }

    fn body(&self) -> Value {
        let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        if self.uid.is_some() || self.resource_version.is_some() {
            let mut preconditions = json!({});
            if let Some(uid) = &self.uid {
                preconditions["uid"] = json!(uid);
            }
            if let Some(version) = &self.resource_version {
                preconditions["resourceVersion"] = json!(version);
            }
            body["preconditions"] = preconditions;
        }
        if let Some(propagation) = self.propagation {
            body["propagationPolicy"] = json!(propagation);
        }
        if let Some(seconds) = self.grace_period_seconds {
            body["gracePeriodSeconds"] = json!(seconds);
        }
        body
    }
}

impl Rest {
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// GET of one object, always a consistent read.
    pub async fn get(&self, resource: &ResourceType, key: &ObjectKey) -> Result<Value> {
        self.json("get", Method::GET, resource.object_path(key), None).await
    }

    /// As [`Rest::get`], with None when there is no such object.
    pub async fn find(&self, resource: &ResourceType, key: &ObjectKey) -> Result<Option<Value>> {
        match self.get(resource, key).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A GET of any path, decoded.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let bytes = self.call("get", Method::GET, path.to_owned(), None).await?;
        decoded(&bytes, path)
    }

    /// A GET of any path in a given media type, decoded.
    pub async fn read_as<T: DeserializeOwned>(&self, path: &str, accept: &str) -> Result<T> {
        let request = Request::builder().method(Method::GET).header(http::header::ACCEPT, accept);
        let bytes = self.send("get", path.to_owned(), request, Vec::new()).await?;
        decoded(&bytes, path)
    }

    /// The revision a consistent LIST reports now: what an informer must reach to have seen everything before.
    pub async fn revision(&self, resource: &ResourceType, namespace: &str) -> Result<u64> {
        let path = format!("{}?limit=1", resource.path(namespace));
        let list = self.json("list", Method::GET, path, None).await?;
        Ok(list["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// POST of an object to its collection.
    pub async fn create(&self, resource: &ResourceType, namespace: &str, object: &Value) -> Result<Value> {
        self.json("create", Method::POST, resource.path(namespace), Some(object)).await
    }

    /// POST to a subresource (`eviction`, `binding`, `token`).
    pub async fn create_sub(
        &self,
        resource: &ResourceType,
        key: &ObjectKey,
        subresource: &str,
        body: &Value,
    ) -> Result<Value> {
        let path = format!("{}/{subresource}", resource.object_path(key));
        self.json("create", Method::POST, path, Some(body)).await
    }

    /// PUT of an object or (with a subresource) of one part of it. `metadata.resourceVersion` in it is the precondition.
    pub async fn update(
        &self,
        resource: &ResourceType,
        key: &ObjectKey,
        subresource: Option<&str>,
        object: &Value,
    ) -> Result<Value> {
        self.json("update", Method::PUT, object_path(resource, key, subresource), Some(object)).await
    }

    pub async fn patch(
        &self,
        resource: &ResourceType,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: (PatchKind, &Value),
    ) -> Result<Value> {
        let path = object_path(resource, key, subresource);
        let request = Request::builder().header(http::header::CONTENT_TYPE, patch.0.media_type()).method(Method::PATCH);
        let bytes = self.send("patch", path.clone(), request, patch.1.to_string().into_bytes()).await?;
        decoded(&bytes, &path)
    }

    /// DELETE of one object; the answer is the object in its last state, or a Status.
    pub async fn delete(&self, resource: &ResourceType, key: &ObjectKey, options: &DeleteOptions) -> Result<Value> {
        self.json("delete", Method::DELETE, resource.object_path(key), Some(&options.body())).await
    }

    /// DELETE of a whole collection.
    pub async fn delete_collection(
        &self,
        resource: &ResourceType,
        namespace: &str,
        options: &DeleteOptions,
    ) -> Result<Value> {
        self.json("deletecollection", Method::DELETE, resource.path(namespace), Some(&options.body())).await
    }

    /// Any request with a JSON body and a JSON answer.
    pub async fn json(&self, verb: &'static str, method: Method, path: String, body: Option<&Value>) -> Result<Value> {
        let bytes = self.call(verb, method, path.clone(), body).await?;
        decoded(&bytes, &path)
    }

    async fn call(&self, verb: &'static str, method: Method, path: String, body: Option<&Value>) -> Result<Bytes> {
        let mut request = Request::builder().method(method);
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|value| value.to_string().into_bytes()).unwrap_or_default();
        self.send(verb, path, request, body).await
    }

    async fn send(
        &self,
        verb: &'static str,
        path: String,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<Bytes> {
        let response = open(&self.client, verb, &path, request, body).await?;
        collect(verb, path, response).await
    }
}

fn object_path(resource: &ResourceType, key: &ObjectKey, subresource: Option<&str>) -> String {
    match subresource {
        Some(subresource) => format!("{}/{subresource}", resource.object_path(key)),
        None => resource.object_path(key),
    }
}

/// Sends a request and returns its answer with the body still to be read; an unsuccessful one becomes an error.
pub(crate) async fn open(
    client: &kube::Client,
    verb: &'static str,
    path: &str,
    request: http::request::Builder,
    body: Vec<u8>,
) -> Result<Response<Body>> {
    let has_accept = request.headers_ref().is_some_and(|headers| headers.contains_key(http::header::ACCEPT));
    let request = if has_accept { request } else { request.header(http::header::ACCEPT, "application/json") };
    let request = request.uri(path).body(Body::from(body)).map_err(|source| Error::Request {
        verb,
        path: path.to_owned(),
        source,
    })?;
    let response = client.send(request).await.map_err(|source| Error::Lost {
        verb,
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let status = response.status();
    if status.is_success() || status == http::StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let bytes = collect(verb, path.to_owned(), response).await?;
    Err(Error::from_answer(status, &bytes))
}

async fn collect(verb: &'static str, path: String, response: Response<Body>) -> Result<Bytes> {
    let collected = response.into_body().collect().await;
    Ok(collected.map_err(|source| Error::Lost { verb, path, source: Box::new(source) })?.to_bytes())
}

/// Through text, as informers read, so that one reader of each type is compiled and not two.
fn decoded<T: DeserializeOwned>(bytes: &[u8], path: &str) -> Result<T> {
    let text = std::str::from_utf8(bytes).map_err(serde_json::Error::custom);
    text.and_then(serde_json::from_str).map_err(|source| Error::Decode { what: path.to_owned(), source })
}
