//! One probe of one container, to its outcome and the text shown when it fails.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};

use super::outcome::Outcome;
use super::{grpc, http, port};
use crate::cri::client::Cri;
use crate::cri::v1 as cri;

/// Carries the probe out within its timeout.
pub async fn probe(cri: &Cri, container: &Container, (id, pod_ip): (&str, &str), probe: &Probe) -> (Outcome, String) {
    let timeout = Duration::from_secs(probe.timeout_seconds.unwrap_or(1).max(1).unsigned_abs().into());
    let result = match tokio::time::timeout(timeout, run(cri, container, (id, pod_ip), probe)).await {
        Ok(result) => result,
        Err(_) => Err(timed_out(probe, container, pod_ip, timeout)),
    };
    match result {
        Ok(()) => (Outcome::Success, String::new()),
        Err(message) => (Outcome::Failure, message),
    }
}

fn timed_out(probe: &Probe, container: &Container, pod_ip: &str, timeout: Duration) -> String {
    let deadline = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    match &probe.http_get {
        Some(action) => match http::Request::new(action, container, pod_ip) {
            Ok(request) => format!("Get {:?}: {deadline}", request.url()),
            Err(message) => message,
        },
        None if probe.exec.is_some() => format!("command timed out after {}s", timeout.as_secs()),
        None => "dial tcp: i/o timeout".to_owned(),
    }
}

async fn run(cri: &Cri, container: &Container, (id, pod_ip): (&str, &str), probe: &Probe) -> Result<(), String> {
    if let Some(action) = &probe.exec {
        return exec(cri, id, action.command.clone().unwrap_or_default(), probe.timeout_seconds.unwrap_or(1)).await;
    }
    if let Some(action) = &probe.http_get {
        let request = http::Request::new(action, container, pod_ip)?;
        let answer = http::get(&request, "kube-probe/1.37").await?;
        return match answer.code {
            200..400 => Ok(()),
            code => Err(format!("HTTP probe failed with statuscode: {code}")),
        };
    }
    if let Some(action) = &probe.tcp_socket {
        let port = port::resolve(&action.port, container)?;
        let host = action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(pod_ip);
        let connected = tokio::net::TcpStream::connect((host, port)).await;
        return connected.map(drop).map_err(|error| format!("dial tcp {host}:{port}: {}", http::dial_error(&error)));
    }
    if let Some(action) = &probe.grpc {
        let port = u16::try_from(action.port).map_err(|_| format!("invalid port number: {}", action.port))?;
        return grpc::check(pod_ip, port, action.service.as_deref().unwrap_or_default()).await;
    }
    Err("missing probe handler".to_owned())
}

async fn exec(cri: &Cri, id: &str, cmd: Vec<String>, timeout: i32) -> Result<(), String> {
    let request = cri::ExecSyncRequest { container_id: id.to_owned(), cmd, timeout: timeout.max(1).into() };
    let answer = cri.runtime().exec_sync(request).await.map_err(|status| status.message().to_owned())?.into_inner();
    if answer.exit_code == 0 {
        return Ok(());
    }
    let output = [answer.stdout, answer.stderr].concat();
    Err(String::from_utf8_lossy(&output).into_owned())
}
