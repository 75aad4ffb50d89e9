//! Cases of the OCI configuration that a container gets.

use super::*;
use crate::cri::v1::{Int64Value, LinuxContainerConfig, LinuxContainerResources};

fn config(security: LinuxContainerSecurityContext) -> ContainerConfig {
    let resources = LinuxContainerResources {
        cpu_shares: 256,
        memory_limit_in_bytes: 64 << 20,
        oom_score_adj: 900,
        ..Default::default()
    };
    let linux = LinuxContainerConfig { resources: Some(resources), security_context: Some(security) };
    ContainerConfig { command: vec!["/bin/true".into()], linux: Some(linux), ..Default::default() }
}

fn spec(config: &ContainerConfig, sandbox: &NamespaceOption) -> Result<Value, SpecError> {
    let (image, user, files) = (Config::default(), User::default(), SandboxFiles::default());
    build(&Inputs {
        config,
        image: &image,
        user: &user,
        rootfs: Path::new("/run/rootfs"),
        cgroup: Path::new("/kubepods/pod/c"),
        sandbox: Sandbox { directory: Path::new("/run/s"), hostname: "web", namespaces: sandbox, files: &files },
        abilities: Abilities::default(),
        devices: &[],
        volumes: &[],
        target_pid: None,
        apparmor: false,
    })
}

fn modes(network: NamespaceMode, pid: NamespaceMode, ipc: NamespaceMode) -> NamespaceOption {
    NamespaceOption { network: network.into(), pid: pid.into(), ipc: ipc.into(), ..Default::default() }
}

fn kinds(spec: &Value) -> String {
    let namespaces = spec["linux"]["namespaces"].as_array().expect("a list");
    let one = |ns: &Value| format!("{}={}", ns["type"].as_str().expect("text"), ns["path"].as_str().unwrap_or("new"));
    namespaces.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn namespaces_follow_the_modes() {
    use NamespaceMode::{Container, Node, Pod, Target};
    let cases = [
        (
            modes(Pod, Container, Pod),
            Container,
            Ok("mount=new network=/run/s/net uts=/run/s/uts ipc=/run/s/ipc pid=new"),
        ),
        (modes(Node, Container, Pod), Container, Ok("mount=new ipc=/run/s/ipc pid=new")),
        (modes(Node, Node, Node), Node, Ok("mount=new")),
        (modes(Pod, Pod, Pod), Pod, Ok("mount=new network=/run/s/net uts=/run/s/uts ipc=/run/s/ipc pid=/run/s/pid")),
        (modes(Pod, Container, Pod), Target, Err(SpecError::NoTarget(String::new()))),
    ];
    for (sandbox, pid, expected) in cases {
        let options = NamespaceOption { pid: pid.into(), ..sandbox.clone() };
        let config = config(LinuxContainerSecurityContext { namespace_options: Some(options), ..Default::default() });
        assert_eq!(
            spec(&config, &sandbox).as_ref().map(kinds),
            expected.as_ref().map(|text| (*text).to_owned()),
            "{sandbox:?}"
        );
    }
}

#[test]
fn cgroups_of_version_1_are_not_mounted_in_a_joined_process_namespace() {
    for (pid, is_seen) in [(NamespaceMode::Container, true), (NamespaceMode::Node, true), (NamespaceMode::Pod, false)] {
        let sandbox = modes(NamespaceMode::Pod, pid, NamespaceMode::Pod);
        let security = LinuxContainerSecurityContext { namespace_options: Some(sandbox.clone()), ..Default::default() };
        let spec = spec(&config(security), &sandbox).expect("a spec");
        let mounts = spec["mounts"].as_array().expect("a list");
        assert_eq!(mounts.iter().any(|mount| mount["type"] == "cgroup"), is_seen, "{pid:?}");
    }
}

#[test]
fn limits_and_scores_are_in_the_spec() {
    let security = LinuxContainerSecurityContext {
        run_as_user: Some(Int64Value { value: 5 }),
        no_new_privs: true,
        ..Default::default()
    };
    let spec = spec(&config(security), &NamespaceOption::default()).expect("a spec");
    assert_eq!(spec["linux"]["resources"]["cpu"], json!({"shares": 256}));
    assert_eq!(spec["linux"]["resources"]["memory"], json!({"limit": 64 << 20}));
    assert_eq!(spec["process"]["oomScoreAdj"], 900);
    assert_eq!(spec["process"]["noNewPrivileges"], true);
    assert_eq!(spec["process"]["capabilities"]["bounding"].as_array().map(Vec::len), Some(14));
}

#[test]
fn privileged_containers_are_not_confined() {
    let masked = vec!["/proc/kcore".to_owned()];
    let security = LinuxContainerSecurityContext { masked_paths: masked.clone(), ..Default::default() };
    let confined = spec(&config(security.clone()), &NamespaceOption::default()).expect("a spec");
    assert_eq!(confined["linux"]["maskedPaths"], json!(masked));
    assert_eq!(confined["linux"]["resources"]["devices"][0]["allow"], false);
    let free =
        spec(&config(LinuxContainerSecurityContext { privileged: true, ..security }), &NamespaceOption::default())
            .expect("a spec");
    assert_eq!(free["linux"]["maskedPaths"], json!([]));
    assert_eq!(free["linux"]["resources"]["devices"][0]["allow"], true);
}

#[test]
fn seccomp_follows_the_profile() {
    let with = |profile_type: ProfileType, localhost_ref: &str, privileged| LinuxContainerSecurityContext {
        privileged,
        seccomp: Some(SecurityProfile { profile_type: profile_type.into(), localhost_ref: localhost_ref.into() }),
        ..Default::default()
    };
    assert_eq!(seccomp(&LinuxContainerSecurityContext::default()), Seccomp::Unconfined);
    assert_eq!(seccomp(&with(ProfileType::RuntimeDefault, "", false)), Seccomp::RuntimeDefault);
    assert_eq!(seccomp(&with(ProfileType::RuntimeDefault, "", true)), Seccomp::Unconfined);
    assert_eq!(seccomp(&with(ProfileType::Localhost, "/p.json", false)), Seccomp::Localhost("/p.json".into()));
}

#[test]
fn an_exec_is_the_containers_process_with_another_command() {
    let container = json!({"process": {"args": ["web"], "env": ["A=1"], "cwd": "/srv", "terminal": false}});
    let request = ExecRequest { cmd: vec!["sh".into()], tty: true, ..Default::default() };
    let expected = json!({"args": ["sh"], "env": ["A=1", "TERM=xterm"], "cwd": "/srv", "terminal": true});
    assert_eq!(exec_process(&container, &request), expected);
}
