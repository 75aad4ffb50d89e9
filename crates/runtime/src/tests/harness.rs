//! Runs a story alone in fresh namespaces, with a runtime of its own and CRI clients to it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};

use crate::cri::v1::image_service_client::ImageServiceClient;
use crate::cri::v1::runtime_service_client::RuntimeServiceClient;
use crate::cri::v1::*;
use crate::network::Loopback;
use crate::supervisor::{self, Paths};
use crate::{Config, Program, Registries, Runtime};

/// Set in the process that is already isolated, to the story's directory.
const ISOLATED: &str = "OXKUBE_TEST_DIR";
/// No story takes longer, unless something hangs.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Runs `story` in its own namespaces by calling this test again there. `name` is the test's own path.
pub fn isolated<F: Future<Output = ()>>(name: &str, story: impl FnOnce(World) -> F) {
    if let Some(directory) = std::env::var_os(ISOLATED) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a tokio runtime");
        runtime.block_on(async {
            let world = World { directory: directory.into() };
            tokio::time::timeout(DEADLINE * 3, story(world)).await.expect("the story ends in time");
        });
        return;
    }
    let directory = tempfile::Builder::new().prefix("oxkube-runtime-").tempdir().expect("a directory");
    let output = Command::new("unshare")
        .args(["--pid", "--mount", "--net", "--fork", "--mount-proc", "--kill-child"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ISOLATED, directory.path())
        .output()
        .expect("unshare runs");
    let group = Paths::new(directory.path().join("run"), directory.path().join("data")).cgroup();
    crate::ledger::remove_cgroup(&group).expect("control groups are removed");
    let log = std::fs::read_to_string(directory.path().join("data/logs/supervisor.log")).unwrap_or_default();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed\n--- stdout\n{out}\n--- stderr\n{error}\n--- supervisor\n{log}");
    assert!(out.contains("1 passed"), "{name} is not the test's name\n{out}");
}

/// What the supervisor's process runs: this test program again, with what `--` is followed by.
#[test]
fn supervisor_entry() {
    let args: Vec<String> = std::env::args().skip_while(|argument| argument != "--").skip(1).collect();
    if !args.is_empty() {
        std::process::exit(if supervisor::main(args) == std::process::ExitCode::SUCCESS { 0 } else { 2 });
    }
}

fn supervisor_program() -> Program {
    let own = std::env::current_exe().expect("this program").into_os_string();
    let rest = ["--exact", "tests::harness::supervisor_entry", "--nocapture", "--test-threads=1", "--"];
    Program(std::iter::once(own).chain(rest.map(Into::into)).collect())
}

/// A story's place.
pub struct World {
    pub directory: PathBuf,
}

impl World {
    pub fn paths(&self) -> Paths {
        Paths::new(self.directory.join("run"), self.directory.join("data"))
    }

    pub async fn start(&self) -> Cri {
        self.start_with(Registries::default()).await
    }

    pub async fn start_with(&self, registries: Registries) -> Cri {
        let paths = self.paths();
        let config = Config {
            data_dir: paths.data.clone(),
            run_dir: paths.run.clone(),
            registries,
            network: Arc::new(Loopback),
            oci_runtime: None,
            supervisor: supervisor_program(),
        };
        let runtime =
            Runtime::start(config).await.unwrap_or_else(|error| panic!("the runtime starts: {}", error.text()));
        Cri::connect(runtime, &paths).await
    }

