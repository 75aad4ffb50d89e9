//! The RuntimeService verbs.

use futures::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

use super::{Answer, Items, Service, answer, parts, required};
use crate::cri::v1::runtime_service_server::RuntimeService;
use crate::cri::v1::*;
use crate::error::RuntimeError;
use crate::images::blocking;
use crate::supervisor::clock::now_ns;

/// The version of the kubelet's runtime API, which has been this for ever.
const KUBELET_API_VERSION: &str = "0.1.0";
const NAME: &str = "oxkube";
const RUNTIME_READY: &str = "RuntimeReady";
const NETWORK_READY: &str = "NetworkReady";

impl Service {
    fn wanted_stats(filter: Option<ContainerStatsFilter>) -> Option<ContainerFilter> {
        filter.map(|filter| ContainerFilter {
            id: filter.id,
            pod_sandbox_id: filter.pod_sandbox_id,
            label_selector: filter.label_selector,
            state: None,
        })
    }

    async fn container_stats_list(
        &self,
        filter: Option<ContainerStatsFilter>,
    ) -> Result<Vec<ContainerStats>, RuntimeError> {
        let (node, filter) = (self.node.clone(), Self::wanted_stats(filter));
        blocking(move || node.list_container_stats(filter.as_ref())).await
    }

    async fn sandbox_stats_list(
        &self,
        filter: Option<PodSandboxStatsFilter>,
    ) -> Result<Vec<PodSandboxStats>, RuntimeError> {
        let node = self.node.clone();
        blocking(move || node.list_sandbox_stats(filter.as_ref())).await
    }
}

fn unimplemented<T>(what: &str) -> Answer<T> {
    Err(Status::unimplemented(format!("{what} is not supported by this runtime")))
}

#[tonic::async_trait]
impl RuntimeService for Service {
    type StreamPodSandboxesStream = Items<StreamPodSandboxesResponse>;
    type StreamContainersStream = Items<StreamContainersResponse>;
    type StreamContainerStatsStream = Items<StreamContainerStatsResponse>;
    type StreamPodSandboxStatsStream = Items<StreamPodSandboxStatsResponse>;
    type StreamPodSandboxMetricsStream = Items<StreamPodSandboxMetricsResponse>;
    type GetContainerEventsStream = Items<ContainerEventResponse>;

    async fn version(&self, _: Request<VersionRequest>) -> Answer<VersionResponse> {
        Ok(Response::new(VersionResponse {
            version: KUBELET_API_VERSION.into(),
            runtime_name: NAME.into(),
            runtime_version: env!("CARGO_PKG_VERSION").into(),
            runtime_api_version: "v1".into(),
        }))
    }

    async fn run_pod_sandbox(&self, request: Request<RunPodSandboxRequest>) -> Answer<RunPodSandboxResponse> {
        let request = request.into_inner();
        let config = required(request.config, "config")?;
        let id = self.node.run_sandbox(config, &request.runtime_handler).await;
        answer(id.map(|pod_sandbox_id| RunPodSandboxResponse { pod_sandbox_id }))
    }

    async fn stop_pod_sandbox(&self, request: Request<StopPodSandboxRequest>) -> Answer<StopPodSandboxResponse> {
        let id = request.into_inner().pod_sandbox_id;
        answer(self.node.stop_sandbox(&id).await.map(|()| StopPodSandboxResponse {}))
    }

    async fn remove_pod_sandbox(&self, request: Request<RemovePodSandboxRequest>) -> Answer<RemovePodSandboxResponse> {
        let id = request.into_inner().pod_sandbox_id;
        answer(self.node.remove_sandbox(&id).await.map(|()| RemovePodSandboxResponse {}))
    }

