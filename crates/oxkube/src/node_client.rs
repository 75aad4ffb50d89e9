//! The client of a node: one for its whole life, though the certificate beneath it changes.

use std::sync::Arc;

use anyhow::Context;
use client::tls::{self, Http};
use client::{Connection, Identity};
use kube::client::Body;
use parking_lot::RwLock;

use crate::certificate::Certificate;

/// Requests go out with the newest certificate; what an older one has begun ends on its own connection.
#[derive(Clone)]
pub struct NodeClient {
    server: Arc<Server>,
    current: Arc<RwLock<Current>>,
}

/// Its address and its authority, PEM.
pub struct Server {
    pub url: String,
    pub authority: String,
}

struct Current {
    certificate: Certificate,
    client: kube::Client,
}

impl NodeClient {
    pub fn new(server: Server, certificate: &Certificate) -> anyhow::Result<Self> {
        let current = Arc::new(RwLock::new(server.connect(certificate)?));
        Ok(Self { server: Arc::new(server), current })
    }

    /// From the next request on.
    pub fn show(&self, certificate: &Certificate) -> anyhow::Result<()> {
        if self.current.read().certificate.chain != certificate.chain {
            *self.current.write() = self.server.connect(certificate)?;
        }
        Ok(())
    }

    /// For requests that switch protocols: with the newest certificate, on a connection of its own.
    pub fn upgrading(&self) -> client::Result<kube::Client> {
        self.server.client(&self.current.read().certificate, Http::One)
    }

    /// For one of the node's components, which is the manager of the fields it writes.
    pub fn client(&self, component: &'static str) -> kube::Client {
        let current = self.current.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let newest = current.read().client.clone();
            async move { newest.send(client::user_agent(request, component)).await }
        });
        kube::Client::new(service, "default")
    }
}

impl Server {
    fn connect(&self, certificate: &Certificate) -> anyhow::Result<Current> {
        let client = self.client(certificate, Http::Any).context("connect as the node")?;
        Ok(Current { certificate: certificate.clone(), client })
    }

    fn client(&self, Certificate { chain, key }: &Certificate, http: Http) -> client::Result<kube::Client> {
        let identity = Identity::Certificate { chain: chain.clone().into_bytes(), key: key.clone().into_bytes() };
        let (server, ca) = (self.url.clone(), self.authority.clone().into_bytes());
        tls::connect(&Connection { server, ca, identity, ..Connection::default() }, http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn certificate() -> (Certificate, String) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        let chain = params.self_signed(&key).expect("signed").pem();
        (Certificate { chain: chain.clone(), key: key.serialize_pem() }, chain)
    }

    /// Answers every request, and counts connections.
    async fn serve(listener: TcpListener, connections: Arc<AtomicUsize>) {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    stream.write_all(answer).await.expect("answered");
                }
            });
        }
    }

    #[tokio::test]
    async fn another_certificate_is_shown_on_a_connection_of_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, connections.clone()));
        let (first, authority) = certificate();
        let node = NodeClient::new(Server { url, authority }, &first).expect("good");
        let client = node.client("kubelet");
        let ask = async || {
            let request = http::Request::get("/version").body(Vec::new()).expect("a request");
            client.request_text(request).await.expect("answered")
        };
        assert_eq!(ask().await, "{}");
        ask().await;
        node.show(&first).expect("good");
        ask().await;
        assert_eq!(connections.load(Ordering::SeqCst), 1, "the same certificate changes nothing");
        node.show(&certificate().0).expect("good");
        ask().await;
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }
}
