//! One request at one row: who asks, where, and the steps that all writes share (admission, services, commit).

use std::sync::Arc;

use api::field_error::FieldError;
use api::kind::{Kind, Subresource, SubresourceRole, WriteContext};
use api::schema::Schema;
use bytes::Bytes;
use serde_json::Value;
use store::{CommitError, Committed, Expect, Op, Write};

use super::metadata;
use super::shape::Target;
use crate::admit::{AdmissionRequest, Around, Draft, Operation, Reinvocation, Warnings};
use crate::body::Body;
use crate::custom::{Reader, scale_errors};
use crate::decode;
use crate::front::{Asked, Begun};
use crate::identity::Identity;
use crate::kinds::Snapshot;
use crate::meta::Meta;
use crate::objects::{self, Object};
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::service::{Change, Service};
use crate::status::Status;
use crate::view;

/// What every step of a request needs to know.
pub(crate) struct Scope<'a> {
    pub server: &'a Arc<Inner>,
    pub info: &'a RequestInfo,
    pub identity: &'a Identity,
    pub kind: &'static Kind,
    /// The row of the version that is stored.
    pub stored: &'static Kind,
    pub subresource: Option<&'static Subresource>,
    /// Empty for kinds outside namespaces.
    pub namespace: &'a str,
    pub warnings: &'a Warnings,
    /// What was served when the request came.
    pub kinds: &'a Arc<Snapshot>,
    pub(super) begun: Option<&'a Begun>,
    /// How objects are read and stored.
    pub reader: Reader,
    /// Of a built-in kind; it is asked for many times.
    pub(super) schema: Option<&'static Schema>,
    /// Names the field manager of requests that name none.
    pub user_agent: String,
}

/// One step towards a write, as admission sees it.
pub(crate) struct Step<'a> {
    pub operation: Operation,
    pub name: &'a str,
    pub old: Option<&'a Value>,
    pub options: &'a Value,
    pub dry_run: bool,
}

