//! Probes in one line each.

use serde_json::Value;

use super::text::{Text, at, number, show, text, texts};

/// Liveness, readiness and startup probes of a container.
pub fn write(spec: &Value, level: usize, out: &mut Text) {
    for (name, path) in [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")] {
        if let Some(probe) = spec.get(path) {
            out.line(level, format_args!("{name}:\t{}", describe(probe)));
        }
    }
}

fn describe(probe: &Value) -> String {
    let times = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number(probe, "initialDelaySeconds"),
        number(probe, "timeoutSeconds"),
        number(probe, "periodSeconds"),
        number(probe, "successThreshold"),
        number(probe, "failureThreshold")
    );
    if probe.get("exec").is_some() {
        return format!("exec [{}] {times}", texts(probe, "exec.command").join(" "));
    }
    if let Some(get) = probe.get("httpGet") {
        let port = show(at(get, "port"));
        let scheme = text(get, "scheme").to_lowercase();
        let path = text(get, "path");
        let slash = if path.starts_with('/') { "" } else { "/" };
        return format!("http-get {scheme}://{}:{port}{slash}{path} {times}", text(get, "host"));
    }
    if let Some(socket) = probe.get("tcpSocket") {
        return format!("tcp-socket {}:{} {times}", text(socket, "host"), show(at(socket, "port")));
    }
    if let Some(grpc) = probe.get("grpc") {
        return format!("grpc <pod>:{} {} {times}", show(at(grpc, "port")), text(grpc, "service"));
    }
    format!("unknown {times}")
}
