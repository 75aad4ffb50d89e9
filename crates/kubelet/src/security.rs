//! Security contexts: a container's own over its Pod's, and their CRI form. Pure.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, Pod, PodSecurityContext, SELinuxOptions, SeccompProfile, SecurityContext,
};

use crate::containers::{format_pod, spec};
use crate::cri::v1 as cri;
use crate::cri::v1::security_profile::ProfileType;

const MASKED: [&str; 13] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The user an image runs as, where the spec names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageUser {
    pub uid: Option<i64>,
    pub name: String,
}

/// Why a container may not run as the user it would get.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NonRootError {
    #[error("container's runAsUser breaks non-root policy (pod: {pod:?}, container: {container})")]
    RunAsUser { pod: String, container: String },
    #[error(
        "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root (pod: {pod:?}, container: {container})"
    )]
    UserName { user: String, pod: String, container: String },
    #[error("container has runAsNonRoot and image will run as root (pod: {pod:?}, container: {container})")]
    ImageRoot { pod: String, container: String },
}

/// What holds for one container.
struct Effective<'a> {
    own: Option<&'a SecurityContext>,
    pod: Option<&'a PodSecurityContext>,
}

impl<'a> Effective<'a> {
    fn new(pod: &'a Pod, container: &'a Container) -> Self {
        Self { own: container.security_context.as_ref(), pod: spec(pod).security_context.as_ref() }
    }

    fn pick<T>(
        &self,
        own: impl Fn(&'a SecurityContext) -> Option<T>,
        pod: impl Fn(&'a PodSecurityContext) -> Option<T>,
    ) -> Option<T> {
        self.own.and_then(own).or_else(|| self.pod.and_then(pod))
    }

    fn run_as_user(&self) -> Option<i64> {
        self.pick(|own| own.run_as_user, |pod| pod.run_as_user)
    }

    fn run_as_group(&self) -> Option<i64> {
        self.pick(|own| own.run_as_group, |pod| pod.run_as_group)
    }

    fn run_as_non_root(&self) -> bool {
        self.pick(|own| own.run_as_non_root, |pod| pod.run_as_non_root) == Some(true)
    }

    fn seccomp(&self) -> Option<&'a SeccompProfile> {
        self.pick(|own| own.seccomp_profile.as_ref(), |pod| pod.seccomp_profile.as_ref())
    }

    fn se_linux(&self) -> Option<&'a SELinuxOptions> {
        self.pick(|own| own.se_linux_options.as_ref(), |pod| pod.se_linux_options.as_ref())
    }
}

/// Refuses a container that must not run as root and would.
pub fn verify_non_root(pod: &Pod, container: &Container, image: &ImageUser) -> Result<(), NonRootError> {
    let effective = Effective::new(pod, container);
    if !effective.run_as_non_root() {
        return Ok(());
    }
    let (pod, container) = (format_pod(pod), container.name.clone());
    match (effective.run_as_user(), image.uid) {
        (Some(0), _) => Err(NonRootError::RunAsUser { pod, container }),
        (Some(_), _) => Ok(()),
        (None, None) if !image.name.is_empty() => {
            Err(NonRootError::UserName { user: image.name.clone(), pod, container })
        }
        (None, None | Some(0)) => Err(NonRootError::ImageRoot { pod, container }),
        (None, Some(_)) => Ok(()),
    }
}

pub fn is_privileged(container: &Container) -> bool {
    container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true))
}

fn int64(value: i64) -> cri::Int64Value {
    cri::Int64Value { value }
}

/// Which namespaces a Pod's sandbox and containers have.
pub fn namespaces(pod: &Pod) -> cri::NamespaceOption {
    let spec = spec(pod);
    let mode =
        |of_node: Option<bool>| if of_node == Some(true) { cri::NamespaceMode::Node } else { cri::NamespaceMode::Pod };
    let pid = match (spec.host_pid, spec.share_process_namespace) {
        (Some(true), _) => cri::NamespaceMode::Node,
        (_, Some(true)) => cri::NamespaceMode::Pod,
        _ => cri::NamespaceMode::Container,
    };
    cri::NamespaceOption {
        network: mode(spec.host_network) as i32,
        ipc: mode(spec.host_ipc) as i32,
        pid: pid as i32,
        ..cri::NamespaceOption::default()
    }
}

