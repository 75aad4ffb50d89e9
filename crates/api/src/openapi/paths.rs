//! The paths of a kind from its row: upstream's addresses, operation ids and actions. The deprecated `/watch/` paths are left out.

use super::components::full_name;
use super::operation::{Answer, Operation};
use super::parameters::{self, Parameter};
use super::root;
use crate::kind::{Kind, Subresource, SubresourceRole};
use crate::schema::{of, table};

const OK: &[(&str, &str)] = &[("200", "OK")];
const UPDATED: &[(&str, &str)] = &[("200", "OK"), ("201", "Created")];
const CREATED: &[(&str, &str)] = &[("200", "OK"), ("201", "Created"), ("202", "Accepted")];
const DELETED: &[(&str, &str)] = &[("200", "OK"), ("202", "Accepted")];
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// A path, the parameters all its operations share, and the operations.
pub(super) struct Path {
    pub path: String,
    pub parameters: Vec<Parameter>,
    pub operations: Vec<Operation>,
}

/// `/apis/apps/v1/`: what the group serves.
pub(super) fn discovery(group: &str, version: &str) -> Path {
    let operation = Operation {
        method: "get",
        id: format!("get{}APIResources", group_version_name(group, version)),
        description: "get available resources".to_owned(),
        tag: tag(group, version),
        action: "",
        kind: None,
        parameters: Vec::new(),
        body: None,
        answer: Answer::Object(format!("{META}.APIResourceList")),
        codes: OK,
        custom: false,
    };
    Path { path: format!("/{}/", root(group, version)), parameters: Vec::new(), operations: vec![operation] }
}

/// Every path of a kind.
pub(super) fn of_kind(kind: &Kind) -> Vec<Path> {
    let writer = Writer { kind };
    let mut paths = vec![writer.collection(), writer.item()];
    if kind.namespaced && kind.verbs.contains(&"list") {
        paths.push(writer.all_namespaces());
    }
    for subresource in kind.subresources {
        paths.push(writer.subresource(subresource, false));
        if subresource.name == "proxy" {
            paths.push(writer.subresource(subresource, true));
        }
    }
    paths.retain(|path| !path.operations.is_empty());
    paths
}

/// `AppsV1`, `CoreV1`, `RbacAuthorizationV1`
fn group_version_name(group: &str, version: &str) -> String {
    let group = if group.is_empty() { "core" } else { group.trim_end_matches(".k8s.io") };
    let words: String = group.split('.').map(capitalised).collect();
    words + &capitalised(version)
}

/// `apps_v1`, `rbacAuthorization_v1`
fn tag(group: &str, version: &str) -> String {
    let name = group_version_name(group, "");
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    format!("{}{}_{version}", first.unwrap_or_default(), letters.as_str())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// OpenAPI's name of a kind's type.
fn type_name(group: &str, version: &str, kind: &str) -> String {
    match of(group, version, kind).and_then(|schema| schema.type_id()) {
        Some(id) => full_name(table().get(id)),
        None => format!("{META}.{kind}"),
    }
}

struct Writer<'a> {
    kind: &'a Kind,
}

impl Writer<'_> {
    /// OpenAPI's name of a type that the paths of this kind speak of.
    fn type_name(&self, group: &str, version: &str, name: &str) -> String {
        let kind = self.kind;
        if kind.hooks.custom && (group, version) == (kind.group, kind.version) {
            return crate::custom::openapi::type_name(group, version, name);
        }
        type_name(group, version, name)
    }
}

/// What tells one operation on a kind from another.
struct Sort {
    verb: &'static str,
    method: &'static str,
    /// First word of the operation's id, and of its description.
    word: &'static str,
    action: &'static str,
    codes: &'static [(&'static str, &'static str)],
}

const COLLECTION: [Sort; 3] = [
    Sort { verb: "list", method: "get", word: "list", action: "list", codes: OK },
    Sort { verb: "create", method: "post", word: "create", action: "post", codes: CREATED },
    Sort { verb: "deletecollection", method: "delete", word: "delete", action: "deletecollection", codes: OK },
];
const ITEM: [Sort; 4] = [
    Sort { verb: "get", method: "get", word: "read", action: "get", codes: OK },
    Sort { verb: "update", method: "put", word: "replace", action: "put", codes: UPDATED },
    Sort { verb: "delete", method: "delete", word: "delete", action: "delete", codes: DELETED },
    Sort { verb: "patch", method: "patch", word: "partially update", action: "patch", codes: UPDATED },
];
const CREATE: Sort = Sort { verb: "create", method: "post", word: "create", action: "post", codes: CREATED };

