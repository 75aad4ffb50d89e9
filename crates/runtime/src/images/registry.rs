//! The client side of the distribution protocol: manifests and blobs over HTTP, with basic and bearer authentication. Tries the
//! endpoints of a registry in order. Leaves out what the bytes are and their verification.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use parking_lot::Mutex;

use super::digest::Digest;
use super::manifest::ACCEPTED;
use super::reference::{Reference, Version};
use super::registries::{Credentials, Endpoint, HostTls, Registries};
use super::transport::{self, HttpClient};

/// Manifests, tokens and errors are small; more is an attack.
const DOCUMENT_MAX: usize = 8 << 20;
const REDIRECTS_MAX: usize = 10;
/// How long an endpoint may take to begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{url}: not found")]
    NotFound { url: String },
    #[error("pull access denied for {name}: {reason}")]
    Denied { name: String, reason: String },
    #[error("{url}: registry answered {status}: {body}")]
    Status { url: String, status: StatusCode, body: String },
    #[error("{url}: {reason}")]
    Protocol { url: String, reason: String },
    #[error("{url}: {reason}")]
    Connect { url: String, reason: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{url}: no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout { url: String },
    #[error("TLS configuration for {host}: {reason}")]
    Tls { host: String, reason: String },
}

impl RegistryError {
    /// Whether another endpoint may do better. Only a registry itself, not its mirror, can say that an image is not there.
    fn concerns_endpoint_only(&self) -> bool {
        !matches!(self, Self::Tls { .. })
    }
}

/// Authorization values that worked, by (host, repository, credentials).
type Authorizations = HashMap<(String, String, Option<Credentials>), String>;

pub struct Client {
    registries: Registries,
    clients: Mutex<HashMap<Option<String>, HttpClient>>,
    authorizations: Mutex<Authorizations>,
}

/// One repository at the endpoint that answered for it.
pub struct Repository<'a> {
    client: &'a Client,
    endpoint: Endpoint,
    reference: &'a Reference,
    credentials: Option<Credentials>,
}

/// A manifest as served.
pub struct Manifest {
    pub bytes: Bytes,
    pub digest: Digest,
}

impl Client {
    pub fn new(registries: Registries) -> Self {
        Self { registries, clients: Mutex::default(), authorizations: Mutex::default() }
    }