impl Around for Scope<'_> {
    fn server(&self) -> &Arc<Inner> {
        self.server
    }

    fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl<'a> Scope<'a> {
    pub fn new(
        asked: &Asked<'a>,
        identity: &'a Identity,
        kind: &'static Kind,
        subresource: Option<&'static Subresource>,
    ) -> Self {
        let Asked { server, info, kinds, warnings, begun } = *asked;
        let namespace = if kind.namespaced { info.namespace.as_str() } else { "" };
        let reader = Reader { kind, definition: kinds.definition(kind).cloned(), server: server.clone() };
        let (stored, user_agent) = (kinds.storage_row(kind), String::new());
        let schema = api::schema::of(kind.group, kind.version, kind.kind).filter(|_| reader.definition.is_none());
        Self {
            server,
            info,
            identity,
            kind,
            stored,
            subresource,
            namespace,
            warnings,
            kinds,
            begun,
            reader,
            schema,
            user_agent,
        }
    }

    /// The request's body. Once it is here, a write is finished whatever becomes of who asked for it.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, Status> {
        let bytes = decode::read(body).await?;
        self.begun.map_or(Ok(()), |begun| begun.begin(self.server, &self.identity.name))?;
        Ok(bytes)
    }

    pub fn subresource_name(&self) -> &'static str {
        self.subresource.map_or("", |subresource| subresource.name)
    }

    /// What a body at this place has to be.
    pub(super) fn target(&self) -> Target<'_> {
        match self.subresource {
            Some(subresource) if subresource.role == SubresourceRole::Service => Target::body(subresource),
            _ => Target::of(self.kind, self.schema_of(self.kind)),
        }
    }

    /// The schema of one version of this kind.
    pub(super) fn schema_of(&self, kind: &Kind) -> Option<&Schema> {
        match &self.reader.definition {
            Some(definition) => definition.version(kind.version).map(|version| &version.schema),
            None if std::ptr::eq(kind, self.kind) => self.schema,
            None => api::schema::of(kind.group, kind.version, kind.kind),
        }
    }

    /// What the schema of a custom kind has against an object.
    pub(super) fn schema_errors(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let Some(structural) = self.schema_of(self.kind).and_then(Schema::structural) else { return Vec::new() };
        let is_status = self.subresource.is_some_and(|subresource| subresource.role == SubresourceRole::Status);
        let mut errors = match old.filter(|_| is_status) {
            Some(old) => structural.validate_status(new, old),
            None => structural.validate(new, old),
        };
        errors.extend(scale_errors(self.kind, new, is_status));
        errors
    }

    /// What the kind's hooks are told.
    pub fn context(&self) -> WriteContext<'_> {
        WriteContext {
            now: self.server.objects.env().now(),
            namespace: self.namespace,
            subresource: self.subresource_name(),
            user_name: &self.identity.name,
            user_groups: &self.identity.groups,
            user_uid: &self.identity.uid,
        }
    }

    /// The durable state of an object.
    pub fn current(&self, name: &str) -> Option<Object> {
        self.server.objects.item(self.kind, self.namespace, name)
    }

    /// As [`Scope::current`], 404 without one.
    pub fn existing(&self, name: &str) -> Result<Object, Status> {
        self.current(name).ok_or_else(|| Status::not_found(self.kind, name))
    }

    /// A stored object in the request's version.
    pub async fn value(&self, object: &Object) -> Result<Value, Status> {
        Ok(view::value(self.kind, &self.reader.read_one(object).await?))
    }

    /// Mutating admission; what it changed is put in shape again.
    pub async fn mutate(&self, object: &mut Value, step: &Step<'_>) -> Result<(), Status> {
        if self.server.admission.is_empty() {
            return Ok(());
        }
        let reinvocation = Reinvocation::default();
        loop {
            let mut request = self.admission_request(object, step, &reinvocation);
            for plugin in &self.server.admission {
                plugin.mutate(&mut request).await?;
            }
            if request.object.is_touched() && !request.object.is_null() {
                super::shape::again(&self.target(), object)?;
            }
            if !reinvocation.turn() {
                return Ok(());
            }
        }
    }

    /// Validating admission.
    pub async fn admit(&self, object: &mut Value, step: &Step<'_>) -> Result<(), Status> {
        let reinvocation = Reinvocation::default();
        let request = self.admission_request(object, step, &reinvocation);
        for plugin in &self.server.admission {
            plugin.validate(&request).await?;
        }
        Ok(())
    }

    fn admission_request<'r>(
        &'r self,
        object: &'r mut Value,
        step: &'r Step<'_>,
        reinvocation: &'r Reinvocation,
    ) -> AdmissionRequest<'r> {
        AdmissionRequest {
            info: self.info,
            identity: self.identity,
            operation: step.operation,
            kind: self.kind,
            subresource: self.subresource_name(),
            namespace: self.namespace,
            name: step.name,
            object: Draft::new(object),
            old: step.old,
            options: step.options,
            dry_run: step.dry_run,
            warnings: self.warnings,
            schema: self.schema_of(self.kind),
            reinvocation,
            around: Some(self),
        }
    }

    /// The service that takes part in this kind's writes.
    pub fn service(&self) -> Option<&'a Arc<dyn Service>> {
        if self.kind.service.is_empty() { None } else { self.server.services.get(self.kind.service) }
    }

    /// A write as the service sees it.
    pub fn change<'c>(&'c self, object: &'c mut Value, old: Option<&'c Value>, dry_run: bool) -> Change<'c> {
        Change { kind: self.kind, object, old, identity: self.identity, dry_run }
    }

    /// The object for the store; a copy if a service has to see it after the write.
    pub fn to_store(&self, object: &mut Value) -> Value {
        if self.service().is_some() { object.clone() } else { std::mem::take(object) }
    }

    /// The object as it will lie in the store.
    pub async fn encode(&self, object: Value) -> Result<Encoded, Status> {
        let mut object = self.reader.stored(view::to_storage(self.kind, self.stored, object)).await?;
        super::shape::fill(self.schema_of(self.stored), self.stored, &mut object)?;
        let meta = Arc::new(Meta { generation: self.reader.generation(), ..Meta::of(self.stored, &object) });
        let (bytes, splice_at) = objects::encode(&mut object)?;
        Ok(Encoded { bytes, splice_at, meta, object })
    }

    /// Stores an encoded object.
    pub async fn put(&self, encoded: Encoded, expect: Expect) -> Result<Committed<Meta>, CommitError<Meta>> {
        let Encoded { bytes, splice_at, meta, .. } = encoded;
        let key = objects::key(self.kind, self.namespace, &meta.name);
        let lazy = self.stored.hooks.ttl_seconds.is_some();
        let op = Op::Put { bytes, splice_at, meta };
        let write = Write { key: key.into(), expect, op, ttl_seconds: self.stored.hooks.ttl_seconds, lazy };
        self.server.objects.commit(write).await
    }

    /// Removes an object for good and lets the service give back what it held.
    pub async fn erase(&self, object: &Object, last: &Value) -> Result<Object, CommitError<Meta>> {
        let expect = Expect::Revision(object.revision);
        let write = Write { key: object.key.clone(), expect, op: Op::Delete, ttl_seconds: None, lazy: false };
        let committed = self.server.objects.commit(write).await?;
        if let Some(service) = self.service() {
            service.after_delete(self.kind, last).await;
        }
        Ok(committed.item)
    }
}

/// Bytes for the store, with the place of the revision.
pub(crate) struct Encoded {
    pub bytes: Bytes,
    pub splice_at: usize,
    pub meta: Arc<Meta>,
    /// What the bytes are of.
    object: Value,
}

impl Encoded {
    /// The same object with other managedFields.
    pub fn with_entries(mut self, entries: Value) -> Result<Self, Status> {
        metadata::map(&mut self.object).insert("managedFields".to_owned(), entries);
        let (bytes, splice_at) = objects::encode(&mut self.object)?;
        Ok(Self { bytes, splice_at, ..self })
    }
}
