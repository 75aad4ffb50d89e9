//! MutatingAdmissionWebhook and ValidatingAdmissionWebhook: the cluster's own rules, asked over HTTPS. Mutating ones are asked one after the
//! other, validating ones all at once. Audit annotations have no reader yet.

mod call;
mod configuration;
mod review;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::admissionregistration::expressions::Match;
use api::kind::Kind;
use async_trait::async_trait;
use futures::future::join_all;
use serde_json::Value;

use self::call::Failure;
use self::configuration::{Configurations, Webhook};
use super::matching;
use super::seen::Seen;
use crate::access::Authorize;
use crate::admit::{AdmissionRequest, Admit};
use crate::dialer::{Clients, Dialer};
use crate::follow::Followed;
use crate::kinds::Kinds;
use crate::objects::Objects;
use crate::status::Status;

/// What both plugins work with.
pub(crate) struct Webhooks {
    configurations: Followed<Configurations>,
    kinds: Kinds,
    objects: Objects,
    clients: Clients,
    authorizer: Arc<dyn Authorize>,
}

impl Webhooks {
    pub fn new(kinds: Kinds, objects: Objects, authorizer: Arc<dyn Authorize>, dialer: Arc<dyn Dialer>) -> Arc<Self> {
        let clients = Clients::new(dialer, objects.clone(), None);
        Arc::new(Self { configurations: Followed::new(objects.clone()), kinds, objects, clients, authorizer })
    }

    /// What a failed call means for the request.
    fn judge(&self, webhook: &Webhook, failure: Failure) -> Result<(), Status> {
        match failure {
            Failure::Refused(status) => Err(status),
            Failure::Call(why) => {
                let why = format!("failed calling webhook {:?}: {why}", webhook.name);
                if webhook.fails_open {
                    tracing::warn!("failing open: {why}");
                    return Ok(());
                }
                Err(Status::internal(why))
            }
        }
    }

    /// The row in whose version the webhook wants the request; `None`: it is not called.
    async fn wanted(&self, webhook: &Webhook, request: &AdmissionRequest<'_>) -> Result<Option<&'static Kind>, Status> {
        let Some(row) = webhook.matching.wanted(request, &self.kinds, &self.objects)? else { return Ok(None) };
        if webhook.conditions.is_empty() {
            return Ok(Some(row));
        }
        let seen = Seen::new(request, row, &self.kinds).await?;
        match webhook.conditions.of(&seen.inputs(&*self.authorizer, &Value::Null, &Value::Null)) {
            Match::Matches => Ok(Some(row)),
            Match::Skipped => Ok(None),
            Match::Failed(why) => Err(Status::forbidden(request.kind, request.name, &why)),
        }
    }

    /// One after the other. Boxed by the plugin, as [`Webhooks::refuse`] is: a request that no webhook waits for need not carry the state of calls.
    async fn change(&self, webhooks: Vec<Arc<Webhook>>, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        request.reinvocation.begin(NAME, &request.object);
        for webhook in webhooks {
            let Some(row) = self.wanted(&webhook, request).await? else { continue };
            if !request.reinvocation.calls(NAME, &webhook.id) {
                continue;
            }
            match self.ask(&webhook, row, request, true).await {
                Ok(Some(changed)) if changed != *request.object => {
                    *request.object = changed;
                    request.reinvocation.changed(NAME);
                }
                Ok(_) => {}
                Err(failure) => self.judge(&webhook, failure)?,
            }
            if webhook.reinvoked {
                request.reinvocation.called(NAME, &webhook.id);
            }
        }
        request.reinvocation.end(NAME, &request.object);
        Ok(())
    }

    /// All at once.
    async fn refuse(&self, webhooks: Vec<Arc<Webhook>>, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let mut wanted = Vec::new();
        for webhook in &webhooks {
            wanted.extend(self.wanted(webhook, request).await?.map(|row| (webhook, row)));
        }
        let asked = wanted.iter().map(|(webhook, row)| self.ask(webhook, row, request, false));
        let answers = join_all(asked).await;
        let mut failed = wanted.iter().zip(answers).filter_map(|((webhook, _), answer)| Some((webhook, answer.err()?)));
        failed.try_for_each(|(webhook, failure)| self.judge(webhook, failure))
    }
}

const NAME: &str = "MutatingAdmissionWebhook";

/// The plugin that lets webhooks change objects.
pub(crate) struct MutatingAdmissionWebhook(pub Arc<Webhooks>);

/// The plugin that lets webhooks refuse requests.
pub(crate) struct ValidatingAdmissionWebhook(pub Arc<Webhooks>);

#[async_trait]
impl Admit for MutatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let webhooks = self.0.configurations.read().mutating();
        if webhooks.is_empty() || matching::exempt_from_webhooks(request) {
            return Ok(());
        }
        Box::pin(self.0.change(webhooks, request)).await
    }
}

#[async_trait]
impl Admit for ValidatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let webhooks = self.0.configurations.read().validating();
        if webhooks.is_empty() || matching::exempt_from_webhooks(request) {
            return Ok(());
        }
        Box::pin(self.0.refuse(webhooks, request)).await
    }
}
