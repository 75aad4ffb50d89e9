//! Hooks: postStart and preStop as exec, HTTP, TCP or sleep.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};

use crate::cri::client::Cri;
use crate::cri::v1 as cri;
use crate::probes::{http, port};

/// Why a hook failed; it is logged, not shown in events, because its output may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("exec: {}", .0.message())]
    Exec(tonic::Status),
    #[error("command exited with {0}: {1}")]
    ExitCode(i32, String),
    #[error("http: {0}")]
    Http(String),
    #[error("tcp: {0}")]
    Tcp(std::io::Error),
    #[error("{0}")]
    Port(String),
    #[error("handler names no action")]
    Empty,
}

/// Runs a hook to its end; the caller bounds the time.
pub async fn run(
    cri: &Cri,
    container: &Container,
    (id, pod_ip): (&str, &str),
    handler: &LifecycleHandler,
) -> Result<(), HookError> {
    if let Some(exec) = &handler.exec {
        let request = cri::ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: exec.command.clone().unwrap_or_default(),
            timeout: 0,
        };
        let answer = cri.runtime().exec_sync(request).await.map_err(HookError::Exec)?.into_inner();
        return match answer.exit_code {
            0 => Ok(()),
            code => Err(HookError::ExitCode(code, String::from_utf8_lossy(&answer.stderr).into_owned())),
        };
    }
    if let Some(get) = &handler.http_get {
        let request = http::Request::new(get, container, pod_ip).map_err(HookError::Port)?;
        return http::get(&request, "kube-lifecycle/1.37").await.map(drop).map_err(HookError::Http);
    }
    if let Some(socket) = &handler.tcp_socket {
        let port = port::resolve(&socket.port, container).map_err(HookError::Port)?;
        let host = socket.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(pod_ip);
        return tokio::net::TcpStream::connect((host, port)).await.map(drop).map_err(HookError::Tcp);
    }
    if let Some(sleep) = &handler.sleep {
        let seconds = u64::try_from(sleep.seconds).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        return Ok(());
    }
    Err(HookError::Empty)
}
