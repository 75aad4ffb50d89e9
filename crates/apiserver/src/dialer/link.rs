//! How the pooled client connects: a Service is resolved anew for each connection, TLS is checked against the target's trust.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::dial::{DialError, Dialer, Endpoint, Stream};
use super::endpoint::{ResolveError, Resolver};
use super::target::Address;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// No connection came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("{}", explained(.0))]
    Tls(std::io::Error),
    #[error("{0:?} is not an https address")]
    Address(String),
}

/// A refused certificate in the words of Go's crypto/tls, where people know them.
fn explained(error: &std::io::Error) -> String {
    use rustls::CertificateError::{BadSignature, Expired, ExpiredContext, UnknownIssuer};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature)) => {
            "tls: failed to verify certificate: x509: certificate signed by unknown authority".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. })) => {
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(why)) => format!("tls: failed to verify certificate: x509: {why}"),
        _ => format!("tls: {error}"),
    }
}

/// Connects to one target.
#[derive(Clone)]
pub(super) struct Connector {
    pub dialer: Arc<dyn Dialer>,
    pub resolver: Resolver,
    pub address: Address,
    pub tls: Arc<ClientConfig>,
}

impl Connector {
    /// A TLS connection to the target; to `at`, if an endpoint of its Service was chosen already.
    pub async fn connect(self, at: Option<Endpoint>) -> Result<Stream, LinkError> {
        let (server_name, endpoint) = match &self.address {
            Address::Service(service) => {
                let chosen = at.map_or_else(|| self.resolver.resolve(service), Ok);
                (service.server_name(), chosen?)
            }
            Address::Url(url) => {
                let bad = || LinkError::Address(url.clone());
                let uri: Uri = url.parse().map_err(|_| bad())?;
                let place = place(&uri).filter(|_| uri.scheme_str() == Some("https")).ok_or_else(bad)?;
                (place.host.clone(), place)
            }
        };
        dial_tls(&*self.dialer, self.tls, server_name, &endpoint).await
    }

    /// The endpoint that a request's URI names instead of the Service, as [`in_uri`] writes it.
    fn chosen(&self, uri: &Uri) -> Option<Endpoint> {
        let node = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')).map(|(node, _)| node);
        let on_node = |place| Endpoint { node: node.map(str::to_owned), ..place };
        match &self.address {
            Address::Service(service) => place(uri).filter(|place| place.host != service.server_name()).map(on_node),
            Address::Url(_) => None,
        }
    }
}

/// An endpoint as the pool tells it from others: its node stands where users do.
pub(super) fn in_uri(endpoint: &Endpoint) -> String {
    let address = endpoint.address();
    endpoint.node.as_ref().map_or_else(|| address.clone(), |node| format!("{node}@{address}"))
}

/// Host and port of an address, the host without brackets.
fn place(uri: &Uri) -> Option<Endpoint> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(Endpoint::new(host, uri.port_u16().unwrap_or(443)))
}

/// TLS over a connection to an endpoint, where `server_name` is expected.
pub(crate) async fn dial_tls(
    dialer: &dyn Dialer,
    tls: Arc<ClientConfig>,
    server_name: String,
    to: &Endpoint,
) -> Result<Stream, LinkError> {
    let name = ServerName::try_from(server_name.clone()).map_err(|_| DialError::Name(server_name))?;
    let stream = dialer.dial(to).await?;
    let handshake = TlsConnector::from(tls).connect(name, stream);
    let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
    let shaken = shaken.map_err(|_| DialError::Timeout(to.address()))?;
    Ok(Box::new(shaken.map_err(LinkError::Tls)?))
}

impl tower::Service<Uri> for Connector {
    type Response = Link;
    type Error = LinkError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(self.chosen(&uri));
        Box::pin(async move { Ok(Link(TokioIo::new(connecting.await?))) })
    }
}

/// A connection as the pool holds it.
pub(super) struct Link(TokioIo<Stream>);

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
