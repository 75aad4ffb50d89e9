//! What an expression may name, and what stands behind the names for one request.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel::{
    AccessRequest, Authorizer, AuthorizerValue, Bindings, Decl, DeclKind, Env, NEWEST, Type, any, namespace_decl,
    request_decl,
};
use serde_json::Value;

const AUTHORIZER: &str = "kubernetes.authorization.Authorizer";
const RESOURCE_CHECK: &str = "kubernetes.authorization.ResourceCheck";

/// Names that are not everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `params`, for policies with a kind of parameters.
    pub params: bool,
    /// `authorizer` and `authorizer.requestResource`.
    pub authorizer: bool,
    /// `Object{..}` and `JSONPatch{..}`.
    pub patches: bool,
}

static REQUEST: LazyLock<Arc<Decl>> = LazyLock::new(|| Arc::new(request_decl()));
static NAMESPACE: LazyLock<Arc<Decl>> = LazyLock::new(|| Arc::new(namespace_decl()));

fn dynamic() -> Decl {
    Decl::simple(DeclKind::Dyn, 1)
}

impl Names {
    /// What expressions may name besides variables. `object` and `params` may be anything, unless their types are known.
    pub(super) fn env(self) -> Env {
        self.typed(None, None)
    }

    pub(super) fn typed(self, object: Option<&Arc<Decl>>, params: Option<&Arc<Decl>>) -> Env {
        let of = |known: Option<&Arc<Decl>>| known.cloned().unwrap_or_else(|| Arc::new(dynamic()));
        let mut env = Env::new(NEWEST)
            .with("object", of(object))
            .with("oldObject", of(object))
            .with("namespaceObject", NAMESPACE.clone())
            .with("request", REQUEST.clone());
        if self.params {
            env = env.with("params", of(params));
        }
        if self.authorizer {
            env = env
                .with("authorizer", Decl::from(Type::object(AUTHORIZER)))
                .with("authorizer.requestResource", Decl::from(Type::object(RESOURCE_CHECK)));
        }
        if self.patches { env.with_mutation() } else { env }
    }
}

/// The variables of a policy as a type; what is no list, map or scalar is anything.
pub(super) fn variables_decl<'v>(types: impl Iterator<Item = (&'v str, Option<&'v Type>)>) -> Decl {
    let fields: BTreeMap<String, Decl> =
        types.map(|(name, of)| (name.to_owned(), of.map_or_else(dynamic, variable_decl))).collect();
    Decl::object("kubernetes.variables", fields)
}

fn variable_decl(of: &Type) -> Decl {
    match of {
        Type::List(items) => Decl::list(variable_decl(items), -1),
        Type::Map(keys, values) if **keys == Type::String => Decl::map(variable_decl(values), -1),
        Type::Map(..) => Decl::from(of.clone()),
        Type::Bool
        | Type::Bytes
        | Type::Double
        | Type::Duration
        | Type::Int
        | Type::Null
        | Type::String
        | Type::Timestamp
        | Type::Uint => Decl::from(of.clone()),
        _ => dynamic(),
    }
}

/// One request as expressions see it; what there is none of is null.
#[derive(Clone)]
pub struct Inputs<'a> {
    pub object: &'a Value,
    pub old_object: &'a Value,
    pub request: &'a Value,
    /// The namespace's object; match conditions see none.
    pub namespace: &'a Value,
    pub params: &'a Value,
    pub authorizer: Arc<dyn Authorizer + 'a>,
    /// The request's own resource, for `authorizer.requestResource`.
    pub resource: AccessRequest,
}

static NONE: Value = Value::Null;

impl<'a> Inputs<'a> {
    /// As upstream gives them to the conditions, which do not see the namespace.
    pub(super) fn without_namespace(&self) -> Bindings<'a> {
        self.authorized(self.bound(&NONE))
    }

    pub(super) fn bindings(&self) -> Bindings<'a> {
        self.authorized(self.bound(self.namespace))
    }

    /// As upstream gives them to messages and audit annotations.
    pub(super) fn without_authorizer(&self) -> Bindings<'a> {
        self.bound(self.namespace)
    }

    fn bound(&self, namespace: &'a Value) -> Bindings<'a> {
        Bindings::default()
            .value("object", any(self.object))
            .value("oldObject", any(self.old_object))
            .value("request", any(self.request))
            .value("namespaceObject", any(namespace))
            .value("params", any(self.params))
    }

    fn authorized(&self, bindings: Bindings<'a>) -> Bindings<'a> {
        let resource = AuthorizerValue::request_resource(self.authorizer.clone(), self.resource.clone());
        bindings
            .value("authorizer", AuthorizerValue::value(self.authorizer.clone()))
            .value("authorizer.requestResource", resource)
    }
}
