//! Containers of Pods and of Pod templates.

use api::quantity::Quantity;
use serde_json::Value;

use super::pod::seccomp;
use super::probes;
use super::text::{Text, at, capital, date, flag, items, number, show, text, texts};

/// What is known of the containers besides their specs.
pub enum Statuses<'a> {
    /// A Pod and the statuses of its containers.
    Of(&'a Value, &'a [Value]),
    /// A Pod template: nothing runs yet.
    Template,
}

/// How far what is below a heading at `level` is indented: in templates by one space more.
pub fn entry(level: usize) -> &'static str {
    if level == 0 { "  " } else { "   " }
}

/// Fields of containers and volumes are equally deep everywhere.
pub const FIELDS: usize = 2;

/// Writes a list of containers under its name.
pub fn write(name: &str, specs: &[Value], statuses: &Statuses<'_>, level: usize, out: &mut Text) {
    out.line(level, format_args!("{name}:{}", if specs.is_empty() { " <none>" } else { "" }));
    for spec in specs {
        let name = text(spec, "name");
        let status = match statuses {
            Statuses::Of(_, all) => all.iter().find(|status| text(status, "name") == name),
            Statuses::Template => None,
        };
        out.raw(&format!("{}{name}:\n", entry(level)));
        basics(spec, status, FIELDS, out);
        lines("Command", spec, "command", FIELDS, out);
        lines("Args", spec, "args", FIELDS, out);
        if let Some(status) = status {
            state("State", at(status, "state"), FIELDS, out);
            if !at(status, "lastState.terminated").is_null() {
                state("Last State", at(status, "lastState"), FIELDS, out);
            }
            out.field(FIELDS, "Ready", capital(flag(status, "ready")));
            out.field(FIELDS, "Restart Count", number(status, "restartCount"));
        }
        resources(at(spec, "resources"), FIELDS, out);
        probes::write(spec, FIELDS, out);
        environment_from(items(spec, "envFrom"), FIELDS, out);
        let pod = if let Statuses::Of(pod, _) = statuses { Some(*pod) } else { None };
        environment(spec, pod, FIELDS, out);
        mounts(spec, FIELDS, out);
    }
}

fn basics(spec: &Value, status: Option<&Value>, level: usize, out: &mut Text) {
    if let Some(status) = status {
        out.field(level, "Container ID", text(status, "containerID"));
    }
    out.field(level, "Image", text(spec, "image"));
    if let Some(status) = status {
        out.field(level, "Image ID", text(status, "imageID"));
    }
    let ports = items(spec, "ports");
    let describe = |path: &str| -> String {
        let ports = ports.iter().map(|port| format!("{}/{}", number(port, path), text(port, "protocol")));
        ports.collect::<Vec<_>>().join(", ")
    };
    let (container, host) = match ports.len() {
        0 => ("<none>".to_owned(), "<none>".to_owned()),
        _ => (describe("containerPort"), describe("hostPort")),
    };
    let many = if ports.len() > 1 { "s" } else { "" };
    out.field(level, &format!("Port{many}"), container);
    out.field(level, &format!("Host Port{many}"), host);
    seccomp(at(spec, "securityContext"), level, out);
}

/// Each element on lines of its own.
fn lines(name: &str, spec: &Value, path: &str, level: usize, out: &mut Text) {
    let words = texts(spec, path);
    if !words.is_empty() {
        out.line(level, format_args!("{name}:"));
        words.iter().flat_map(|word| word.split('\n')).for_each(|line| out.line(level + 1, line));
    }
}

fn state(name: &str, state: &Value, level: usize, out: &mut Text) {
    if let Some(running) = state.get("running") {
        out.field(level, name, "Running");
        out.line(level + 1, format_args!("Started:\t{}", date(text(running, "startedAt"))));
    } else if let Some(ended) = state.get("terminated") {
        out.field(level, name, "Terminated");
        out.field_if(level + 1, "Reason", text(ended, "reason"));
        out.field_if(level + 1, "Message", text(ended, "message"));
        out.field(level + 1, "Exit Code", number(ended, "exitCode"));
        if number(ended, "signal") > 0 {
            out.field(level + 1, "Signal", number(ended, "signal"));
        }
        out.field(level + 1, "Started", date(text(ended, "startedAt")));
        out.field(level + 1, "Finished", date(text(ended, "finishedAt")));
    } else {
        out.field(level, name, "Waiting");
        out.field_if(level + 1, "Reason", text(state, "waiting.reason"));
    }
}

/// Limits and requests.
pub fn resources(resources: &Value, level: usize, out: &mut Text) {
    for (name, path) in [("Limits", "limits"), ("Requests", "requests")] {
        let amounts = resources[path].as_object().into_iter().flatten();
        let amounts: Vec<(&String, String)> = amounts.map(|(name, amount)| (name, written(amount))).collect();
        if !amounts.is_empty() {
            out.line(level, format_args!("{name}:"));
            amounts.iter().for_each(|(name, amount)| out.field(level + 1, name, amount));
        }
    }
}