    /// Finds the first endpoint that has the image and reads its manifest or index.
    pub async fn resolve<'a>(
        &'a self,
        reference: &'a Reference,
        credentials: Option<&Credentials>,
    ) -> Result<(Repository<'a>, Manifest), RegistryError> {
        let mut failures = Vec::new();
        for endpoint in self.registries.endpoints(&reference.registry) {
            let repository = self.repository(endpoint, reference, credentials);
            let version = match &reference.version {
                Version::Tag(tag) => tag.clone(),
                Version::Digest(digest) => digest.to_string(),
            };
            match repository.manifest(&version).await {
                Ok(manifest) => return Ok((repository, manifest)),
                Err(error) if error.concerns_endpoint_only() => {
                    tracing::debug!(%error, endpoint = repository.endpoint.base, "endpoint failed");
                    failures.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(most_telling(failures))
    }

    fn repository<'a>(
        &'a self,
        endpoint: Endpoint,
        reference: &'a Reference,
        given: Option<&Credentials>,
    ) -> Repository<'a> {
        let host = host_of(&endpoint.base);
        let configured = self.registries.config(&host).and_then(|config| config.auth.clone());
        // The caller's credentials are for the registry; a mirror gets only its own.
        let credentials =
            if endpoint.is_mirror { configured.or_else(|| given.cloned()) } else { given.cloned().or(configured) };
        Repository { client: self, endpoint, reference, credentials }
    }

    async fn send(
        &self,
        uri: &Uri,
        accept: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(uri)
            .header(USER_AGENT, concat!("oxkube/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, accept);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let protocol = |reason: String| RegistryError::Protocol { url: uri.to_string(), reason };
        let request = request.body(Full::default()).map_err(|error| protocol(error.to_string()))?;
        let client = self.http_client(uri)?;
        match tokio::time::timeout(ANSWER_TIMEOUT, client.request(request)).await {
            Err(_) => Err(RegistryError::Timeout { url: uri.to_string() }),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(RegistryError::Connect {
                url: uri.to_string(),
                reason: transport::root_cause(&error),
                source: error.into(),
            }),
        }
    }

    /// One client, with its connections, for all hosts without a TLS configuration of their own.
    fn http_client(&self, uri: &Uri) -> Result<HttpClient, RegistryError> {
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let tls: Option<&HostTls> = self.registries.config(&host).and_then(|config| config.tls.as_ref());
        let key = tls.map(|_| host.clone());
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = transport::client(tls).map_err(|reason| RegistryError::Tls { host, reason })?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// Of several endpoints' failures, the one to show: the last (the registry itself), unless it could not be reached.
fn most_telling(mut failures: Vec<RegistryError>) -> RegistryError {
    let unreachable =
        |error: &RegistryError| matches!(error, RegistryError::Connect { .. } | RegistryError::Timeout { .. });
    let position = failures.iter().rposition(|error| !unreachable(error)).unwrap_or(failures.len() - 1);
    failures.swap_remove(position)
}

impl Repository<'_> {
    pub async fn manifest(&self, version: &str) -> Result<Manifest, RegistryError> {
        let uri = self.uri("manifests", version)?;
        let response = self.get(&uri, &ACCEPTED.join(", ")).await?;
        let bytes = document(&uri, response).await?;
        Ok(Manifest { digest: Digest::of(&bytes), bytes })
    }

    /// A small blob as a whole.
    pub async fn blob(&self, digest: &Digest) -> Result<Bytes, RegistryError> {
        let uri = self.uri("blobs", digest.as_str())?;
        let response = self.get(&uri, "*/*").await?;
        document(&uri, response).await
    }

    /// A blob as a stream.
    pub async fn stream(&self, digest: &Digest) -> Result<Incoming, RegistryError> {
        let uri = self.uri("blobs", digest.as_str())?;
        Ok(self.get(&uri, "*/*").await?.into_body())
    }

    fn uri(&self, kind: &str, version: &str) -> Result<Uri, RegistryError> {
        let mut url = format!("{}/v2/{}/{kind}/{version}", self.endpoint.base, self.reference.repository);
        if self.endpoint.is_mirror {
            // Tells a mirror of many registries which one is meant.
            url.push_str("?ns=");
            url.push_str(&self.reference.registry);
        }
        url.parse().map_err(|_| RegistryError::Protocol { url: url.clone(), reason: "not a URL".into() })
    }

    /// Sends with what authorised us last; on a challenge authorises and sends once more. Follows redirects, to which another
    /// host's credentials are not shown.
    async fn get(&self, uri: &Uri, accept: &str) -> Result<Response<Incoming>, RegistryError> {
        let key = (host_of(&self.endpoint.base), self.reference.repository.clone(), self.credentials.clone());
        let known = self.client.authorizations.lock().get(&key).cloned();
        let mut response = self.follow(uri, accept, known.as_deref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges: Vec<String> =
                challenges.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
            let authorization = self.authorize(uri, &challenges).await?;
            response = self.follow(uri, accept, Some(&authorization)).await?;
            if response.status().is_success() {
                self.client.authorizations.lock().insert(key, authorization);
            }
        }
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND => Err(RegistryError::NotFound { url: uri.to_string() }),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let body = String::from_utf8_lossy(&document(uri, response).await?).into_owned();
                let reason =
                    format!("repository does not exist or may require authorization ({status}: {})", body.trim());
                Err(RegistryError::Denied { name: self.reference.name(), reason })
            }
            status => {
                let body = String::from_utf8_lossy(&document(uri, response).await?).trim().to_owned();
                Err(RegistryError::Status { url: uri.to_string(), status, body })
            }
        }
    }

    async fn follow(
        &self,
        uri: &Uri,
        accept: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut current = uri.clone();
        for _ in 0..REDIRECTS_MAX {
            let same_host = current.authority() == uri.authority();
            let response = self.client.send(&current, accept, authorization.filter(|_| same_host)).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            current = resolve_location(&current, location).ok_or_else(|| RegistryError::Protocol {
                url: current.to_string(),
                reason: format!("redirect to {location:?}"),
            })?;
        }
        Err(RegistryError::Protocol { url: uri.to_string(), reason: "too many redirects".into() })
    }

    async fn authorize(&self, uri: &Uri, challenges: &[String]) -> Result<String, RegistryError> {
        let credentials = self.credentials.clone().unwrap_or_default();
        if !credentials.registry_token.is_empty() {
            return Ok(format!("Bearer {}", credentials.registry_token));
        }
        let basic = basic(&credentials);
        for challenge in challenges {
            let (scheme, parameters) = challenge.split_once(' ').unwrap_or((challenge, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                return self.token(uri, &parse_parameters(parameters), &credentials, basic.as_deref()).await;
            }
            if scheme.eq_ignore_ascii_case("basic") {
                let reason = "the registry wants a user name and a password".to_owned();
                return basic.ok_or(RegistryError::Denied { name: self.reference.name(), reason });
            }
        }
        Err(RegistryError::Protocol { url: uri.to_string(), reason: format!("unknown authentication {challenges:?}") })
    }

    async fn token(
        &self,
        uri: &Uri,
        parameters: &HashMap<String, String>,
        credentials: &Credentials,
        basic: Option<&str>,
    ) -> Result<String, RegistryError> {
        let protocol = |reason: &str| RegistryError::Protocol { url: uri.to_string(), reason: reason.to_owned() };
        let realm = parameters.get("realm").ok_or_else(|| protocol("a bearer challenge without a realm"))?;
        let scope = format!("repository:{}:pull", self.reference.repository);
        let scope = parameters.get("scope").unwrap_or(&scope);
        let separator = if realm.contains('?') { '&' } else { '?' };
        let mut url = format!("{realm}{separator}scope={}", encode(scope));
        if let Some(service) = parameters.get("service") {
            url.push_str(&format!("&service={}", encode(service)));
        }
        let url: Uri = url.parse().map_err(|_| protocol("the realm is not a URL"))?;
        // An identity token is a refresh token; token servers take it as the password of this user.
        let identity = (!credentials.identity_token.is_empty())
            .then(|| encode_basic("00000000-0000-0000-0000-000000000000", &credentials.identity_token));
        let response = self.client.send(&url, "application/json", identity.as_deref().or(basic)).await?;
        let status = response.status();
        let body = document(&url, response).await?;
        if !status.is_success() {
            let reason = format!("{url} answered {status}: {}", String::from_utf8_lossy(&body).trim());
            return Err(RegistryError::Denied { name: self.reference.name(), reason });
        }
        #[derive(serde::Deserialize)]
        struct Token {
            #[serde(default)]
            token: String,
            #[serde(default)]
            access_token: String,
        }
        let token: Token = serde_json::from_slice(&body).map_err(|error| protocol(&format!("token: {error}")))?;
        let token = if token.token.is_empty() { token.access_token } else { token.token };
        Ok(format!("Bearer {token}"))
    }
}

async fn document(uri: &Uri, response: Response<Incoming>) -> Result<Bytes, RegistryError> {
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    match Limited::new(response.into_body(), DOCUMENT_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => {
            let reason = format!("read the answer of type {kind:?}: {error}");
            Err(RegistryError::Protocol { url: uri.to_string(), reason })
        }
    }
}

fn host_of(base: &str) -> String {
    base.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default()
}

fn resolve_location(from: &Uri, location: &str) -> Option<Uri> {
    if let Some(path) = location.strip_prefix('/') {
        return format!("{}://{}/{path}", from.scheme_str()?, from.authority()?).parse().ok();
    }
    location.parse::<Uri>().ok().filter(|uri| uri.host().is_some())
}

fn basic(credentials: &Credentials) -> Option<String> {
    if !credentials.auth.is_empty() {
        return Some(format!("Basic {}", credentials.auth));
    }
    (!credentials.username.is_empty()).then(|| encode_basic(&credentials.username, &credentials.password))
}

fn encode_basic(username: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}")))
}

/// `key="value",key=value` with commas allowed inside quotes.
fn parse_parameters(text: &str) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, remaining) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').map_or((after, ""), |(value, remaining)| (value, remaining)),
        };
        parameters.insert(key.trim().to_ascii_lowercase(), value.to_owned());
        rest = remaining.trim_start_matches([',', ' ']);
    }
    parameters
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let parameters = parse_parameters(
            r#"realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        );
        assert_eq!(parameters["realm"], "https://auth.docker.io/token");
        assert_eq!(parameters["service"], "registry.docker.io");
        assert_eq!(parameters["scope"], "repository:a/b:pull,push");
    }

    #[test]
    fn locations_resolve() {
        let from: Uri = "https://r.example/v2/a".parse().expect("a URL");
        assert_eq!(
            resolve_location(&from, "/x?y=1").map(|uri| uri.to_string()).as_deref(),
            Some("https://r.example/x?y=1")
        );
        assert_eq!(resolve_location(&from, "http://cdn/x").map(|uri| uri.to_string()).as_deref(), Some("http://cdn/x"));
        assert_eq!(resolve_location(&from, ""), None);
    }
}
