//! What a path asks for. Pure. Paths with the Pod's uid between Pod and container are upstream's older form.

use super::query;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Logs,
    Exec,
    Attach,
    PortForward,
}

/// A Pod, and one of its containers (empty for port-forward).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub namespace: String,
    pub pod: String,
    pub uid: Option<String>,
    pub container: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Healthz,
    Pods,
    Summary,
    Resource,
    Pod(Verb, Place),
    /// A path of upstream's kubelet that is not served yet.
    NotYet,
    Unknown,
}

pub fn route(path: &str) -> Route {
    let parts: Vec<String> = path.trim_matches('/').split('/').map(|part| query::decode(part, false)).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let place = |namespace: &str, pod: &str, uid: Option<&str>, container: &str| Place {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        uid: uid.map(str::to_owned),
        container: container.to_owned(),
    };
    match parts.as_slice() {
        ["healthz", ..] => Route::Healthz,
        ["pods"] => Route::Pods,
        ["stats", "summary"] => Route::Summary,
        ["metrics", "resource"] => Route::Resource,
        ["containerLogs", namespace, pod, container] => Route::Pod(Verb::Logs, place(namespace, pod, None, container)),
        [verb @ ("exec" | "attach"), namespace, pod, rest @ ..] => {
            let verb = if *verb == "exec" { Verb::Exec } else { Verb::Attach };
            match rest {
                [container] => Route::Pod(verb, place(namespace, pod, None, container)),
                [uid, container] => Route::Pod(verb, place(namespace, pod, Some(uid), container)),
                _ => Route::Unknown,
            }
        }
        ["portForward", namespace, pod] => Route::Pod(Verb::PortForward, place(namespace, pod, None, "")),
        ["portForward", namespace, pod, uid] => Route::Pod(Verb::PortForward, place(namespace, pod, Some(uid), "")),
        ["run" | "stats" | "metrics" | "logs" | "configz" | "checkpoint" | "runningpods" | "debug" | "statusz", ..] => {
            Route::NotYet
        }
        _ => Route::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let Route::Pod(Verb::Exec, place) = route("/exec/ns/web/u-1/c") else { panic!("an exec") };
        assert_eq!((place.pod.as_str(), place.uid.as_deref(), place.container.as_str()), ("web", Some("u-1"), "c"));
        let Route::Pod(Verb::PortForward, place) = route("/portForward/ns/web") else { panic!("a port-forward") };
        assert_eq!((place.namespace.as_str(), place.container.as_str()), ("ns", ""));
        assert!(matches!(route("/containerLogs/ns/web/c"), Route::Pod(Verb::Logs, _)));
        assert_eq!((route("/pods/"), route("/healthz")), (Route::Pods, Route::Healthz));
        assert_eq!((route("/metrics"), route("/exec/ns"), route("/")), (Route::NotYet, Route::Unknown, Route::Unknown));
    }
}