    /// Waits for a file to hold what is wanted.
    pub async fn file_has(&self, path: &Path, wanted: impl Fn(&str) -> bool) -> String {
        let begun = tokio::time::Instant::now();
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if wanted(&text) {
                return text;
            }
            assert!(begun.elapsed() < DEADLINE, "{} holds {text:?}", path.display());
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Clients of a runtime, as the kubelet is one.
pub struct Cri {
    pub runtime: RuntimeServiceClient<Channel>,
    pub images: ImageServiceClient<Channel>,
    pub server: Runtime,
}

impl Cri {
    async fn connect(server: Runtime, paths: &Paths) -> Self {
        let socket = Runtime::socket(&paths.run);
        let connect = move |_: http::Uri| {
            let socket = socket.clone();
            async move { tokio::net::UnixStream::connect(socket).await.map(TokioIo::new) }
        };
        let endpoint = Endpoint::from_static("http://localhost");
        let channel = endpoint.connect_with_connector(tower::service_fn(connect)).await.expect("CRI answers");
        let (runtime, images) = (RuntimeServiceClient::new(channel.clone()), ImageServiceClient::new(channel));
        Self { runtime, images, server }
    }

    pub async fn sandbox(&mut self, config: PodSandboxConfig) -> String {
        let request = RunPodSandboxRequest { config: Some(config), runtime_handler: String::new() };
        self.runtime.run_pod_sandbox(request).await.expect("a sandbox").into_inner().pod_sandbox_id
    }

    pub async fn create(&mut self, sandbox: &str, config: ContainerConfig) -> Result<String, tonic::Status> {
        let request =
            CreateContainerRequest { pod_sandbox_id: sandbox.into(), config: Some(config), sandbox_config: None };
        Ok(self.runtime.create_container(request).await?.into_inner().container_id)
    }

    pub async fn start(&mut self, id: &str) -> Result<(), tonic::Status> {
        self.runtime.start_container(StartContainerRequest { container_id: id.into() }).await.map(drop)
    }

    pub async fn run(&mut self, sandbox: &str, config: ContainerConfig) -> String {
        let id = self.create(sandbox, config).await.expect("a container");
        self.start(&id).await.expect("it starts");
        id
    }

    pub async fn status(&mut self, id: &str) -> ContainerStatus {
        let request = ContainerStatusRequest { container_id: id.into(), verbose: false };
        self.runtime.container_status(request).await.expect("a status").into_inner().status.expect("a status")
    }

    /// Waits for a container's end.
    pub async fn ended(&mut self, id: &str) -> ContainerStatus {
        let begun = tokio::time::Instant::now();
        loop {
            let status = self.status(id).await;
            if status.state() == ContainerState::ContainerExited {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "{status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn exec(&mut self, id: &str, command: &[&str], timeout: i64) -> Result<ExecSyncResponse, tonic::Status> {
        let cmd = command.iter().map(|word| (*word).to_owned()).collect();
        Ok(self.runtime.exec_sync(ExecSyncRequest { container_id: id.into(), cmd, timeout }).await?.into_inner())
    }

    /// What a shell command in a container prints.
    pub async fn shell(&mut self, id: &str, script: &str) -> String {
        let response = self.exec(id, &["sh", "-c", script], 20).await.expect("the shell runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(response.exit_code, 0, "{script}: {}", text(&response.stderr));
        text(&response.stdout)
    }

    pub async fn stop(&mut self, id: &str, timeout: i64) {
        self.runtime.stop_container(StopContainerRequest { container_id: id.into(), timeout }).await.expect("it stops");
    }

    pub async fn remove_sandbox(&mut self, id: &str) {
        self.runtime.stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id: id.into() }).await.expect("it stops");
        self.runtime
            .remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: id.into() })
            .await
            .expect("it is removed");
    }
}

/// A sandbox as the kubelet makes them, logging below `logs`.
pub fn pod(name: &str, logs: &Path) -> PodSandboxConfig {
    let options = NamespaceOption { pid: NamespaceMode::Container.into(), ..NamespaceOption::default() };
    pod_with(name, logs, options)
}

pub fn pod_with(name: &str, logs: &Path, options: NamespaceOption) -> PodSandboxConfig {
    let metadata =
        PodSandboxMetadata { name: name.into(), uid: format!("uid-{name}"), namespace: "default".into(), attempt: 0 };
    let security = LinuxSandboxSecurityContext { namespace_options: Some(options), ..Default::default() };
    PodSandboxConfig {
        metadata: Some(metadata),
        hostname: name.into(),
        log_directory: logs.join(name).to_string_lossy().into_owned(),
        linux: Some(LinuxPodSandboxConfig { security_context: Some(security), ..Default::default() }),
        ..PodSandboxConfig::default()
    }
}

/// A container of the test image that runs a shell script, in the pid namespace mode of its sandbox.
pub fn script(name: &str, text: &str) -> ContainerConfig {
    let options = NamespaceOption { pid: NamespaceMode::Container.into(), ..NamespaceOption::default() };
    let security = LinuxContainerSecurityContext { namespace_options: Some(options), ..Default::default() };
    ContainerConfig {
        metadata: Some(ContainerMetadata { name: name.into(), attempt: 0 }),
        image: Some(ImageSpec { image: super::image::NAME.into(), ..ImageSpec::default() }),
        command: vec!["sh".into(), "-c".into(), text.into()],
        log_path: format!("{name}.log"),
        linux: Some(LinuxContainerConfig { resources: None, security_context: Some(security) }),
        ..ContainerConfig::default()
    }
}
