//! `create service clusterip|nodeport|loadbalancer|externalname`, `create ingress`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::error::{Result, usage};

#[derive(Debug, Subcommand)]
pub enum Service {
    /// Create a ClusterIP service
    Clusterip(Ports),
    /// Create a NodePort service
    Nodeport(Ports),
    /// Create a LoadBalancer service
    Loadbalancer(Ports),
    /// Create an ExternalName service
    Externalname(External),
}

#[derive(Debug, Args)]
pub struct Ports {
    pub name: String,
    #[arg(long, value_delimiter = ',')]
    pub tcp: Vec<String>,
    #[arg(long)]
    pub clusterip: Option<String>,
    #[arg(long)]
    pub node_port: Option<u16>,
}

#[derive(Debug, Args)]
pub struct External {
    pub name: String,
    #[arg(long)]
    pub external_name: String,
    #[arg(long, value_delimiter = ',')]
    pub tcp: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Ingress {
    pub name: String,
    #[arg(long)]
    pub class: Option<String>,
    #[arg(long)]
    pub rule: Vec<String>,
    #[arg(long)]
    pub default_backend: Option<String>,
    #[arg(long)]
    pub annotation: Vec<String>,
}

pub fn service(service: &Service) -> Result<Value> {
    let (name, kind, tcp) = match service {
        Service::Clusterip(ports) => (&ports.name, "ClusterIP", &ports.tcp),
        Service::Nodeport(ports) => (&ports.name, "NodePort", &ports.tcp),
        Service::Loadbalancer(ports) => (&ports.name, "LoadBalancer", &ports.tcp),
        Service::Externalname(external) => (&external.name, "ExternalName", &external.tcp),
    };
    let headless = matches!(service, Service::Clusterip(ports) if ports.clusterip.as_deref() == Some("None"));
    if tcp.is_empty() && kind != "ExternalName" && !headless {
        return usage("at least one tcp port specifier must be provided");
    }
    let mut spec = json!({"selector": {"app": name}, "type": kind});
    let mut ports = tcp.iter().map(|text| port(text)).collect::<Result<Vec<_>>>()?;
    match service {
        Service::Clusterip(flags) => {
            if let Some(address) = &flags.clusterip {
                spec["clusterIP"] = address.as_str().into();
            }
        }
        Service::Nodeport(flags) => {
            if let (Some(number), Some(first)) = (flags.node_port, ports.first_mut()) {
                first["nodePort"] = number.into();
            }
        }
        Service::Loadbalancer(_) => {}
        Service::Externalname(flags) => spec["externalName"] = flags.external_name.as_str().into(),
    }
    if !ports.is_empty() {
        spec["ports"] = ports.into();
    }
    let metadata = json!({"creationTimestamp": null, "labels": {"app": name}, "name": name});
    Ok(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}),
    )
}

/// `80:8080`, `80:http` or `80`.
fn port(text: &str) -> Result<Value> {
    let (port, target) = text.split_once(':').unwrap_or((text, text));
    let Ok(number) = port.parse::<u16>() else { return usage(format!("invalid port {port:?}: it must be a number")) };
    let name = text.replace(':', "-");
    let target = target.parse::<u16>().map_or_else(|_| Value::from(target), Value::from);
    Ok(json!({"name": name, "port": number, "protocol": "TCP", "targetPort": target}))
}

pub fn ingress(flags: &Ingress) -> Result<Value> {
    if flags.rule.is_empty() && flags.default_backend.is_none() {
        return usage(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)",
        );
    }
    let mut spec = json!({});
    if let Some(class) = &flags.class {
        spec["ingressClassName"] = class.as_str().into();
    }
    if let Some(text) = &flags.default_backend {
        spec["defaultBackend"] = backend(text)?;
    }
    let (mut rules, mut tls): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for rule in &flags.rule {
        let (place, rest) = rule.split_once('=').map_or_else(
            || {
                usage(format!(
                    "rule {rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
                ))
            },
            Ok,
        )?;
        let (service, secret) = rest
            .split_once(",tls")
            .map_or((rest, None), |(service, secret)| (service, Some(secret.trim_start_matches('='))));
        let (host, path) =
            place.split_once('/').map_or((place, String::new()), |(host, path)| (host, format!("/{path}")));
        let (path, kind) = match path.strip_suffix('*') {
            Some(prefix) => (prefix.to_owned(), "Prefix"),
            None => (path, "Exact"),
        };
        let entry = json!({"backend": backend(service)?, "path": path, "pathType": kind});
        match rules.iter_mut().find(|rule| rule["host"].as_str().unwrap_or_default() == host) {
            Some(rule) => {
                if let Some(paths) = rule["http"]["paths"].as_array_mut() {
                    paths.push(entry);
                }
            }
            None if host.is_empty() => rules.push(json!({"http": {"paths": [entry]}})),
            None => rules.push(json!({"host": host, "http": {"paths": [entry]}})),
        }
        if let Some(secret) = secret {
            let mut entry = json!({"hosts": [host]});
            if !secret.is_empty() {
                entry["secretName"] = secret.into();
            }
            tls.push(entry);
        }
    }
    for (name, list) in [("rules", rules), ("tls", tls)] {
        if !list.is_empty() {
            spec[name] = list.into();
        }
    }
    let mut metadata = json!({"creationTimestamp": null, "name": flags.name});
    if !flags.annotation.is_empty() {
        metadata["annotations"] = crate::verbs::expose::labels(&flags.annotation.join(","))?.into();
    }
    Ok(
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}),
    )
}

fn backend(text: &str) -> Result<Value> {
    let Some((name, port)) = text.split_once(':') else {
        return usage(format!("backend {text:?} should be svcname:svcport"));
    };
    let port = port.parse::<u16>().map_or_else(|_| json!({"name": port}), |number| json!({"number": number}));
    Ok(json!({"service": {"name": name, "port": port}}))
}
