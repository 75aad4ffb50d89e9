//! One HTTP/1.1 request over a dialled connection. If the other side switches protocols, both connections are joined until one ends.

use api::env::Env;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::frames::Protocol;
use super::joined;
use crate::body::Body;
use crate::dialer::Stream;
use crate::drain::Drain;
use crate::status::Status;

/// Headers that concern one connection only, and credentials that were for this server.
const NOT_FORWARDED: [&str; 10] = [
    "authorization",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether the client wants to switch protocols.
pub(crate) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// What the other side is asked for, and by which name.
pub(crate) struct Place<'a> {
    pub uri: &'a str,
    pub host: &'a str,
}

/// Sends the client's request as `method uri` and answers what comes back.
pub(crate) async fn forward(
    stream: Stream,
    env: &Env,
    drain: &Drain,
    mut client: Request<Body>,
    to: Place<'_>,
) -> Result<Response<Body>, Status> {
    let upgrade = wants_upgrade(client.headers());
    let client_side = upgrade.then(|| hyper::upgrade::on(&mut client));
    let request = rewrite(client, to.uri, to.host, upgrade)?;
    let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await.map_err(Status::internal)?;
    env.spawn("proxied connection", async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a proxied connection ended");
        }
    });
    let mut response = sender.send_request(request).await.map_err(Status::internal)?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let server_side = hyper::upgrade::on(&mut response);
        let Some(client_side) = client_side else {
            return Err(Status::internal("the other side switched protocols without being asked"));
        };
        let protocol = Protocol::of(response.headers());
        let joined = join(client_side, server_side, protocol, drain.begun().clone());
        env.spawn("upgraded connection", drain.upgraded(joined));
    }
    Ok(answer(response))
}

/// The client's request as it goes out over a connection that is kept.
pub(crate) fn outgoing(client: Request<Body>, uri: &str, host: &str) -> Result<Request<Body>, Status> {
    rewrite(client, uri, host, false)
}

/// The client's request as it goes out.
fn rewrite(client: Request<Body>, uri: &str, host: &str, upgrade: bool) -> Result<Request<Body>, Status> {
    let (parts, body) = client.into_parts();
    let mut request = Request::builder().method(parts.method).uri(uri);
    let kept = |name: &HeaderName| {
        let name = name.as_str();
        name != "host"
            && !name.starts_with("impersonate-")
            && (!NOT_FORWARDED.contains(&name) || (upgrade && matches!(name, "connection" | "upgrade")))
    };
    for (name, value) in parts.headers.iter().filter(|(name, _)| kept(name)) {
        request = request.header(name, value);
    }
    request.header(header::HOST, host).body(body).map_err(Status::internal)
}

/// Marks an answer whose body comes from another server as it is read.
#[derive(Clone, Copy)]
pub(crate) struct FromElsewhere;

/// The other side's answer as it goes back.
pub(crate) fn answer(response: Response<hyper::body::Incoming>) -> Response<Body> {
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let (mut parts, body) = response.into_parts();
    for name in NOT_FORWARDED {
        if !(switched && matches!(name, "connection" | "upgrade")) {
            parts.headers.remove(name);
        }
    }
    parts.extensions.insert(FromElsewhere);
    Response::from_parts(parts, body.map_err(Into::into).boxed_unsync())
}

/// Copies between both sides until they close.
async fn join(client: OnUpgrade, server: OnUpgrade, protocol: Protocol, ending: CancellationToken) {
    let (client, server) = match tokio::try_join!(client, server) {
        Ok(both) => both,
        Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
    };
    if let Err(error) = joined::join(TokioIo::new(client), TokioIo::new(server), protocol, &ending).await {
        tracing::debug!(%error, "an upgraded connection ended");
    }
}