impl Writer<'_> {
    fn base(&self) -> String {
        let namespace = if self.kind.namespaced { "/namespaces/{namespace}" } else { "" };
        format!("/{}{namespace}/{}", root(self.kind.group, self.kind.version), self.kind.plural)
    }

    fn path(&self, path: String, operations: Vec<Operation>) -> Path {
        Path { parameters: parameters::of_path(&path, self.kind.kind), path, operations }
    }

    fn collection(&self) -> Path {
        let sorts = COLLECTION.iter().filter(|sort| self.kind.verbs.contains(&sort.verb));
        let operations = sorts.map(|sort| self.operation(sort, self.scope(), None)).collect();
        self.path(self.base(), operations)
    }

    fn item(&self) -> Path {
        let sorts = ITEM.iter().filter(|sort| self.kind.verbs.contains(&sort.verb));
        let operations = sorts.map(|sort| self.operation(sort, self.scope(), None)).collect();
        self.path(format!("{}/{{name}}", self.base()), operations)
    }

    fn all_namespaces(&self) -> Path {
        let path = format!("/{}/{}", root(self.kind.group, self.kind.version), self.kind.plural);
        let mut operation = self.operation(&COLLECTION[0], "", None);
        operation.id += "ForAllNamespaces";
        self.path(path, vec![operation])
    }

    fn scope(&self) -> &'static str {
        if self.kind.namespaced { "Namespaced" } else { "" }
    }

    fn operation(&self, sort: &Sort, scope: &str, subresource: Option<&Subresource>) -> Operation {
        let kind = self.kind;
        let (group, version, name) = match subresource {
            Some(sub) if sub.role != SubresourceRole::Same => (sub.group, sub.version, sub.kind),
            _ => (kind.group, kind.version, kind.kind),
        };
        let own_type = self.type_name(group, version, name);
        let id_word = if sort.word == "partially update" { "patch" } else { sort.word };
        let middle = if sort.action == "deletecollection" { "Collection" } else { "" };
        let suffix = subresource.map(|sub| capitalised(sub.name)).unwrap_or_default();
        let id =
            format!("{id_word}{}{middle}{scope}{}{suffix}", group_version_name(kind.group, kind.version), kind.kind);
        let body = match sort.action {
            "post" | "put" => Some((own_type.clone(), true)),
            "patch" => Some((format!("{META}.Patch"), true)),
            "delete" | "deletecollection" => Some((format!("{META}.DeleteOptions"), false)),
            _ => None,
        };
        let answer = match sort.action {
            "list" => self.type_name(group, version, &kind.list_kind()),
            "deletecollection" => format!("{META}.Status"),
            "delete" if !kind.deletion_shows_object() => format!("{META}.Status"),
            _ => own_type,
        };
        Operation {
            method: sort.method,
            id,
            description: describe(sort, kind.kind, subresource),
            tag: tag(kind.group, kind.version),
            action: sort.action,
            kind: Some((group.to_owned(), version.to_owned(), name.to_owned())),
            parameters: parameters::of_action(sort.action),
            body,
            answer: Answer::Object(answer),
            codes: sort.codes,
            custom: kind.hooks.custom,
        }
    }

    fn subresource(&self, subresource: &Subresource, with_path: bool) -> Path {
        let rest = if with_path { "/{path}" } else { "" };
        let path = format!("{}/{{name}}/{}{rest}", self.base(), subresource.name);
        let operations = if subresource.kind.ends_with("Options") {
            self.connects(subresource, with_path)
        } else {
            let sorts = ITEM.iter().chain([&CREATE]).filter(|sort| subresource.verbs.contains(&sort.verb));
            sorts.map(|sort| self.of_subresource(sort, subresource)).collect()
        };
        self.path(path, operations)
    }

    fn of_subresource(&self, sort: &Sort, subresource: &Subresource) -> Operation {
        let mut operation = self.operation(sort, self.scope(), Some(subresource));
        if subresource.name == "log" {
            operation.answer = Answer::Text;
            operation.parameters = parameters::of_options("PodLogOptions");
        }
        operation
    }

    /// Streams and proxies: one operation for each method that is let through.
    fn connects(&self, subresource: &Subresource, with_path: bool) -> Vec<Operation> {
        let methods = [("get", "get"), ("create", "post"), ("update", "put"), ("delete", "delete"), ("patch", "patch")];
        let suffix = if with_path { "WithPath" } else { "" };
        let connect = |method: &'static str| Operation {
            method,
            id: format!(
                "connect{}{}{}{}{}{suffix}",
                group_version_name(self.kind.group, self.kind.version),
                capitalised(method),
                self.scope(),
                self.kind.kind,
                capitalised(subresource.name)
            ),
            description: format!(
                "connect {} requests to {} of {}",
                method.to_uppercase(),
                subresource.name,
                self.kind.kind
            ),
            tag: tag(self.kind.group, self.kind.version),
            action: "connect",
            kind: Some((subresource.group.to_owned(), subresource.version.to_owned(), subresource.kind.to_owned())),
            parameters: parameters::of_options(subresource.kind)
                .into_iter()
                .filter(|parameter| !(with_path && parameter.name == "path"))
                .collect(),
            body: None,
            answer: Answer::Text,
            codes: OK,
            custom: false,
        };
        methods.iter().filter(|(verb, _)| subresource.verbs.contains(verb)).map(|(_, method)| connect(method)).collect()
    }
}

fn describe(sort: &Sort, kind: &str, subresource: Option<&Subresource>) -> String {
    let of_what = subresource.map(|sub| format!("{} of ", sub.name)).unwrap_or_default();
    match sort.action {
        "list" => format!("list or watch objects of kind {kind}"),
        "deletecollection" => format!("delete collection of {kind}"),
        "post" | "delete" => format!("{} {of_what}a {kind}", sort.word),
        _ => format!("{} {of_what}the specified {kind}", sort.word),
    }
}
