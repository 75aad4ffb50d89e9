//! Validation of Ingresses (pkg/apis/networking/validation): hosts, paths and backends.

use std::net::IpAddr;

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::{meta, names};

/// The annotation that was there before the field.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const SEQUENCES: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const SUFFIXES: [&str; 2] = ["/..", "/."];

pub(super) fn ingress(ingress: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(ingress, |ingress| spec(&ingress.get("spec")))
}

/// The class of old and the class of new agree where a new object has both.
pub(super) fn created(ingress: &Value, _: &WriteContext) -> Vec<FieldError> {
    let old = meta::annotation(ingress, CLASS_ANNOTATION).map(Value::from);
    field::validate(ingress, |ingress| {
        let class = ingress.get("spec");
        if let Some(old) =
            old.filter(|old| class.get("ingressClassName").is_set() && class.get("ingressClassName").value != old)
        {
            let why = "must match `ingressClassName` when both are specified";
            ingress.get("annotations").get(CLASS_ANNOTATION).invalid_value(&old, why);
        }
    })
}

fn spec(spec: &Field) {
    let (rules, default) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.len() == 0 && !default.is_set() {
        spec.invalid_value(&Value::Null, "either `defaultBackend` or `rules` must be specified");
    }
    if default.is_set() {
        backend(&default);
    }
    rules.items().for_each(|rule| self::rule(&rule));
    for tls in spec.get("tls").items() {
        for host in tls.get("hosts").items() {
            host.invalid_all(host_name(host.text()));
        }
        tls.get("secretName").check(names::dns1123_subdomain);
    }
    spec.get("ingressClassName").check(names::dns1123_subdomain);
}

fn host_name(host: &str) -> names::Messages {
    if host.contains('*') { names::wildcard_dns1123_subdomain(host) } else { names::dns1123_subdomain(host) }
}

fn rule(rule: &Field) {
    let (host, http) = (rule.get("host"), rule.get("http"));
    if host.text().parse::<IpAddr>().is_ok() {
        host.invalid("must be a DNS name, not an IP address");
    }
    host.check(host_name);
    if !http.is_set() {
        return;
    }
    let paths = http.get("paths");
    if paths.len() == 0 {
        paths.required("");
    }
    paths.items().for_each(|path| self::path(&path));
}

fn path(entry: &Field) {
    let (path, kind) = (entry.get("path"), entry.get("pathType"));
    match kind.text() {
        "" => return kind.required("pathType must be specified"),
        "Exact" | "Prefix" => {
            absolute(&path);
            for sequence in SEQUENCES.into_iter().filter(|sequence| path.text().contains(sequence)) {
                path.invalid(&format!("must not contain '{sequence}'"));
            }
            for suffix in SUFFIXES.into_iter().filter(|suffix| path.text().ends_with(suffix)) {
                path.invalid(&format!("cannot end with '{suffix}'"));
            }
        }
        "ImplementationSpecific" => {
            if !path.text().is_empty() {
                absolute(&path);
            }
        }
        _ => kind.not_supported(&["Exact", "ImplementationSpecific", "Prefix"]),
    }
    backend(&entry.get("backend"));
}

fn absolute(path: &Field) {
    if !path.text().starts_with('/') {
        path.invalid("must be an absolute path");
    }
}

fn backend(backend: &Field) {
    let (service, resource) = (backend.get("service"), backend.get("resource"));
    let refuse = |why: &str| backend.invalid_value(&"".into(), why);
    match (service.is_set(), resource.is_set()) {
        (true, true) => refuse("cannot set both resource and service backends"),
        (false, false) => refuse("resource or service backend is required"),
        (false, true) => {
            resource.get("apiGroup").check(names::dns1123_subdomain);
            resource.get("kind").require("", names::path_segment);
            resource.get("name").require("", names::path_segment);
        }
        (true, false) => {
            service.get("name").require("", names::dns1123_label);
            let port = service.get("port");
            let (name, number) = (port.get("name"), port.get("number"));
            match (name.text().is_empty(), number.int().unwrap_or_default()) {
                (false, 0) => name.invalid_all(names::port_name(name.text())),
                (false, _) => refuse("cannot set both port name & port number"),
                (true, 0) => backend.required("port name or number is required"),
                (true, port) => number.invalid_all(names::port_number(port)),
            }
        }
    }
}
