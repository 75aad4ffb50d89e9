//! A rule with operations, and whether it is about a request (apiserver's pkg/admission/plugin/webhook/predicates/rules). Pure.

use serde_json::Value;

/// What a request is about, as rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub operation: &'a str,
    pub group: &'a str,
    pub version: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    /// A Namespace is not in one.
    pub namespaced: bool,
}

/// One rule of a webhook.
#[derive(Debug)]
pub(super) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
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
    }

    fn names(&self, resource: &str, asked: &Asked<'_>) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        (resource == "*" || resource == asked.resource) && (subresource == "*" || subresource == asked.subresource)
    }
}
