//! What a name in a quota counts.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted<'a> {
    Pods,
    Services,
    Claims,
    /// Objects of `plural` or `plural.group`.
    Objects(&'a str),
}

/// Names that are older than `count/`.
const PLAIN: [&str; 4] = ["configmaps", "secrets", "replicationcontrollers", "resourcequotas"];
const COMPUTE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// `None`: nobody knows how to count it, its figure stays what it is.
pub fn counted(name: &str) -> Option<Counted<'_>> {
    match name {
        "pods" | "count/pods" => return Some(Counted::Pods),
        "services" | "services.nodeports" | "services.loadbalancers" | "count/services" => {
            return Some(Counted::Services);
        }
        "persistentvolumeclaims" | "requests.storage" | "count/persistentvolumeclaims" => return Some(Counted::Claims),
        _ => {}
    }
    if let Some(objects) = name.strip_prefix("count/").or(Some(name).filter(|name| PLAIN.contains(name))) {
        return Some(Counted::Objects(objects));
    }
    if name.contains(".storageclass.storage.k8s.io/") {
        return Some(Counted::Claims);
    }
    let (is_request, bare) = match name.split_once('.') {
        Some(("requests", bare)) => (true, bare),
        Some(("limits", bare)) => (false, bare),
        _ => (true, name),
    };
    let is_extended = is_request && bare != name && bare.contains('/');
    let is_pods = COMPUTE.contains(&bare) || is_extended || (is_request && bare.starts_with("hugepages-"));
    is_pods.then_some(Counted::Pods)
}
