//! One RBAC rule: what it allows, what it covers, how it is printed. Pure.

use serde_json::Value;

use crate::request::RequestInfo;

/// rbac/v1 PolicyRule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub verbs: Vec<String>,
    pub api_groups: Vec<String>,
    pub resources: Vec<String>,
    pub resource_names: Vec<String>,
    pub non_resource_urls: Vec<String>,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn holds(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted)
}

impl Rule {
    pub fn from_value(value: &Value) -> Self {
        Self {
            verbs: texts(&value["verbs"]),
            api_groups: texts(&value["apiGroups"]),
            resources: texts(&value["resources"]),
            resource_names: texts(&value["resourceNames"]),
            non_resource_urls: texts(&value["nonResourceURLs"]),
        }
    }

    /// `rules` of a Role or ClusterRole.
    pub fn list(rules: &Value) -> Vec<Self> {
        rules.as_array().into_iter().flatten().map(Self::from_value).collect()
    }

    pub fn allows(&self, info: &RequestInfo) -> bool {
        if !self.allows_verb(&info.verb) {
            return false;
        }
        if !info.is_resource {
            return self.allows_path(&info.path);
        }
        (holds(&self.api_groups, "*") || holds(&self.api_groups, &info.api_group))
            && self.allows_resource(&info.resource, &info.subresource)
            && (self.resource_names.is_empty() || holds(&self.resource_names, &info.name))
    }

    fn allows_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|allowed| allowed == "*" || allowed == verb)
    }

    /// `*` is every resource, `pods/log` itself, `*/scale` every resource's scale.
    fn allows_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|allowed| {
            if allowed == "*" {
                return true;
            }
            match allowed.split_once('/') {
                None => subresource.is_empty() && allowed == resource,
                Some((main, sub)) => !subresource.is_empty() && sub == subresource && (main == "*" || main == resource),
            }
        })
    }

    fn allows_path(&self, path: &str) -> bool {
        self.non_resource_urls.iter().any(|allowed| path_covers(allowed, path))
    }

    /// The rule in parts that name one verb and one resource (with one name), or one verb and one path each.
    pub(crate) fn parts(&self) -> Vec<Rule> {
        let mut parts = Vec::new();
        for verb in &self.verbs {
            for group in &self.api_groups {
                for resource in &self.resources {
                    let part = Rule {
                        verbs: vec![verb.clone()],
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        ..Rule::default()
                    };
                    if self.resource_names.is_empty() {
                        parts.push(part.clone());
                    }
                    for name in &self.resource_names {
                        parts.push(Rule { resource_names: vec![name.clone()], ..part.clone() });
                    }
                }
            }
            for url in &self.non_resource_urls {
                parts.push(Rule { verbs: vec![verb.clone()], non_resource_urls: vec![url.clone()], ..Rule::default() });
            }
        }
        parts
    }

    /// Whether whoever has this rule has `part` (one of [`Rule::parts`]) too.
    pub(crate) fn covers(&self, part: &Rule) -> bool {
        let every =
            |have: &[String], wanted: &[String]| holds(have, "*") || wanted.iter().all(|item| holds(have, item));
        let resource_matches = |wanted: &String| {
            let scale_of_all =
                wanted.split_once('/').is_some_and(|(_, sub)| holds(&self.resources, &format!("*/{sub}")));
            holds(&self.resources, wanted) || scale_of_all
        };
        let resources = holds(&self.resources, "*") || part.resources.iter().all(resource_matches);
        let names = match (part.resource_names.is_empty(), self.resource_names.is_empty()) {
            (_, true) => true,
            (true, false) => false,
            (false, false) => part.resource_names.iter().all(|name| holds(&self.resource_names, name)),
        };
        let urls =
            part.non_resource_urls.iter().all(|url| self.non_resource_urls.iter().any(|have| path_covers(have, url)));
        every(&self.verbs, &part.verbs) && every(&self.api_groups, &part.api_groups) && resources && names && urls
    }

    /// `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, as upstream prints rules that are missing.
    pub(crate) fn compact(&self) -> String {
        let fields = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let shown = fields
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| format!("{name}:{}", quoted(list)));
        format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
    }

    /// Parts about one resource that differ only in verbs put together again; paths stay apart.
    pub(crate) fn merge_verbs(parts: Vec<Rule>) -> Vec<Rule> {
        let mut merged: Vec<Rule> = Vec::new();
        for part in parts {
            let same = |rule: &&mut Rule| {
                rule.non_resource_urls.is_empty()
                    && (&rule.api_groups, &rule.resources, &rule.resource_names)
                        == (&part.api_groups, &part.resources, &part.resource_names)
            };
            match merged.iter_mut().find(same) {
                Some(rule) if part.non_resource_urls.is_empty() => rule.verbs.extend(part.verbs),
                _ => merged.push(part),
            }
        }
        merged
    }
}

/// `*` is every path, `/healthz/*` every path that begins with `/healthz/`.
fn path_covers(allowed: &str, path: &str) -> bool {
    if allowed == "*" || allowed == path {
        return true;
    }
    allowed.strip_suffix('*').is_some_and(|head| path.starts_with(head.trim_end_matches('*')))
}

/// `["a" "b"]`, as Go prints a list of quoted texts.
pub(crate) fn quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
