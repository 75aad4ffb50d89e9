//! One request: who asks, what for, and the answer.

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::answer::{Body, Refusal, full, of_type, text};
use super::identity::Caller;
use super::route::{Route, Verb, route};
use super::{Server, access, logs, query, stats, streams};

pub async fn answer(server: &Server, caller: &Caller, request: Request<Incoming>) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answered = match access::check(server, caller, (&method, &path), request.headers()).await {
        Ok(()) => serve(server, request).await,
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| {
        tracing::debug!(%method, path, code = refusal.code.as_u16(), text = refusal.text, "refused");
        refusal.into()
    })
}

async fn serve(server: &Server, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let pairs = query::pairs(request.uri().query().unwrap_or_default());
    match route(request.uri().path()) {
        Route::Healthz => Ok(text("ok")),
        Route::Pods => Ok(pods(server)),
        Route::Summary => stats::summary(server).await,
        Route::Resource => stats::resource(server).await,
        Route::Pod(Verb::Logs, place) => logs::answer(server, &place, &pairs).await,
        Route::Pod(verb, place) => streams::answer(server, verb, &place, &pairs, request).await,
        Route::NotYet => {
            let text = format!("{} is not served by this kubelet", request.uri().path());
            Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text))
        }
        Route::Unknown => Err(Refusal::not_found("404 page not found")),
    }
}

/// The Pods this kubelet works on.
fn pods(server: &Server) -> Response<Body> {
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": server.0.workers.pods()});
    of_type("application/json", full(list.to_string()))
}