    async fn pod_sandbox_status(&self, request: Request<PodSandboxStatusRequest>) -> Answer<PodSandboxStatusResponse> {
        let request = request.into_inner();
        let status = self.node.sandbox_status(&request.pod_sandbox_id).map_err(Status::from)?;
        let containers = self.node.records.containers_of(&status.id);
        let mut response = PodSandboxStatusResponse {
            containers_statuses: containers.iter().map(|container| self.node.container_status(container)).collect(),
            timestamp: now_ns(),
            status: Some(status),
            ..PodSandboxStatusResponse::default()
        };
        if request.verbose {
            let sandbox = self.node.records.sandbox(&request.pod_sandbox_id).map_err(Status::from)?;
            response.info.insert("info".into(), serde_json::json!({"network": sandbox.facts.network}).to_string());
        }
        Ok(Response::new(response))
    }

    async fn list_pod_sandbox(&self, request: Request<ListPodSandboxRequest>) -> Answer<ListPodSandboxResponse> {
        let items = self.node.list_sandboxes(request.into_inner().filter.as_ref());
        Ok(Response::new(ListPodSandboxResponse { items }))
    }

    async fn stream_pod_sandboxes(
        &self,
        request: Request<StreamPodSandboxesRequest>,
    ) -> Answer<Self::StreamPodSandboxesStream> {
        let sandboxes = self.node.list_sandboxes(request.into_inner().filter.as_ref());
        Ok(Response::new(parts(&sandboxes, |pod_sandboxes| StreamPodSandboxesResponse { pod_sandboxes })))
    }

    async fn create_container(&self, request: Request<CreateContainerRequest>) -> Answer<CreateContainerResponse> {
        let request = request.into_inner();
        let config = required(request.config, "config")?;
        let id = self.node.create_container(&request.pod_sandbox_id, config, request.sandbox_config).await;
        answer(id.map(|container_id| CreateContainerResponse { container_id }))
    }

    async fn start_container(&self, request: Request<StartContainerRequest>) -> Answer<StartContainerResponse> {
        let id = request.into_inner().container_id;
        answer(self.node.start_container(&id).await.map(|()| StartContainerResponse {}))
    }

    async fn stop_container(&self, request: Request<StopContainerRequest>) -> Answer<StopContainerResponse> {
        let request = request.into_inner();
        answer(
            self.node.stop_container(&request.container_id, request.timeout).await.map(|()| StopContainerResponse {}),
        )
    }

    async fn remove_container(&self, request: Request<RemoveContainerRequest>) -> Answer<RemoveContainerResponse> {
        let id = request.into_inner().container_id;
        answer(self.node.remove_container(&id).await.map(|()| RemoveContainerResponse {}))
    }

    async fn list_containers(&self, request: Request<ListContainersRequest>) -> Answer<ListContainersResponse> {
        let containers = self.node.list_containers(request.into_inner().filter.as_ref());
        Ok(Response::new(ListContainersResponse { containers }))
    }

    async fn stream_containers(
        &self,
        request: Request<StreamContainersRequest>,
    ) -> Answer<Self::StreamContainersStream> {
        let containers = self.node.list_containers(request.into_inner().filter.as_ref());
        Ok(Response::new(parts(&containers, |containers| StreamContainersResponse { containers })))
    }

    async fn container_status(&self, request: Request<ContainerStatusRequest>) -> Answer<ContainerStatusResponse> {
        let request = request.into_inner();
        let container = self.node.records.container(&request.container_id).map_err(Status::from)?;
        let mut response =
            ContainerStatusResponse { status: Some(self.node.container_status(&container)), ..Default::default() };
        if request.verbose {
            let pid = container.state.lock().pid;
            let info =
                serde_json::json!({"sandboxID": container.sandbox_id, "pid": pid, "cgroup": container.facts.cgroup});
            response.info.insert("info".into(), info.to_string());
        }
        Ok(Response::new(response))
    }

    async fn update_container_resources(
        &self,
        request: Request<UpdateContainerResourcesRequest>,
    ) -> Answer<UpdateContainerResourcesResponse> {
        let request = request.into_inner();
        let resources = required(request.linux, "linux resources")?;
        answer(
            self.node.update_container(&request.container_id, &resources).map(|()| UpdateContainerResourcesResponse {}),
        )
    }

