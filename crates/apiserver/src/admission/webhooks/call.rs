//! One call of one webhook: the review goes out, the verdict comes back, failures in upstream's words.

use api::kind::Kind;
use bytes::Bytes;
use serde_json::Value;

use super::Webhooks;
use super::configuration::Webhook;
use super::review;
use crate::admission::matching;
use crate::admit::AdmissionRequest;
use crate::dialer::{CallError, Target};
use crate::status::Status;

/// Why a request does not go on.
#[derive(Debug)]
pub(super) enum Failure {
    /// The webhook gave no verdict: its failurePolicy decides.
    Call(String),
    Refused(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl Webhooks {
    /// Asks a webhook about a request, in the version of `row`. `Some`: the object as the webhook wants it, in the request's version.
    pub(super) async fn ask(
        &self,
        webhook: &Webhook,
        row: &'static Kind,
        request: &AdmissionRequest<'_>,
        mutating: bool,
    ) -> Result<Option<Value>, Failure> {
        let name = &webhook.name;
        if request.dry_run && !webhook.dry_run {
            let why = format!("admission webhook {name:?} does not support dry run");
            return Err(Status::bad_request(why).into());
        }
        let version = review::version(&webhook.review_versions)
            .map_err(|why| Failure::Call(format!("could not create admission objects: {why}")))?;
        let target = webhook.target.as_ref().ok_or_else(|| {
            Failure::Call("could not get REST client: webhook configuration must have either service or URL".to_owned())
        })?;
        let object = matching::shown(request, row, &self.kinds, &request.object).await?.into_owned();
        let old = matching::shown(request, row, &self.kinds, request.old.unwrap_or(&Value::Null)).await?.into_owned();
        let uid = self.objects.env().uuid();
        let asked = review::request(request, row, version, &uid, (object.clone(), old));
        let answer = self.exchange(webhook, target, &asked).await?;
        let verdict = review::verdict(&answer, version, &uid, mutating);
        let verdict = verdict.map_err(|why| Failure::Call(why.to_string()))?;
        verdict.warnings.iter().for_each(|text| request.warnings.add(text));
        if !verdict.allowed {
            return Err(Status::denied_by(name, &verdict.result).into());
        }
        if verdict.patch.is_null() {
            return Ok(None);
        }
        if object.is_null() {
            let why = "attempted to modify the object, which is not supported for this operation";
            return Err(Status::internal(format!("admission webhook {name:?} {why}")).into());
        }
        let patched = api::patch::json_patch(object, &verdict.patch);
        let patched = patched.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(matching::taken_back(request, row, &self.kinds, patched).await?))
    }

    /// POSTs the review and reads the answer as JSON.
    async fn exchange(&self, webhook: &Webhook, target: &Target, asked: &Value) -> Result<Value, Failure> {
        let query = format!("timeout={}s", webhook.timeout.as_secs());
        let failed = |why: String| Failure::Call(format!("failed to call webhook: {why}"));
        let sent = self.clients.post(target, &query, Bytes::from(asked.to_string()), webhook.timeout).await;
        let (code, bytes) = sent.map_err(|error| match error {
            CallError::Tls(_) | CallError::Request(_) => Failure::Call(format!("could not get REST client: {error}")),
            error => failed(format!("Post \"{}?{query}\": {error}", target.url())),
        })?;
        if !code.is_success() {
            return Err(failed(unexpected(code.as_u16(), &String::from_utf8_lossy(&bytes))));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| failed(format!("couldn't get version/kind; json parse error: {error}")))
    }
}

/// An HTTP status in the words of Kubernetes' own client, which upstream asks webhooks with.
fn unexpected(code: u16, body: &str) -> String {
    if let Ok(status) = serde_json::from_str::<Value>(body)
        && status["kind"] == "Status"
        && let Some(message) = status["message"].as_str()
    {
        return message.to_owned();
    }
    let text = match body.trim() {
        "" => "unknown",
        text => text,
    };
    match code {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => text.to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        409 => "the server reported a conflict".to_owned(),
        429 => "the server has received too many requests and has asked us to try again later".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => {
            "the server was unable to return a response in the time allotted, but may still be processing the request"
                .to_owned()
        }
        500.. => format!("an error on the server ({text:?}) has prevented the request from succeeding"),
        _ => format!("the server responded with the status code {code} but did not return more information"),
    }
}
