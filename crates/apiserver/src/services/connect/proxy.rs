//! The proxies: any request below nodes/NAME/proxy, pods/NAME/proxy and services/NAME/proxy goes on to what is named.

use std::sync::Arc;

use api::kind::Kind;
use async_trait::async_trait;
use http::{Request, Response, StatusCode, header};
use rustls::ClientConfig;
use serde_json::Value;

use super::forward;
use super::target::{self, ProxyName};
use crate::body::{Body, full};
use crate::dialer::{Dialer, Endpoint, LinkError, Resolver, Stream, Trust, dial_tls};
use crate::objects::Objects;
use crate::service::{Call, Service};
use crate::status::Status;

/// The service behind all three.
pub struct Proxy {
    dialer: Arc<dyn Dialer>,
    resolver: Resolver,
    /// For `https:` names: as upstream's proxy, it asks for no certificate that anybody vouches for.
    tls: Arc<ClientConfig>,
}

impl Proxy {
    pub fn new(dialer: Arc<dyn Dialer>, objects: Objects) -> Result<Self, rustls::Error> {
        let tls = Arc::new(Trust::Anybody.config(None)?);
        Ok(Self { dialer, resolver: Resolver::new(objects), tls })
    }

    async fn connect(&self, call: &Place<'_>, name: &ProxyName) -> Result<(Stream, String), Status> {
        let object = call.objects.get(call.kind, call.namespace, &name.name);
        let object = object.ok_or_else(|| Status::not_found(call.kind, &name.name))?;
        match call.kind.plural {
            "nodes" => self.node(&object, name).await,
            "pods" => self.dial(target::pod_endpoint(&object, name)?, name).await,
            _ => {
                let found = self.resolver.endpoint(&object, &name.port, call.asked);
                let found = found.map_err(|error| Status::unavailable(error.to_string()))?;
                check_host(&found.host).await?;
                self.dial(found, name).await
            }
        }
    }

    async fn node(&self, node: &Value, name: &ProxyName) -> Result<(Stream, String), Status> {
        let kubelet = target::node_endpoint(node, target::kubelet_port(node))?;
        check_host(&kubelet.host).await?;
        match name.port.parse::<u16>() {
            Ok(port) if port != kubelet.port => self.dial(Endpoint { port, ..kubelet }, name).await,
            Err(_) if !name.port.is_empty() => Err(Status::bad_request(format!("invalid node port {:?}", name.port))),
            _ => {
                let stream = self.dialer.dial_kubelet(&kubelet).await.map_err(LinkError::from);
                let stream = stream.map_err(unreachable)?;
                Ok((stream, kubelet.address()))
            }
        }
    }

    /// A connection to what is not a kubelet, with TLS where the name says so.
    async fn dial(&self, to: Endpoint, name: &ProxyName) -> Result<(Stream, String), Status> {
        let dialled = match name.scheme.as_str() {
            "https" => dial_tls(&*self.dialer, self.tls.clone(), to.host.clone(), &to).await,
            _ => self.dialer.dial(&to).await.map_err(LinkError::from),
        };
        Ok((dialled.map_err(unreachable)?, to.address()))
    }
}

/// Where in the API the call is.
struct Place<'a> {
    objects: &'a Objects,
    kind: &'static Kind,
    namespace: &'a str,
    /// The name as the path has it, with scheme and port.
    asked: &'a str,
}

/// 400 unless all addresses of a node's or endpoint's name may be asked; logs and exec, which do not lead elsewhere, go to any.
async fn check_host(host: &str) -> Result<(), Status> {
    if let Ok(address) = host.parse() {
        return target::check_address(Some(address));
    }
    let found = tokio::net::lookup_host((host, 0)).await;
    let found = found.map_err(|error| Status::bad_request(format!("lookup {host}: {error}")))?;
    found.into_iter().try_for_each(|address| target::check_address(Some(address.ip())))
}

fn unreachable(error: LinkError) -> Status {
    Status::unavailable(format!("error trying to reach service: {error}"))
}

/// `/proxy` itself has no slash at its end: clients are sent to the one that has, so that relative links work.
fn redirect(path: &str, query: Option<&str>) -> Result<Response<Body>, Status> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let response =
        Response::builder().status(StatusCode::MOVED_PERMANENTLY).header(header::LOCATION, format!("{path}/{query}"));
    response.body(full("")).map_err(Status::internal)
}

#[async_trait]
impl Service for Proxy {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let http = std::mem::replace(&mut call.http, Request::new(full("")));
        let path = http.uri().path().to_owned();
        let query = http.uri().query().map(str::to_owned);
        let is_read = matches!(*http.method(), http::Method::GET | http::Method::HEAD);
        let rest = target::proxied_path(&path, &call.info);
        if rest.is_empty() && is_read && !forward::wants_upgrade(http.headers()) {
            return redirect(&path, query.as_deref());
        }
        let name = ProxyName::parse(&call.info.name).ok_or_else(|| {
            Status::bad_request(format!("invalid {} request {:?}", call.kind.singular, call.info.name))
        })?;
        let (stream, host) = {
            let (namespace, asked) = (&call.info.namespace, &call.info.name);
            let place = Place { objects: &call.objects, kind: call.kind, namespace, asked };
            self.connect(&place, &name).await?
        };
        let rest = if rest.is_empty() { "/" } else { rest };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let to = forward::Place { uri: &format!("{rest}{query}"), host: &host };
        forward::forward(stream, call.objects.env(), &call.drain, http, to).await
    }
}
