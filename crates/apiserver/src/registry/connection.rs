//! The options of a connection as the object that admission sees: upstream decodes them from the query, proxies' path from the URL. Pure.

use serde_json::{Map, Value};

use crate::request::RequestInfo;

const STREAMS: [&str; 4] = ["stderr", "stdin", "stdout", "tty"];

/// `kind` is the subresource's: PodExecOptions, PodAttachOptions, PodPortForwardOptions or one that ends with ProxyOptions.
pub(super) fn options(kind: &str, info: &RequestInfo) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    put("kind", kind.into());
    put("apiVersion", "v1".into());
    let query = &info.query;
    match kind {
        "PodExecOptions" | "PodAttachOptions" => {
            for stream in STREAMS {
                // stdout and stderr are on unless they are turned off.
                let default = matches!(stream, "stdout" | "stderr");
                if query.get(stream).map_or(default, |_| query.flag(stream)) {
                    put(stream, true.into());
                }
            }
            if let Some(container) = query.get("container").filter(|name| !name.is_empty()) {
                put("container", container.into());
            }
            let command: Vec<Value> = query.all("command").map(Into::into).collect();
            if !command.is_empty() {
                put("command", command.into());
            }
        }
        "PodPortForwardOptions" => {
            let numbers =
                query.all("ports").flat_map(|list| list.split(',')).filter_map(|text| text.parse::<i32>().ok());
            let ports: Vec<Value> = numbers.map(Into::into).collect();
            if !ports.is_empty() {
                put("ports", ports.into());
            }
        }
        _ if !info.rest.is_empty() => put("path", format!("/{}", info.rest).into()),
        _ => {}
    }
    Value::Object(map)
}
