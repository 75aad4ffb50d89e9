//! The OCI runtime specification of a container, decided from CRI's configs and the image. Pure: what must be looked up on the host
//! comes in through `Inputs`.

pub mod mounts;
pub mod privileges;
pub mod process;
pub mod resources;
pub mod user;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cri::v1::{
    ContainerConfig, ExecRequest, LinuxContainerSecurityContext, NamespaceMode, NamespaceOption, SecurityProfile,
    security_profile::ProfileType,
};
use crate::images::manifest::Config;
use crate::supervisor::protocol::Seccomp;
use crate::supervisor::sandbox;
use mounts::{MountOptions, SandboxFiles};
use resources::{Abilities, Device};
use user::User;

const OCI_VERSION: &str = "1.1.0";

pub struct Inputs<'a> {
    pub config: &'a ContainerConfig,
    pub image: &'a Config,
    pub user: &'a User,
    pub rootfs: &'a Path,
    pub cgroup: &'a Path,
    pub sandbox: Sandbox<'a>,
    pub abilities: Abilities,
    pub devices: &'a [Device],
    /// Volumes of the image that stay writable, and what is mounted there.
    pub volumes: &'a [(String, PathBuf)],
    /// First process of the container whose processes this one shares.
    pub target_pid: Option<i32>,
    pub apparmor: bool,
}