/// The Pod's supplemental groups and its fsGroup.
fn groups(pod: &Pod) -> (Vec<i64>, i32) {
    let Some(context) = &spec(pod).security_context else { return (Vec::new(), 0) };
    let mut groups = context.supplemental_groups.clone().unwrap_or_default();
    groups.extend(context.fs_group);
    let policy = match context.supplemental_groups_policy.as_deref() {
        Some("Strict") => cri::SupplementalGroupsPolicy::Strict,
        _ => cri::SupplementalGroupsPolicy::Merge,
    };
    (groups, policy as i32)
}

fn profile(profile_type: ProfileType, localhost: String) -> cri::SecurityProfile {
    cri::SecurityProfile { profile_type: profile_type as i32, localhost_ref: localhost }
}

/// No profile named means unconfined, upstream's default.
fn seccomp(named: Option<&SeccompProfile>, root: &str) -> cri::SecurityProfile {
    match named.map(|named| (named.type_.as_str(), named.localhost_profile.as_deref())) {
        Some(("RuntimeDefault", _)) => profile(ProfileType::RuntimeDefault, String::new()),
        Some(("Localhost", Some(file))) => profile(ProfileType::Localhost, format!("{root}/seccomp/{file}")),
        _ => profile(ProfileType::Unconfined, String::new()),
    }
}

fn app_armor(pod: &Pod, container: &Container) -> cri::SecurityProfile {
    let own = container.security_context.as_ref().and_then(|context| context.app_armor_profile.as_ref());
    let named = own.or_else(|| spec(pod).security_context.as_ref()?.app_armor_profile.as_ref());
    match named.map(|named| (named.type_.as_str(), named.localhost_profile.clone())) {
        Some(("Unconfined", _)) => profile(ProfileType::Unconfined, String::new()),
        Some(("Localhost", name)) => profile(ProfileType::Localhost, name.unwrap_or_default()),
        _ => profile(ProfileType::RuntimeDefault, String::new()),
    }
}

fn se_linux(options: &SELinuxOptions) -> cri::SeLinuxOption {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    cri::SeLinuxOption {
        user: text(&options.user),
        role: text(&options.role),
        r#type: text(&options.type_),
        level: text(&options.level),
    }
}

fn capabilities(named: &Capabilities) -> cri::Capability {
    cri::Capability {
        add_capabilities: named.add.clone().unwrap_or_default(),
        drop_capabilities: named.drop.clone().unwrap_or_default(),
        ..cri::Capability::default()
    }
}

/// The sandbox's context: the Pod's own, privileged when any container is.
pub fn sandbox_context(pod: &Pod) -> cri::LinuxSandboxSecurityContext {
    let context = spec(pod).security_context.clone().unwrap_or_default();
    let (supplemental_groups, supplemental_groups_policy) = groups(pod);
    cri::LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(pod)),
        privileged: crate::containers::all(pod).iter().any(|found| is_privileged(&found.container)),
        run_as_user: context.run_as_user.map(int64),
        // A group without a user is not allowed in CRI.
        run_as_group: context.run_as_group.filter(|_| context.run_as_user.is_some()).map(int64),
        selinux_options: context.se_linux_options.as_ref().map(se_linux),
        supplemental_groups,
        supplemental_groups_policy,
        seccomp: Some(profile(ProfileType::RuntimeDefault, String::new())),
        ..cri::LinuxSandboxSecurityContext::default()
    }
}

