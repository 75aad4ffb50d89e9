//! MutatingAdmissionWebhook and ValidatingAdmissionWebhook: the cluster's own rules, asked over HTTPS. Mutating ones are asked one after the
//! other, validating ones all at once. matchConditions are refused when a configuration is written; audit annotations have no reader yet.

mod call;
mod configuration;
mod invocation;
mod review;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::kind::Kind;
use async_trait::async_trait;
use futures::future::join_all;

use self::call::Failure;
use self::configuration::{Configurations, Webhook};
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
}

impl Webhooks {
    pub fn new(kinds: Kinds, objects: Objects, dialer: Arc<dyn Dialer>) -> Arc<Self> {
        let clients = Clients::new(dialer, objects.clone(), None);
        Arc::new(Self { configurations: Followed::new(objects.clone()), kinds, objects, clients })
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

    fn wanted(&self, webhook: &Webhook, request: &AdmissionRequest<'_>) -> Result<Option<&'static Kind>, Status> {
        invocation::wanted(webhook, request, &self.kinds, &self.objects)
    }
}

/// The plugin that lets webhooks change objects.
pub(crate) struct MutatingAdmissionWebhook(pub Arc<Webhooks>);

/// The plugin that lets webhooks refuse requests.
pub(crate) struct ValidatingAdmissionWebhook(pub Arc<Webhooks>);

#[async_trait]
impl Admit for MutatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "MutatingAdmissionWebhook"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let webhooks = self.0.configurations.read().mutating();
        if webhooks.is_empty() || invocation::exempt(request) {
            return Ok(());
        }
        request.reinvocation.begin(request.object);
        for webhook in webhooks {
            let Some(row) = self.0.wanted(&webhook, request)? else { continue };
            if !request.reinvocation.calls(&webhook.id) {
                continue;
            }
            match self.0.ask(&webhook, row, request, true).await {
                Ok(Some(changed)) if changed != *request.object => {
                    *request.object = changed;
                    request.reinvocation.changed();
                }
                Ok(_) => {}
                Err(failure) => self.0.judge(&webhook, failure)?,
            }
            if webhook.reinvoked {
                request.reinvocation.called(&webhook.id);
            }
        }
        request.reinvocation.end(request.object);
        Ok(())
    }
}

#[async_trait]
impl Admit for ValidatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let webhooks = self.0.configurations.read().validating();
        if webhooks.is_empty() || invocation::exempt(request) {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for webhook in &webhooks {
            wanted.extend(self.0.wanted(webhook, request)?.map(|row| (webhook, row)));
        }
        let asked = wanted.iter().map(|(webhook, row)| self.0.ask(webhook, row, request, false));
        let answers = join_all(asked).await;
        let mut failed = wanted.iter().zip(answers).filter_map(|((webhook, _), answer)| Some((webhook, answer.err()?)));
        failed.try_for_each(|(webhook, failure)| self.0.judge(webhook, failure))
    }
}