    async fn reopen_container_log(
        &self,
        request: Request<ReopenContainerLogRequest>,
    ) -> Answer<ReopenContainerLogResponse> {
        let id = request.into_inner().container_id;
        answer(self.node.reopen_log(&id).await.map(|()| ReopenContainerLogResponse {}))
    }

    async fn exec_sync(&self, request: Request<ExecSyncRequest>) -> Answer<ExecSyncResponse> {
        let request = request.into_inner();
        answer(self.node.exec_sync(&request.container_id, request.cmd, request.timeout).await)
    }

    async fn exec(&self, request: Request<ExecRequest>) -> Answer<ExecResponse> {
        answer(self.streaming.exec_url(request.into_inner()).map(|url| ExecResponse { url }))
    }

    async fn attach(&self, request: Request<AttachRequest>) -> Answer<AttachResponse> {
        answer(self.streaming.attach_url(request.into_inner()).map(|url| AttachResponse { url }))
    }

    async fn port_forward(&self, request: Request<PortForwardRequest>) -> Answer<PortForwardResponse> {
        answer(self.streaming.port_forward_url(request.into_inner()).map(|url| PortForwardResponse { url }))
    }

    async fn container_stats(&self, request: Request<ContainerStatsRequest>) -> Answer<ContainerStatsResponse> {
        let (node, id) = (self.node.clone(), request.into_inner().container_id);
        answer(
            blocking(move || node.container_stats(&id))
                .await
                .map(|stats| ContainerStatsResponse { stats: Some(stats) }),
        )
    }

    async fn list_container_stats(
        &self,
        request: Request<ListContainerStatsRequest>,
    ) -> Answer<ListContainerStatsResponse> {
        answer(
            self.container_stats_list(request.into_inner().filter)
                .await
                .map(|stats| ListContainerStatsResponse { stats }),
        )
    }

    async fn stream_container_stats(
        &self,
        request: Request<StreamContainerStatsRequest>,
    ) -> Answer<Self::StreamContainerStatsStream> {
        let stats = self.container_stats_list(request.into_inner().filter).await.map_err(Status::from)?;
        Ok(Response::new(parts(&stats, |container_stats| StreamContainerStatsResponse { container_stats })))
    }

    async fn pod_sandbox_stats(&self, request: Request<PodSandboxStatsRequest>) -> Answer<PodSandboxStatsResponse> {
        let (node, id) = (self.node.clone(), request.into_inner().pod_sandbox_id);
        answer(
            blocking(move || node.sandbox_stats(&id)).await.map(|stats| PodSandboxStatsResponse { stats: Some(stats) }),
        )
    }

    async fn list_pod_sandbox_stats(
        &self,
        request: Request<ListPodSandboxStatsRequest>,
    ) -> Answer<ListPodSandboxStatsResponse> {
        answer(
            self.sandbox_stats_list(request.into_inner().filter)
                .await
                .map(|stats| ListPodSandboxStatsResponse { stats }),
        )
    }

    async fn stream_pod_sandbox_stats(
        &self,
        request: Request<StreamPodSandboxStatsRequest>,
    ) -> Answer<Self::StreamPodSandboxStatsStream> {
        let stats = self.sandbox_stats_list(request.into_inner().filter).await.map_err(Status::from)?;
        Ok(Response::new(parts(&stats, |pod_sandbox_stats| StreamPodSandboxStatsResponse { pod_sandbox_stats })))
    }

    /// The network has its Pod CIDR from elsewhere, so there is nothing to update.
    async fn update_runtime_config(
        &self,
        _: Request<UpdateRuntimeConfigRequest>,
    ) -> Answer<UpdateRuntimeConfigResponse> {
        Ok(Response::new(UpdateRuntimeConfigResponse {}))
    }

