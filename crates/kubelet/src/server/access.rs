//! Whether a request may be served: the API server always; others as the API server reviews them, by certificate or bearer token
//! (upstream's webhook mode). Answers are not cached: such callers ask a few times a minute.

use http::{HeaderMap, Method, header};
use k8s_openapi::api::authentication::v1::TokenReview;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use serde_json::{Value, json};

use super::Server;
use super::answer::Refusal;
use super::identity::Caller;
use client::ResourceType;

/// Who asks, when the certificate alone does not say it.
async fn authenticate(server: &Server, caller: &Caller, headers: &HeaderMap) -> Result<Value, Refusal> {
    if let Some(user) = caller.user() {
        return Ok(user);
    }
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(Refusal::unauthorized)?;
    let review =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token.trim()}});
    let rest = &server.0.context.rest;
    let mut review = rest.create(&ResourceType::of::<TokenReview>(), "", &review).await.map_err(Refusal::internal)?;
    if review["status"]["authenticated"] == true {
        return Ok(review["status"]["user"].take());
    }
    Err(Refusal::unauthorized())
}

/// Upstream's attributes of a kubelet's paths.
fn attributes(node: &str, method: &Method, path: &str) -> Value {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let subresource = match first {
        "stats" | "metrics" | "spec" | "checkpoint" | "pods" | "healthz" | "configz" => first,
        "logs" => "log",
        _ => "proxy",
    };
    let verb = match method.as_str() {
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "get",
    };
    json!({"verb": verb, "version": "v1", "resource": "nodes", "subresource": subresource, "name": node})
}

pub async fn check(
    server: &Server,
    caller: &Caller,
    (method, path): (&Method, &str),
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    if caller.is_api_server() {
        return Ok(());
    }
    let user = authenticate(server, caller, headers).await?;
    let mut attributes = attributes(&server.0.context.config.node.name, method, path);
    let name = user["username"].as_str().unwrap_or_default();
    // What has a permission of its own is covered by the older, wider one too.
    let fine = attributes["subresource"].clone();
    let is_fine = ["pods", "healthz", "configz"].iter().any(|own| fine == *own);
    for subresource in [Some(fine.clone()), is_fine.then(|| json!("proxy"))].into_iter().flatten() {
        attributes["subresource"] = subresource;
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": name, "groups": user["groups"], "uid": user["uid"], "extra": user["extra"],
                     "resourceAttributes": attributes},
        });
        let review = without_nulls(review);
        let rest = &server.0.context.rest;
        let answer = rest.create(&ResourceType::of::<SubjectAccessReview>(), "", &review).await;
        if answer.map_err(Refusal::internal)?["status"]["allowed"] == true {
            return Ok(());
        }
    }
    let verb = attributes["verb"].as_str().unwrap_or_default();
    let text = format!(
        "Forbidden (user={name}, verb={verb}, resource=nodes, subresource={})",
        fine.as_str().unwrap_or_default()
    );
    Err(Refusal::new(http::StatusCode::FORBIDDEN, text))
}

fn without_nulls(mut review: Value) -> Value {
    if let Some(spec) = review["spec"].as_object_mut() {
        spec.retain(|_, value| !value.is_null());
    }
    review
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_attributes() {
        let of = |method: Method, path: &str| {
            let attributes = attributes("n1", &method, path);
            format!("{} {}", attributes["verb"].as_str().unwrap(), attributes["subresource"].as_str().unwrap())
        };
        assert_eq!(of(Method::GET, "/metrics/resource"), "get metrics");
        assert_eq!(of(Method::GET, "/stats/summary"), "get stats");
        assert_eq!(of(Method::POST, "/exec/ns/pod/c"), "create proxy");
        assert_eq!(of(Method::GET, "/containerLogs/ns/pod/c"), "get proxy");
        assert_eq!(of(Method::GET, "/logs/"), "get log");
    }
}
