//! Passes one upgraded connection through to the runtime's streaming server, byte by byte, whatever it speaks (SPDY, WebSocket).

use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Server;
use super::answer::{Body, Refusal};

/// Whether the client wants to switch protocols.
pub fn wants_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Host and port of the runtime's streaming server, and what to ask it for.
fn parse(address: &str) -> Result<(String, String), Refusal> {
    let wrong = |why: &str| Refusal::internal(format!("the runtime's streaming address {address:?} {why}"));
    let uri: Uri = address.parse().map_err(|_| wrong("is not a URL"))?;
    if uri.scheme_str() != Some("http") {
        return Err(wrong("is not a http:// address; the runtime must serve streams without TLS on a local address"));
    }
    let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
    let port = authority.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok((format!("{}:{port}", authority.host()), path.to_owned()))
}

/// Asks `address` what the client asked, with all its headers, and joins both connections once it has switched protocols.
pub async fn pass(server: &Server, mut client: Request<Incoming>, address: &str) -> Result<Response<Body>, Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::internal(format!("stream from {address}: {error}"));
    let (host, path) = parse(address)?;
    let stream = TcpStream::connect(&host).await.map_err(|error| failed(&error))?;
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    let client_side = hyper::upgrade::on(&mut client);
    let (mut parts, body) = client.into_parts();
    parts.uri = path.parse().map_err(|error| failed(&error))?;
    parts.headers.insert(header::HOST, host.parse().map_err(|error| failed(&error))?);
    let (mut sender, connection) =
        http1::handshake::<_, Incoming>(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    server.spawn("runtime-stream", async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to the runtime ended");
        }
    });
    let asked = sender.send_request(Request::from_parts(parts, body)).await;
    let mut response = asked.map_err(|error| failed(&error))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let runtime_side = hyper::upgrade::on(&mut response);
        server.spawn("upgraded-stream", join(client_side, runtime_side));
    }
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

/// Copies between both sides until both have ended.
async fn join(client: OnUpgrade, runtime: OnUpgrade) {
    let (client, runtime) = match tokio::try_join!(client, runtime) {
        Ok(both) => both,
        Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
    };
    let (mut client, mut runtime) = (TokioIo::new(client), TokioIo::new(runtime));
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut runtime).await {
        tracing::debug!(%error, "an upgraded connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let (host, path) = parse("http://127.0.0.1:4711/exec/token?a=b").unwrap();
        assert_eq!((host.as_str(), path.as_str()), ("127.0.0.1:4711", "/exec/token?a=b"));
        assert_eq!(parse("http://[::1]:80/x").unwrap().0, "[::1]:80");
        assert!(parse("https://127.0.0.1:1/x").is_err() && parse("/exec/x").is_err());
    }
}
