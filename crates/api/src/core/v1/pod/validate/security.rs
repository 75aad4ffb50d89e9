//! Security contexts of Pods and containers.

use crate::field::Field;
use crate::names;

pub(super) fn pod(context: &Field) {
    ids(context, &["fsGroup", "runAsUser", "runAsGroup"]);
    for group in context.get("supplementalGroups").items() {
        group.invalid_all(names::user_id(group.int().unwrap_or_default()));
    }
    sysctls(&context.get("sysctls"));
    for (field, allowed) in [
        ("fsGroupChangePolicy", &["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &["MountOption", "Recursive"]),
    ] {
        if context.get(field).is_set() {
            context.get(field).one_of(allowed);
        }
    }
    profiles(context);
}

fn ids(context: &Field, fields: &[&str]) {
    for field in fields.iter().map(|field| context.get(field)) {
        if let Some(id) = field.int() {
            field.invalid_all(names::user_id(id));
        }
    }
}

fn profiles(context: &Field) {
    seccomp(&context.get("seccompProfile"));
    app_armor(&context.get("appArmorProfile"));
}

fn seccomp(profile: &Field) {
    if !profile.is_set() {
        return;
    }
    let (kind, path) = (profile.get("type"), profile.get("localhostProfile"));
    kind.require_one_of(&["Localhost", "RuntimeDefault", "Unconfined"]);
    match (kind.text() == "Localhost", path.is_set()) {
        (true, false) => path.required("must be set when seccomp type is Localhost"),
        (true, true) => super::volume::descending_path(&path),
        (false, true) => path.invalid_value(profile.value, "can only be set when seccomp type is Localhost"),
        (false, false) => {}
    }
}

fn app_armor(profile: &Field) {
    if !profile.is_set() {
        return;
    }
    let (kind, path) = (profile.get("type"), profile.get("localhostProfile"));
    match kind.text() {
        "Localhost" => match path.text() {
            _ if !path.is_set() => path.required("must be set when AppArmor type is Localhost"),
            text if text.trim() != text => path.invalid("must not be padded with whitespace"),
            "" => path.required("must be set when AppArmor type is Localhost"),
            _ => {}
        },
        "RuntimeDefault" | "Unconfined" if path.is_set() => {
            path.invalid("can only be set when AppArmor type is Localhost");
        }
        "RuntimeDefault" | "Unconfined" => {}
        "" => kind.required("type is required when appArmorProfile is set"),
        _ => kind.not_supported(&["Localhost", "RuntimeDefault", "Unconfined"]),
    }
}

fn sysctls(sysctls: &Field) {
    const SYNTAX: &str = "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
    let mut seen = Vec::new();
    for sysctl in sysctls.items() {
        let name = sysctl.get("name");
        if name.text().is_empty() {
            name.required("");
        } else if !is_sysctl(name.text()) {
            name.invalid(&format!("must have at most 253 characters and match regex ^{SYNTAX}$"));
        } else if seen.contains(&name.text().to_owned()) {
            name.duplicate();
        }
        seen.push(name.text().to_owned());
    }
}

fn is_sysctl(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let outer = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= names::SUBDOMAIN_MAX
        && name.split(['.', '/']).all(|part| {
            let bytes = part.as_bytes();
            bytes.iter().all(|byte| inner(*byte))
                && matches!((bytes.first(), bytes.last()), (Some(first), Some(last)) if outer(*first) && outer(*last))
        })
}

pub(super) fn container(context: &Field, host_users: bool) {
    if !context.is_set() {
        return;
    }
    ids(context, &["runAsUser", "runAsGroup"]);
    let mount = context.get("procMount");
    if mount.is_set() {
        mount.one_of(&["Default", "Unmasked"]);
        if host_users && mount.text() == "Unmasked" {
            mount.invalid("`hostUsers` must be false to use `Unmasked`");
        }
    }
    seccomp(&context.get("seccompProfile"));
    if context.get("allowPrivilegeEscalation").value == &serde_json::Value::Bool(false) {
        if context.get("privileged").flag() {
            context.invalid("cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        let added =
            context.get("capabilities").get("add").items().any(|capability| capability.text() == "CAP_SYS_ADMIN");
        if added {
            context.invalid("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
        }
    }
    app_armor(&context.get("appArmorProfile"));
}
