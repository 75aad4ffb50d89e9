//! /exec, /attach and /portForward: the runtime is asked for an address, to which the upgraded connection is passed through.

use http::{Request, Response};
use hyper::body::Incoming;

use super::answer::{Body, Refusal};
use super::route::{Place, Verb};
use super::{Server, find, proxy};
use crate::cri::v1::{AttachRequest, ExecRequest, PortForwardRequest};

/// Which streams are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

impl Wanted {
    fn parse(query: &[(String, String)]) -> Result<Self, Refusal> {
        let on = |name: &str| query.iter().any(|(key, value)| key == name && matches!(value.as_str(), "1" | "true"));
        let tty = on("tty");
        // A terminal has one output only.
        let wanted = Self { stdin: on("input"), stdout: on("output"), stderr: on("error") && !tty, tty };
        if !wanted.stdin && !wanted.stdout && !wanted.stderr {
            return Err(Refusal::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
        }
        Ok(wanted)
    }
}

fn values(query: &[(String, String)], name: &str) -> Vec<String> {
    query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

pub async fn answer(
    server: &Server,
    verb: Verb,
    place: &Place,
    query: &[(String, String)],
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    if !proxy::wants_upgrade(request.headers()) {
        return Err(Refusal::bad_request("Upgrade request required"));
    }
    let address = match verb {
        Verb::PortForward => port_forward(server, place, query).await?,
        _ => of_container(server, verb, place, query).await?,
    };
    proxy::pass(server, request, &address).await
}

async fn of_container(
    server: &Server,
    verb: Verb,
    place: &Place,
    query: &[(String, String)],
) -> Result<String, Refusal> {
    let Wanted { stdin, stdout, stderr, tty } = Wanted::parse(query)?;
    let pod = find::pod(server, place)?;
    let observed = find::observed(server, &pod).await?;
    let run = observed.container(&place.container).filter(|run| run.is_running());
    let container_id = match run {
        Some(run) => run.id.clone(),
        None => return Err(Refusal::internal(format!("container not found ({:?})", place.container))),
    };
    let mut runtime = server.0.context.cri.runtime();
    let url = if verb == Verb::Exec {
        let cmd = values(query, "command");
        let asked = runtime.exec(ExecRequest { container_id, cmd, tty, stdin, stdout, stderr }).await;
        asked.map(|answer| answer.into_inner().url)
    } else {
        let asked = runtime.attach(AttachRequest { container_id, stdin, tty, stdout, stderr }).await;
        asked.map(|answer| answer.into_inner().url)
    };
    url.map_err(|status| Refusal::internal(status.message()))
}

async fn port_forward(server: &Server, place: &Place, query: &[(String, String)]) -> Result<String, Refusal> {
    let ports = values(query, "port").iter().map(|text| port(text)).collect::<Result<_, _>>()?;
    let pod = find::pod(server, place)?;
    let observed = find::observed(server, &pod).await?;
    let sandbox = observed.sandboxes.first().filter(|sandbox| sandbox.is_ready);
    let sandbox =
        sandbox.ok_or_else(|| Refusal::internal(format!("pod {:?} has no sandbox that is ready", place.pod)))?;
    let request = PortForwardRequest { pod_sandbox_id: sandbox.id.clone(), port: ports };
    let asked = server.0.context.cri.runtime().port_forward(request).await;
    asked.map(|answer| answer.into_inner().url).map_err(|status| Refusal::internal(status.message()))
}

fn port(text: &str) -> Result<i32, Refusal> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port.into()),
        _ => Err(Refusal::bad_request(format!("port {text:?} must be a number from 1 to 65535"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        super::super::query::pairs(query)
    }

    #[test]
    fn options() {
        let wanted = Wanted::parse(&pairs("input=1&output=1&error=1&tty=1")).unwrap();
        assert_eq!(wanted, Wanted { stdin: true, stdout: true, stderr: false, tty: true });
        assert!(Wanted::parse(&pairs("command=ls")).is_err());
        assert!(port("0").is_err() && port("x").is_err() && port("80") == Ok(80));
        assert_eq!(values(&pairs("command=ls&command=-l"), "command"), ["ls", "-l"]);
    }
}