    async fn status(&self, request: Request<StatusRequest>) -> Answer<StatusResponse> {
        let condition = |kind: &str, status: Result<(), String>, reason: &str| RuntimeCondition {
            r#type: kind.into(),
            status: status.is_ok(),
            reason: if status.is_ok() { String::new() } else { reason.into() },
            message: status.err().unwrap_or_default(),
        };
        let runtime = self.node.supervisor_answers().await.map_err(|error| error.text());
        let network = self.node.config.network.status().await;
        let conditions = vec![
            condition(RUNTIME_READY, runtime, "SupervisorNotReady"),
            condition(NETWORK_READY, network, "NetworkPluginNotReady"),
        ];
        let features = RuntimeHandlerFeatures { recursive_read_only_mounts: true, user_namespaces: false };
        let mut response = StatusResponse {
            status: Some(RuntimeStatus { conditions }),
            runtime_handlers: vec![RuntimeHandler { name: String::new(), features: Some(features) }],
            features: Some(RuntimeFeatures { supplemental_groups_policy: true, ..RuntimeFeatures::default() }),
            ..StatusResponse::default()
        };
        if request.into_inner().verbose {
            let config = serde_json::json!({"dataDir": self.node.config.data_dir, "runDir": self.node.config.run_dir});
            response.info.insert("config".into(), config.to_string());
        }
        Ok(Response::new(response))
    }

    async fn checkpoint_container(
        &self,
        _: Request<CheckpointContainerRequest>,
    ) -> Answer<CheckpointContainerResponse> {
        unimplemented("CheckpointContainer")
    }

    async fn checkpoint_pod(&self, _: Request<CheckpointPodRequest>) -> Answer<CheckpointPodResponse> {
        unimplemented("CheckpointPod")
    }

    async fn restore_pod(&self, _: Request<RestorePodRequest>) -> Answer<RestorePodResponse> {
        unimplemented("RestorePod")
    }

    async fn get_container_events(&self, _: Request<GetEventsRequest>) -> Answer<Self::GetContainerEventsStream> {
        let events = BroadcastStream::new(self.node.events.subscribe());
        // A listener that fell behind gets an end, and lists anew.
        let events = events.map(|event| event.map_err(|error| Status::data_loss(error.to_string())));
        Ok(Response::new(Box::pin(events)))
    }

    async fn list_metric_descriptors(
        &self,
        _: Request<ListMetricDescriptorsRequest>,
    ) -> Answer<ListMetricDescriptorsResponse> {
        unimplemented("ListMetricDescriptors")
    }

    async fn list_pod_sandbox_metrics(
        &self,
        _: Request<ListPodSandboxMetricsRequest>,
    ) -> Answer<ListPodSandboxMetricsResponse> {
        unimplemented("ListPodSandboxMetrics")
    }

    async fn stream_pod_sandbox_metrics(
        &self,
        _: Request<StreamPodSandboxMetricsRequest>,
    ) -> Answer<Self::StreamPodSandboxMetricsStream> {
        unimplemented("StreamPodSandboxMetrics")
    }

    async fn runtime_config(&self, _: Request<RuntimeConfigRequest>) -> Answer<RuntimeConfigResponse> {
        let linux = LinuxRuntimeConfiguration { cgroup_driver: CgroupDriver::Cgroupfs.into() };
        Ok(Response::new(RuntimeConfigResponse { linux: Some(linux) }))
    }

    /// The kubelet sets the Pod's own group; there is nothing of the sandbox beside it.
    async fn update_pod_sandbox_resources(
        &self,
        request: Request<UpdatePodSandboxResourcesRequest>,
    ) -> Answer<UpdatePodSandboxResourcesResponse> {
        let id = request.into_inner().pod_sandbox_id;
        answer(self.node.records.sandbox(&id).map(|_| UpdatePodSandboxResourcesResponse {}))
    }
}