/// A quantity in its canonical form.
pub fn written(amount: &Value) -> String {
    Quantity::parse(&show(amount)).map_or_else(|_| show(amount), |quantity| quantity.to_string())
}

fn environment_from(sources: &[Value], level: usize, out: &mut Text) {
    if sources.is_empty() {
        return;
    }
    out.line(level, "Environment Variables from:");
    for source in sources {
        let (kind, path) =
            if source.get("configMapRef").is_some() { ("ConfigMap", "configMapRef") } else { ("Secret", "secretRef") };
        let prefix = match text(source, "prefix") {
            "" => String::new(),
            prefix => format!(" with prefix '{prefix}'"),
        };
        let (name, optional) = (text(at(source, path), "name"), flag(at(source, path), "optional"));
        out.line(level + 1, format_args!("{name}\t{kind}{prefix}\tOptional: {optional}"));
    }
}

fn environment(spec: &Value, pod: Option<&Value>, level: usize, out: &mut Text) {
    let variables = items(spec, "env");
    if variables.is_empty() {
        return out.line(level, "Environment:\t<none>");
    }
    out.line(level, "Environment:");
    for variable in variables {
        let name = text(variable, "name");
        let Some(source) = variable.get("valueFrom") else {
            for (at, line) in text(variable, "value").split('\n').enumerate() {
                out.line(level + 1, if at == 0 { format!("{name}:\t{line}") } else { format!("\t{line}") });
            }
            continue;
        };
        out.line(level + 1, format_args!("{name}:\t{}", value_from(source, spec, pod)));
    }
}

fn value_from(source: &Value, spec: &Value, pod: Option<&Value>) -> String {
    if let Some(field) = source.get("fieldRef") {
        let path = text(field, "fieldPath");
        // Of the Pod itself only metadata can be told: the rest is known to the kubelet alone.
        let value = pod.map(|pod| if path.starts_with("metadata.") { show(at(pod, path)) } else { String::new() });
        return format!("{} ({}:{path})", value.unwrap_or_default(), text(field, "apiVersion"));
    }
    if let Some(field) = source.get("resourceFieldRef") {
        return resource_field(field, spec);
    }
    for (path, kind) in [("secretKeyRef", "secret"), ("configMapKeyRef", "config map")] {
        if let Some(key) = source.get(path) {
            let optional = flag(key, "optional");
            let (key, name) = (text(key, "key"), text(key, "name"));
            let of = if kind == "secret" { "in secret" } else { "of config map" };
            return format!("<set to the key '{key}' {of} '{name}'>\tOptional: {optional}");
        }
    }
    String::new()
}

fn resource_field(field: &Value, spec: &Value) -> String {
    let resource = text(field, "resource");
    let (list, name) = resource.split_once('.').unwrap_or((resource, ""));
    let amount = Quantity::parse(&show(&spec["resources"][list][name])).ok();
    let divisor = Quantity::parse(&show(at(field, "divisor"))).ok().filter(|divisor| !divisor.is_zero());
    let value = amount.map(|amount| {
        let divide = |amount: i64, divisor: i64| (amount + divisor - 1) / divisor.max(1);
        match divisor {
            Some(divisor) if name == "cpu" => divide(amount.milli_value(), divisor.milli_value()),
            Some(divisor) => divide(amount.value(), divisor.value()),
            None => amount.value(),
        }
    });
    let value = value.map_or_else(|| "node allocatable".to_owned(), |value| value.to_string());
    format!("{value} ({resource})")
}

fn mounts(spec: &Value, level: usize, out: &mut Text) {
    let mut mounts: Vec<&Value> = items(spec, "volumeMounts").iter().collect();
    if mounts.is_empty() {
        out.line(level, "Mounts:\t<none>");
    } else {
        out.line(level, "Mounts:");
    }
    mounts.sort_by_key(|mount| text(mount, "mountPath"));
    for mount in mounts {
        let mut flags = vec![if flag(mount, "readOnly") { "ro".to_owned() } else { "rw".to_owned() }];
        if !text(mount, "subPath").is_empty() {
            flags.push(format!("path={:?}", text(mount, "subPath")));
        }
        let (path, name) = (text(mount, "mountPath"), text(mount, "name"));
        out.line(level + 1, format_args!("{path} from {name} ({})", flags.join(",")));
    }
    let devices = items(spec, "volumeDevices");
    if !devices.is_empty() {
        out.line(level, "Devices:");
        for device in devices {
            out.line(level + 1, format_args!("{} from {}", text(device, "devicePath"), text(device, "name")));
        }
    }
}
