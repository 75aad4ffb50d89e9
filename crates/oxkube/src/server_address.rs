//! Where an agent's server is, and which authority it shows there.

use std::time::Duration;

use anyhow::Context;
use apiserver::pki::pem_encode;
use client::Connection;
use client::tls::{self, Http};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::preflight::Refusal;

const DEFAULT_PORT: u16 = 6443;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// `https://HOST:6443`
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let bad =
            |problem: &str| Refusal::BadFlag { flag: "server", value: text.to_owned(), problem: problem.to_owned() };
        let uri: http::Uri = text.parse().map_err(|_| bad("an address looks like https://HOST:6443"))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if uri.scheme_str() != Some("https") || host.is_empty() || !matches!(uri.path(), "" | "/") {
            return Err(bad("an address looks like https://HOST:6443"));
        }
        ServerName::try_from(host.clone()).map_err(|_| bad("the host is neither a name nor an address"))?;
        Ok(Self { host, port: uri.port_u16().unwrap_or(DEFAULT_PORT) })
    }

    /// `https://HOST:PORT`
    pub fn url(&self) -> String {
        if self.host.contains(':') {
            return format!("https://[{}]:{}", self.host, self.port);
        }
        format!("https://{}:{}", self.host, self.port)
    }

    /// The authority that the server shows, PEM: the last certificate of its chain. Nobody vouches for it yet.
    pub async fn shown_authority(&self) -> anyhow::Result<String> {
        let connection = Connection { server: self.url(), insecure: true, ..Connection::default() };
        let connector = TlsConnector::from(tls::tls_config(&connection, Http::One)?);
        let name = ServerName::try_from(self.host.clone())?;
        let handshake = async {
            let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
            connector.connect(name, tcp).await
        };
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, handshake).await.context("no answer in time")??;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let authority = chain.last().context("the server shows no certificate")?;
        Ok(pem_encode("CERTIFICATE", authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_refused_with_the_flag_named() {
        for (text, url) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("https://server.example", "https://server.example:6443"),
            ("https://[fd00::1]:7443/", "https://[fd00::1]:7443"),
        ] {
            assert_eq!(Address::parse(text).expect(text).url(), url);
        }
        for bad in ["", "10.0.0.1:6443", "http://10.0.0.1:6443", "https://", "https://a/b", "https://a b"] {
            assert!(Address::parse(bad).expect_err(bad).to_string().starts_with("--server"));
        }
    }
}