/// A container's context; `target` is the container whose processes an ephemeral one sees.
pub fn container_context(
    pod: &Pod,
    container: &Container,
    image: &ImageUser,
    (target, root): (Option<&str>, &str),
) -> cri::LinuxContainerSecurityContext {
    let effective = Effective::new(pod, container);
    let own = container.security_context.clone().unwrap_or_default();
    let mut namespaces = namespaces(pod);
    if let Some(target) = target {
        namespaces.pid = cri::NamespaceMode::Target as i32;
        namespaces.target_id = target.to_owned();
    }
    let user = effective.run_as_user();
    let by_name = user.is_none() && image.uid.is_none();
    let (supplemental_groups, supplemental_groups_policy) = groups(pod);
    let privileged = own.privileged == Some(true);
    let is_unmasked = privileged || own.proc_mount.as_deref() == Some("Unmasked");
    let paths =
        |list: &[&str]| if is_unmasked { Vec::new() } else { list.iter().map(|path| (*path).to_owned()).collect() };
    cri::LinuxContainerSecurityContext {
        capabilities: own.capabilities.as_ref().map(capabilities),
        privileged,
        namespace_options: Some(namespaces),
        selinux_options: effective.se_linux().map(se_linux),
        run_as_user: user.or(image.uid).map(int64),
        run_as_group: effective.run_as_group().map(int64),
        run_as_username: if by_name { image.name.clone() } else { String::new() },
        readonly_rootfs: own.read_only_root_filesystem == Some(true),
        supplemental_groups,
        supplemental_groups_policy,
        no_new_privs: own.allow_privilege_escalation == Some(false),
        masked_paths: paths(&MASKED),
        readonly_paths: paths(&READ_ONLY),
        seccomp: Some(if privileged {
            profile(ProfileType::Unconfined, String::new())
        } else {
            seccomp(effective.seccomp(), root)
        }),
        apparmor: Some(app_armor(pod, container)),
        ..cri::LinuxContainerSecurityContext::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(context: serde_json::Value, own: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {
            "securityContext": context, "containers": [{"name": "c", "securityContext": own}]}}))
        .unwrap()
    }

    /// security_context_test.go, TestVerifyRunAsNonRoot.
    #[test]
    fn non_root_is_verified() {
        let image = |uid: Option<i64>, name: &str| ImageUser { uid, name: name.to_owned() };
        let root = "container has runAsNonRoot and image will run as root (pod: \"p_n(u)\", container: c)";
        for (context, own, image, wanted) in [
            (json!({}), json!({}), image(Some(0), ""), None),
            (json!({"runAsNonRoot": true}), json!({}), image(Some(0), ""), Some(root)),
            (json!({"runAsNonRoot": true}), json!({}), image(Some(1), ""), None),
            (json!({"runAsNonRoot": true}), json!({"runAsUser": 5}), image(Some(0), ""), None),
            (json!({"runAsNonRoot": true}), json!({"runAsNonRoot": false}), image(Some(0), ""), None),
            (
                json!({"runAsNonRoot": true}),
                json!({"runAsUser": 0}),
                image(Some(5), ""),
                Some("container's runAsUser breaks non-root policy (pod: \"p_n(u)\", container: c)"),
            ),
            (
                json!({"runAsNonRoot": true}),
                json!({}),
                image(None, "www"),
                Some(
                    "container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root (pod: \"p_n(u)\", container: c)",
                ),
            ),
        ] {
            let pod = pod(context, own);
            let verdict = verify_non_root(&pod, &pod.spec.as_ref().unwrap().containers[0], &image);
            assert_eq!(verdict.err().map(|error| error.to_string()).as_deref(), wanted);
        }
    }

    #[test]
    fn a_containers_context_wins_over_its_pods() {
        let pod = pod(
            json!({"runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 3000, "supplementalGroups": [4000], "seccompProfile": {"type": "RuntimeDefault"}}),
            json!({"runAsUser": 7, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true}),
        );
        let context = container_context(
            &pod,
            &pod.spec.as_ref().unwrap().containers[0],
            &ImageUser::default(),
            (None, "/var/lib/kubelet"),
        );
        assert_eq!(context.run_as_user.map(|user| user.value), Some(7));
        assert_eq!(context.run_as_group.map(|group| group.value), Some(2000));
        assert_eq!(context.supplemental_groups, [4000, 3000]);
        assert!(context.no_new_privs && context.readonly_rootfs && !context.privileged);
        assert_eq!(context.seccomp.map(|profile| profile.profile_type), Some(ProfileType::RuntimeDefault as i32));
        assert_eq!(
            context.capabilities.map(|capabilities| capabilities.drop_capabilities),
            Some(vec!["ALL".to_owned()])
        );
    }
}