/// The sandbox as its containers see it.
#[derive(Debug, Clone)]
pub struct Sandbox<'a> {
    /// Where its namespaces are.
    pub directory: &'a Path,
    pub hostname: &'a str,
    pub namespaces: &'a NamespaceOption,
    pub files: &'a SandboxFiles,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    #[error(transparent)]
    NoCommand(#[from] process::NoCommand),
    #[error(transparent)]
    Capability(#[from] privileges::UnknownCapability),
    #[error(transparent)]
    Mount(#[from] mounts::MountError),
    #[error("the process namespace of target container {0:?} needs that container to be running")]
    NoTarget(String),
}

pub fn build(inputs: &Inputs<'_>) -> Result<Value, SpecError> {
    let security = security(inputs.config);
    let options = security.namespace_options.clone().unwrap_or_default();
    let mount_options = MountOptions {
        privileged: security.privileged,
        host_ipc: inputs.sandbox.namespaces.ipc() == NamespaceMode::Node,
        readonly_rootfs: security.readonly_rootfs,
        // libcontainer looks up the groups of version 1 by the process's own number, which in a joined process namespace names
        // another process, or none.
        without_cgroups: !inputs.abilities.is_v2 && joins_pid_namespace(&options, inputs.sandbox.namespaces),
    };
    let (mounts, propagation) =
        mounts::mounts(&inputs.config.mounts, inputs.sandbox.files, inputs.volumes, mount_options)?;
    let linux_resources = inputs.config.linux.as_ref().and_then(|linux| linux.resources.as_ref());
    let is_confined = !security.privileged;
    let paths = |paths: &[String]| if is_confined { paths.to_vec() } else { Vec::new() };
    let mut linux = json!({
        "namespaces": namespaces(inputs, &options)?,
        "cgroupsPath": inputs.cgroup,
        "resources": resources::resources(linux_resources, inputs.abilities, security.privileged, inputs.devices),
        "devices": resources::devices(inputs.devices),
        "maskedPaths": paths(&security.masked_paths),
        "readonlyPaths": paths(&security.readonly_paths),
    });
    if let Some(propagation) = propagation {
        linux["rootfsPropagation"] = propagation.into();
    }
    Ok(json!({
        "ociVersion": OCI_VERSION,
        "process": process(inputs, &security)?,
        "root": {"path": inputs.rootfs, "readonly": security.readonly_rootfs},
        "mounts": mounts,
        "linux": linux,
    }))
}

pub fn security(config: &ContainerConfig) -> LinuxContainerSecurityContext {
    config.linux.as_ref().and_then(|linux| linux.security_context.clone()).unwrap_or_default()
}

fn process(inputs: &Inputs<'_>, security: &LinuxContainerSecurityContext) -> Result<Value, SpecError> {
    let config = inputs.config;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let given: Vec<(String, String)> =
        config.envs.iter().map(|variable| (variable.key.clone(), text(&variable.value))).collect();
    let (set, ambient) = privileges::capabilities(security.privileged, security.capabilities.as_ref())?;
    let names = privileges::names(set);
    let mut process = json!({
        "terminal": config.tty,
        "args": process::args(&config.command, &config.args, inputs.image)?,
        "env": process::env(inputs.image, inputs.sandbox.hostname, config.tty, &given),
        "cwd": process::working_dir(&config.working_dir, inputs.image),
        "user": {"uid": inputs.user.uid, "gid": inputs.user.gid, "additionalGids": inputs.user.additional_gids},
        "noNewPrivileges": security.no_new_privs,
        "capabilities": {
            "bounding": names, "effective": names, "permitted": names,
            "inheritable": privileges::names(ambient), "ambient": privileges::names(ambient),
        },
    });
    if let Some(resources) = config.linux.as_ref().and_then(|linux| linux.resources.as_ref()) {
        process["oomScoreAdj"] = resources.oom_score_adj.into();
    }
    if let Some(profile) = security.apparmor.as_ref().filter(|_| inputs.apparmor && !security.privileged)
        && profile.profile_type() == ProfileType::Localhost
    {
        process["apparmorProfile"] = profile.localhost_ref.as_str().into();
    }
    Ok(process)
}

fn namespaces(inputs: &Inputs<'_>, options: &NamespaceOption) -> Result<Vec<Value>, SpecError> {
    let sandbox = &inputs.sandbox;
    let mut namespaces = vec![json!({"type": "mount"})];
    let joined = |kind: &str, file: &str| json!({"type": kind, "path": sandbox.directory.join(file)});
    if sandbox.namespaces.network() != NamespaceMode::Node {
        namespaces.push(joined("network", sandbox::NETWORK));
        // The host's name goes with the host's network.
        namespaces.push(joined("uts", sandbox::UTS));
    }
    if sandbox.namespaces.ipc() != NamespaceMode::Node {
        namespaces.push(joined("ipc", sandbox::IPC));
    }
    match options.pid() {
        NamespaceMode::Node => {}
        NamespaceMode::Container => namespaces.push(json!({"type": "pid"})),
        NamespaceMode::Pod if sandbox.namespaces.pid() == NamespaceMode::Pod => {
            namespaces.push(joined("pid", sandbox::PID))
        }
        NamespaceMode::Pod => namespaces.push(json!({"type": "pid"})),
        NamespaceMode::Target => {
            let pid = inputs.target_pid.ok_or_else(|| SpecError::NoTarget(options.target_id.clone()))?;
            namespaces.push(json!({"type": "pid", "path": format!("/proc/{pid}/ns/pid")}));
        }
    }
    if inputs.abilities.is_v2 && !security(inputs.config).privileged {
        namespaces.push(json!({"type": "cgroup"}));
    }
    Ok(namespaces)
}

/// Whether the container's first process enters a process namespace that another one began.
fn joins_pid_namespace(options: &NamespaceOption, sandbox: &NamespaceOption) -> bool {
    match options.pid() {
        NamespaceMode::Target => true,
        NamespaceMode::Pod => sandbox.pid() == NamespaceMode::Pod,
        NamespaceMode::Container | NamespaceMode::Node => false,
    }
}

/// Whether the container's first process is pid 1 of a namespace of its own.
pub fn has_own_pid_namespace(config: &ContainerConfig, sandbox: &NamespaceOption) -> bool {
    match security(config).namespace_options.unwrap_or_default().pid() {
        NamespaceMode::Container => true,
        NamespaceMode::Pod => sandbox.pid() != NamespaceMode::Pod,
        NamespaceMode::Node | NamespaceMode::Target => false,
    }
}

/// The seccomp profile that CRI asks for; a privileged container has none, and neither has one that says nothing.
pub fn seccomp(security: &LinuxContainerSecurityContext) -> Seccomp {
    if security.privileged {
        return Seccomp::Unconfined;
    }
    let from = |profile: &SecurityProfile| match profile.profile_type() {
        ProfileType::RuntimeDefault => Seccomp::RuntimeDefault,
        ProfileType::Unconfined => Seccomp::Unconfined,
        ProfileType::Localhost => {
            let path = profile.localhost_ref.strip_prefix("localhost/").unwrap_or(&profile.localhost_ref);
            Seccomp::Localhost(path.into())
        }
    };
    security.seccomp.as_ref().map_or(Seccomp::Unconfined, from)
}

/// The process of an exec: the container's own with another command. A terminal gets TERM.
pub fn exec_process(container: &Value, request: &ExecRequest) -> Value {
    let mut process = container["process"].clone();
    process["args"] = request.cmd.clone().into();
    process["terminal"] = request.tty.into();
    let has_term = process["env"]
        .as_array()
        .is_some_and(|env| env.iter().filter_map(Value::as_str).any(|v| v.starts_with("TERM=")));
    if request.tty
        && !has_term
        && let Some(env) = process["env"].as_array_mut()
    {
        env.push("TERM=xterm".into());
    }
    process
}

#[cfg(test)]
mod tests;
