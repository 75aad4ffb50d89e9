//! What each signer demands of a request, and whose requests are approved without a person. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::reserved::Reserved;
use crate::pki::{SigningRequest, Usage};

pub(super) const NODE_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
pub(super) const NODE_SERVING: &str = "kubernetes.io/kubelet-serving";
pub(super) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// `certificates.k8s.io` key usages.
const USAGES: [(&str, Usage); 23] = [
    ("signing", Usage::Bit(0)),
    ("digital signature", Usage::Bit(0)),
    ("content commitment", Usage::Bit(1)),
    ("key encipherment", Usage::Bit(2)),
    ("data encipherment", Usage::Bit(3)),
    ("key agreement", Usage::Bit(4)),
    ("cert sign", Usage::Bit(5)),
    ("crl sign", Usage::Bit(6)),
    ("encipher only", Usage::Bit(7)),
    ("decipher only", Usage::Bit(8)),
    ("any", Usage::Extended(0)),
    ("server auth", Usage::Extended(1)),
    ("client auth", Usage::Extended(2)),
    ("code signing", Usage::Extended(3)),
    ("email protection", Usage::Extended(4)),
    ("s/mime", Usage::Extended(4)),
    ("ipsec end system", Usage::Extended(5)),
    ("ipsec tunnel", Usage::Extended(6)),
    ("ipsec user", Usage::Extended(7)),
    ("timestamping", Usage::Extended(8)),
    ("ocsp signing", Usage::Extended(9)),
    ("microsoft sgc", Usage::Extended(10)),
    ("netscape sgc", Usage::Extended(11)),
];

fn listed(spec: &Value) -> BTreeSet<&str> {
    spec["usages"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The usages of a request's spec.
pub(super) fn usages(spec: &Value) -> Result<Vec<Usage>, String> {
    let find = |name: &&str| USAGES.iter().find(|(known, _)| known == name).map(|(_, usage)| *usage);
    let mut found = Vec::new();
    for name in listed(spec) {
        let usage = find(&name).ok_or_else(|| format!("unrecognized usage {name:?}"))?;
        if !found.contains(&usage) {
            found.push(usage);
        }
    }
    Ok(found)
}

/// Whether the usages are exactly `required`, with or without key encipherment.
fn usages_are(spec: &Value, required: &[&str]) -> bool {
    let mut have = listed(spec);
    have.remove("key encipherment");
    have == required.iter().copied().collect()
}

/// Why a signer does not take a request. `None` for a signer that is not ours.
pub(super) fn check(signer: &str, request: &SigningRequest, spec: &Value) -> Option<Result<(), &'static str>> {
    let verdict = match signer {
        NODE_CLIENT => node_client(request, spec),
        NODE_SERVING => node_serving(request, spec),
        CLIENT => client(spec),
        _ => return None,
    };
    Some(verdict)
}

fn node_subject(request: &SigningRequest) -> Result<(), &'static str> {
    if request.organizations != ["system:nodes"] {
        return Err("subject organization is not system:nodes");
    }
    if !request.common_name.starts_with("system:node:") {
        return Err("subject common name does not begin with system:node:");
    }
    if !request.email_addresses.is_empty() {
        return Err("Email subjectAltNames are not allowed");
    }
    if !request.uris.is_empty() {
        return Err("URI subjectAltNames are not allowed");
    }
    Ok(())
}

fn node_client(request: &SigningRequest, spec: &Value) -> Result<(), &'static str> {
    node_subject(request)?;
    if !request.dns_names.is_empty() {
        return Err("DNS subjectAltNames are not allowed");
    }
    if !request.addresses.is_empty() {
        return Err("IP subjectAltNames are not allowed");
    }
    if !usages_are(spec, &["digital signature", "client auth"]) {
        return Err("usages did not match digital signature, client auth");
    }
    Ok(())
}

fn node_serving(request: &SigningRequest, spec: &Value) -> Result<(), &'static str> {
    node_subject(request)?;
    if request.dns_names.is_empty() && request.addresses.is_empty() {
        return Err("at least one DNS or IP subjectAltName is required");
    }
    if !usages_are(spec, &["digital signature", "server auth"]) {
        return Err("usages did not match digital signature, server auth");
    }
    Ok(())
}

fn client(spec: &Value) -> Result<(), &'static str> {
    let allowed = ["digital signature", "key encipherment", "client auth"];
    let have = listed(spec);
    if !have.contains("client auth") || have.iter().any(|usage| !allowed.contains(usage)) {
        return Err("usages did not match digital signature, key encipherment, client auth");
    }
    Ok(())
}

/// Which right lets the requester's request for a node's client certificate be approved.
pub(super) fn approval_right(request: &SigningRequest, spec: &Value) -> &'static str {
    if spec["username"] == request.common_name { "selfnodeclient" } else { "nodeclient" }
}

/// The addresses of a Node as it says; a mapped one is what it maps.
pub(super) fn addresses(node: &Value) -> impl Iterator<Item = IpAddr> {
    let texts = node["status"]["addresses"].as_array().into_iter().flatten();
    texts.filter_map(|address| Some(address["address"].as_str()?.parse::<IpAddr>().ok()?.to_canonical()))
}

/// Whether a node asks to serve as itself. `None`: a person has to decide. Its name was checked when it joined; of its addresses there is
/// only its own word, so those that are known to be somebody else's are refused.
pub(super) fn serves_as_itself(
    request: &SigningRequest,
    spec: &Value,
    node: &Value,
    reserved: &Reserved,
    is_anothers: impl Fn(IpAddr) -> bool,
) -> Option<Result<(), String>> {
    let name = request.common_name.strip_prefix("system:node:")?;
    let asked: Vec<IpAddr> = request.addresses.iter().map(IpAddr::to_canonical).collect();
    let is_itself = spec["username"] == request.common_name && node["metadata"]["name"] == name;
    let known: Vec<IpAddr> = addresses(node).collect();
    if !is_itself || request.dns_names.iter().any(|dns| dns != name) || asked.iter().any(|ip| !known.contains(ip)) {
        return None;
    }
    if let Some(dns) = request.dns_names.iter().find(|dns| reserved.has_name(dns)) {
        return Some(Err(format!("{dns} is a name of the API server or of a Service: the node needs another name")));
    }
    let refused = asked.into_iter().find(|address| reserved.has_address(*address) || is_anothers(*address));
    Some(refused.map_or(Ok(()), |address| Err(format!("{address} is not this node's alone"))))
}
