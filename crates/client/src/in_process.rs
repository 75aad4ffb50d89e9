//! The transport within one process: a function call into the API server's own pipeline, minus TLS.

use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use kube::client::Body;
use tower::{BoxError, Service, ServiceExt};

/// A client whose requests are calls of `service`. The identity is the service's affair.
pub fn in_process<S, B>(service: S) -> kube::Client
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    kube::Client::new(service, "default")
}

/// As [`in_process`], for a component: its name is the manager of the fields it writes.
pub fn in_process_as<S, B>(service: S, component: &'static str) -> kube::Client
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    in_process(service.map_request(move |request| user_agent(request, component)))
}

/// The request as sent by `component`, unless it names another sender.
pub fn user_agent(mut request: Request<Body>, component: &'static str) -> Request<Body> {
    request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(component));
    request
}
