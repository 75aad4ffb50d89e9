//! A rule with operations, and whether it is about a request (apiserver's pkg/admission/plugin/webhook/predicates/rules). Pure.
//! Rules of policies may name objects, too.

use serde_json::Value;

/// What a request is about, as rules see it.
#[derive(Clone, Copy, Debug)]
pub(in crate::admission) struct Asked<'a> {
    pub operation: &'a str,
    pub group: &'a str,
    pub version: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub name: &'a str,
    /// A Namespace is not in one.
    pub namespaced: bool,
}

/// One rule of a webhook or a policy.
#[derive(Debug)]
pub(in crate::admission) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    /// None names all.
    resource_names: Vec<String>,
    scope: String,
}

fn either(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == "*" || item == wanted)
}

impl Rule {
    pub fn of(rule: &Value) -> Self {
        let texts = |field: &str| -> Vec<String> {
            rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            operations: texts("operations"),
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources"),
            resource_names: texts("resourceNames"),
            scope: rule["scope"].as_str().unwrap_or("*").to_owned(),
        }
    }

    pub fn matches(&self, asked: &Asked<'_>) -> bool {
        let scope = match self.scope.as_str() {
            "*" => true,
            "Namespaced" => asked.namespaced,
            "Cluster" => !asked.namespaced,
            _ => false,
        };
        scope
            && either(&self.operations, asked.operation)
            && either(&self.groups, asked.group)
            && either(&self.versions, asked.version)
            && self.resources.iter().any(|resource| self.names(resource, asked))
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|name| name == asked.name))
    }

    fn names(&self, resource: &str, asked: &Asked<'_>) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        (resource == "*" || resource == asked.resource) && (subresource == "*" || subresource == asked.subresource)
    }
}
