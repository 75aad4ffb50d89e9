//! /stats/summary and /metrics/resource: the runtime and the kernel are asked anew for every request.

use http::Response;

use super::Server;
use super::answer::{Body, Refusal, full, of_type};
use crate::cri::v1 as cri;
use crate::figures::machine::{self, MachineUsage};
use crate::figures::usage::{self, Begun, PodUsage};
use crate::figures::{prometheus, summary};

async fn pods(server: &Server) -> Result<Vec<PodUsage>, Refusal> {
    let failed = |status: tonic::Status| Refusal::internal(status.message());
    let mut runtime = server.0.context.cri.runtime();
    let mut begun = Begun::new();
    let state = Some(cri::PodSandboxStateValue { state: cri::PodSandboxState::SandboxReady.into() });
    let filter = Some(cri::PodSandboxFilter { state, ..Default::default() });
    let listed = runtime.list_pod_sandbox(cri::ListPodSandboxRequest { filter }).await.map_err(failed)?;
    begun.extend(listed.into_inner().items.into_iter().map(|sandbox| (sandbox.id, sandbox.created_at)));
    let state = Some(cri::ContainerStateValue { state: cri::ContainerState::ContainerRunning.into() });
    let filter = Some(cri::ContainerFilter { state, ..Default::default() });
    let listed = runtime.list_containers(cri::ListContainersRequest { filter }).await.map_err(failed)?;
    begun.extend(listed.into_inner().containers.into_iter().map(|container| (container.id, container.created_at)));
    let listed = runtime.list_pod_sandbox_stats(cri::ListPodSandboxStatsRequest { filter: None }).await;
    Ok(usage::pods(listed.map_err(failed)?.into_inner().stats, &begun))
}

fn machine(server: &Server) -> Result<MachineUsage, Refusal> {
    machine::read(server.0.context.env.now()).map_err(|error| Refusal::internal(format!("read /proc: {error}")))
}

pub async fn resource(server: &Server) -> Result<Response<Body>, Refusal> {
    let text = prometheus::text(&machine(server)?, &pods(server).await?);
    Ok(of_type("text/plain; version=0.0.4; charset=utf-8", full(text)))
}

pub async fn summary(server: &Server) -> Result<Response<Body>, Refusal> {
    let (now, pods) = (machine(server)?, pods(server).await?);
    let before = server.0.last_machine.lock().replace(now);
    let summary = summary::summary(&server.0.context.config.node.name, before.as_ref(), &now, &pods);
    Ok(of_type("application/json", full(summary.to_string())))
}
