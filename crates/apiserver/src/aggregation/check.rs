//! Keeps the Available conditions: looks when an APIService, its Service or its EndpointSlices change, when a proxied call failed, and every
//! 30 seconds while there is anything to look at. What the extension server says of itself is kept for discovery.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use http::{Request, header};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::condition::{self, Availability};
use super::documents::Learnt;
use super::registered::Registered;
use super::{Aggregator, headers, local};
use crate::body::full;
use crate::dialer::CallError;
use crate::identity::Identity;
use crate::kinds::Kinds;
use crate::objects::{self, timestamp};
use crate::rows::row;

const AGAIN: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);
const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl Aggregator {
    /// Registers this server's own versions, then watches the others' until the server ends.
    pub async fn run(self: Arc<Self>, kinds: Kinds, shutdown: CancellationToken) {
        self.register(&kinds).await;
        let watched = [self.kind, row("", "v1", "services"), row("discovery.k8s.io", "v1", "endpointslices")];
        while !shutdown.is_cancelled() {
            let revision = self.objects.snapshot().revision();
            let cursors = watched.map(|kind| self.objects.watch(&objects::prefix(kind, ""), revision));
            let [Ok(mut services), Ok(mut own), Ok(mut slices)] = cursors else { continue };
            // A cursor that was left behind begins anew.
            loop {
                let anything = self.look().await;
                let again = tokio::time::sleep(AGAIN);
                tokio::pin!(again);
                let behind = loop {
                    let event = tokio::select! {
                        event = services.next() => break event.is_err(),
                        event = own.next(), if anything => event,
                        event = slices.next(), if anything => event,
                        () = self.doubts.notified() => break false,
                        () = &mut again, if anything => break false,
                        () = shutdown.cancelled() => return,
                    };
                    match event {
                        Ok(event) if self.concerned(&event.shown().meta.namespace) => break false,
                        Ok(_) => {}
                        Err(_) => break true,
                    }
                };
                let caught_up =
                    [&mut services, &mut own, &mut slices].into_iter().all(|cursor| drained(cursor).is_ok());
                if behind || !caught_up {
                    break;
                }
            }
        }
    }

    /// Whether an extension server is in a namespace.
    fn concerned(&self, namespace: &str) -> bool {
        self.registry.read().sorted().iter().any(|registered| registered.service.namespace == namespace)
    }

    /// Makes the APIServices of what this server serves, and takes away those of an earlier start that it no longer does.
    async fn register(&self, kinds: &Kinds) {
        let wanted = local::services(kinds, self.objects.env().now());
        let name = |service: &Value| service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        for item in self.objects.items(self.kind, "") {
            let managed = item.meta.labels.get(local::MANAGED).is_some_and(|mode| mode == local::ON_START);
            if managed && !wanted.iter().any(|service| name(service) == item.meta.name) {
                self.report(&item.meta.name, self.objects.remove(self.kind, "", &item.meta.name).await.map(drop));
            }
        }
        for service in wanted {
            let name = name(&service);
            if self.objects.item(self.kind, "", &name).is_none() {
                self.report(&name, self.objects.create(self.kind, service).await.map(drop));
            }
        }
    }

    fn report(&self, name: &str, outcome: Result<(), crate::status::Status>) {
        match outcome {
            Ok(()) => {}
            // Somebody else wrote it: that state comes by as well.
            Err(status) if matches!(&*status.reason, "Conflict" | "AlreadyExists" | "NotFound") => {}
            Err(status) => tracing::warn!(name, %status, "an APIService could not be written"),
        }
    }

    /// One look at all of them; `false`: there is none.
    pub(super) async fn look(&self) -> bool {
        let all = self.registry.read().sorted();
        self.learnt.lock().retain(|name, _| all.iter().any(|registered| registered.name == *name));
        join_all(all.iter().map(|registered| self.look_at(registered))).await;
        !all.is_empty()
    }

    async fn look_at(&self, registered: &Registered) {
        let reference = &registered.service;
        let service = self.objects.get(row("", "v1", "services"), &reference.namespace, &reference.name);
        let items = self.objects.items(row("discovery.k8s.io", "v1", "endpointslices"), &reference.namespace);
        let mine = items.iter().filter(|item| item.meta.labels.get(SERVICE_NAME) == Some(&reference.name));
        let slices: Vec<Value> = mine.map(|item| objects::parse(item)).collect();
        let availability = match condition::stored(registered, service.as_ref(), &slices) {
            Some(availability) => availability,
            None => self.ask(registered).await,
        };
        let Some(object) = self.objects.get(self.kind, "", &registered.name) else { return };
        let now = timestamp(self.objects.env().now());
        if let Some(next) = availability.noted(&object, &now) {
            self.report(&registered.name, self.objects.update(self.kind, next).await.map(drop));
        }
    }

    /// Gets the discovery document, which every extension server has.
    async fn ask(&self, registered: &Registered) -> Availability {
        let path = registered.path();
        let url = format!("{}{path}", registered.target().url());
        match self.read(registered, &path).await {
            Err(error) => {
                // As upstream: the next look dials anew.
                self.clients.forget();
                Availability::failed(format!("failing or missing response from {url}: Get {url:?}: {error}"))
            }
            Ok((code, _)) if !(200..300).contains(&code) => {
                Availability::failed(format!("failing or missing response from {url}: bad status from {url}: {code}"))
            }
            Ok((_, resources)) => {
                let openapi = self.openapi(registered).await;
                self.learnt.lock().insert(registered.name.clone(), Learnt { resources, openapi });
                Availability::passed()
            }
        }
    }

    /// Where the server's own index of OpenAPI documents has this version.
    async fn openapi(&self, registered: &Registered) -> String {
        let index = match self.read(registered, "/openapi/v3").await {
            Ok((200, index)) => index,
            _ => return String::new(),
        };
        let path = registered.path();
        index["paths"][path.trim_start_matches('/')]["serverRelativeURL"].as_str().unwrap_or_default().to_owned()
    }

    async fn read(&self, registered: &Registered, path: &str) -> Result<(u16, Value), CallError> {
        let target = registered.target();
        let request = Request::get(format!("{}{path}", target.url())).header(header::ACCEPT, "application/json");
        let mut request = request.body(full(""))?;
        let identity = Identity::new("system:kube-aggregator", &["system:masters"]);
        headers::speak_for(request.headers_mut(), &identity).map_err(|status| CallError::Transport(status.message))?;
        let (code, bytes) = self.clients.exchange(&target, request, TIMEOUT).await?;
        Ok((code.as_u16(), serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

/// Passes over what happened meanwhile: one look covers it.
fn drained(cursor: &mut store::Cursor<crate::meta::Meta>) -> Result<(), store::Compacted> {
    while cursor.try_next()?.is_some() {}
    Ok(())
}
