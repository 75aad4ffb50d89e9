//! All roles and bindings, indexed by subject: who has which rules. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use store::Item;

use super::rule::Rule;
use crate::follow::View;
use crate::identity::Identity;
use crate::meta::Meta;
use crate::objects;

const CLUSTER_ROLES: usize = 0;
const ROLES: usize = 1;
const CLUSTER_ROLE_BINDINGS: usize = 2;
const ROLE_BINDINGS: usize = 3;

/// Which binding gave something, printed as upstream does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// `""`: a ClusterRoleBinding.
    pub namespace: String,
    pub binding: String,
    pub role_kind: String,
    pub role: String,
    /// `Group "system:authenticated"`.
    pub subject: String,
}

impl std::fmt::Display for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { namespace, binding, role_kind, role, subject } = self;
        if namespace.is_empty() {
            write!(f, "ClusterRoleBinding {binding:?} of {role_kind} {role:?} to {subject}")
        } else {
            write!(f, "RoleBinding {:?} of {role_kind} {role:?} to {subject}", format!("{binding}/{namespace}"))
        }
    }
}

/// Bindings of one namespace, or of the cluster, by who is bound.
#[derive(Debug, Default)]
struct Bindings {
    users: BTreeMap<String, Vec<Arc<Grant>>>,
    groups: BTreeMap<String, Vec<Arc<Grant>>>,
}

/// The index. Namespaces are keys; the cluster's own is `""`.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    roles: BTreeMap<String, BTreeMap<String, Vec<Rule>>>,
    bindings: BTreeMap<String, Bindings>,
    /// What a binding has put into the index, so that it can be taken out: (namespace, name) -> subjects.
    entered: BTreeMap<(String, String), Vec<Subject>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    User(String),
    Group(String),
}

impl View for Policy {
    const SOURCES: &'static [&'static str] = &["clusterroles", "roles", "clusterrolebindings", "rolebindings"];

    fn put(&mut self, source: usize, item: &Item<Meta>) {
        self.put_value(source, &objects::parse(item));
    }

    fn remove(&mut self, source: usize, item: &Item<Meta>) {
        match source {
            CLUSTER_ROLES | ROLES => {
                if let Some(roles) = self.roles.get_mut(&item.meta.namespace) {
                    roles.remove(&item.meta.name);
                }
            }
            _ => self.unbind(&item.meta.namespace, &item.meta.name),
        }
    }
}

impl Policy {
    fn put_value(&mut self, source: usize, object: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        match source {
            CLUSTER_ROLES | ROLES => {
                self.roles.entry(namespace).or_default().insert(name, Rule::list(&object["rules"]));
            }
            CLUSTER_ROLE_BINDINGS | ROLE_BINDINGS => self.bind(namespace, name, object),
            _ => unreachable!("four sources"),
        }
    }

    fn bind(&mut self, namespace: String, name: String, binding: &Value) {
        self.unbind(&namespace, &name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let here = self.bindings.entry(namespace.clone()).or_default();
        let mut entered = Vec::new();
        for subject in binding["subjects"].as_array().into_iter().flatten() {
            let Some((key, description)) = read_subject(subject, &namespace) else { continue };
            if entered.contains(&key) {
                continue;
            }
            let grant = Arc::new(Grant {
                namespace: namespace.clone(),
                binding: name.clone(),
                role_kind: text(&binding["roleRef"]["kind"]),
                role: text(&binding["roleRef"]["name"]),
                subject: description,
            });
            let list = match &key {
                Subject::User(user) => here.users.entry(user.clone()).or_default(),
                Subject::Group(group) => here.groups.entry(group.clone()).or_default(),
            };
            list.push(grant);
            entered.push(key);
        }
        self.entered.insert((namespace, name), entered);
    }

    fn unbind(&mut self, namespace: &str, name: &str) {
        let Some(subjects) = self.entered.remove(&(namespace.to_owned(), name.to_owned())) else { return };
        let Some(here) = self.bindings.get_mut(namespace) else { return };
        for subject in subjects {
            let (map, key) = match subject {
                Subject::User(user) => (&mut here.users, user),
                Subject::Group(group) => (&mut here.groups, group),
            };
            if let Some(list) = map.get_mut(&key) {
                list.retain(|grant| grant.binding != name);
                if list.is_empty() {
                    map.remove(&key);
                }
            }
        }
    }

    /// Shows every rule the identity has in the namespace (`""`: cluster-wide ones only) until `visit` says to stop. A binding to a role that
    /// does not exist is told to `missing`.
    pub(crate) fn visit<'a>(
        &'a self,
        identity: &Identity,
        namespace: &str,
        missing: &mut dyn FnMut(&'a Grant),
        visit: &mut dyn FnMut(&'a Grant, &'a Rule) -> bool,
    ) {
        let mut scopes = vec![""];
        if !namespace.is_empty() {
            scopes.push(namespace);
        }
        for scope in scopes {
            let Some(bindings) = self.bindings.get(scope) else { continue };
            let by_user = bindings.users.get(&identity.name).into_iter().flatten();
            let by_group = identity.groups.iter().filter_map(|group| bindings.groups.get(group)).flatten();
            for grant in by_user.chain(by_group) {
                let Some(rules) = self.role(grant) else {
                    missing(grant);
                    continue;
                };
                if !rules.iter().all(|rule| visit(grant, rule)) {
                    return;
                }
            }
        }
    }

    fn role(&self, grant: &Grant) -> Option<&Vec<Rule>> {
        let namespace = if grant.role_kind == "ClusterRole" { "" } else { grant.namespace.as_str() };
        self.roles.get(namespace)?.get(&grant.role)
    }

    /// Rules of the role a binding refers to, if it exists.
    pub(crate) fn referenced(&self, role_kind: &str, namespace: &str, name: &str) -> Option<&[Rule]> {
        let namespace = if role_kind == "ClusterRole" { "" } else { namespace };
        self.roles.get(namespace)?.get(name).map(Vec::as_slice)
    }
}

/// The key of a subject with its description; service accounts are users with a name of their own form.
fn read_subject(subject: &Value, binding_namespace: &str) -> Option<(Subject, String)> {
    let name = subject["name"].as_str()?;
    match subject["kind"].as_str()? {
        "User" => Some((Subject::User(name.to_owned()), format!("User {name:?}"))),
        "Group" => Some((Subject::Group(name.to_owned()), format!("Group {name:?}"))),
        "ServiceAccount" => {
            let namespace = subject["namespace"].as_str().filter(|text| !text.is_empty()).unwrap_or(binding_namespace);
            let user = format!("system:serviceaccount:{namespace}:{name}");
            let known = !namespace.is_empty();
            known.then(|| (Subject::User(user), format!("ServiceAccount {:?}", format!("{name}/{namespace}"))))
        }
        _ => None,
    }
}
