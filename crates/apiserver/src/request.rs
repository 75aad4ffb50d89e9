//! What a request asks, read from its method, path and query by upstream's rules (apiserver/pkg/endpoints/request/requestinfo.go).

use http::Method;

/// The query's parameters, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(v_plus(k)), decode(v_plus(v))))
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a repeated parameter (`command`, `dryRun`).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean as upstream converts it: present and neither `false` nor `0` (in any case) is true.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }
}

fn v_plus(text: &str) -> String {
    text.replace('+', " ")
}

/// Resolves %XX; what is malformed stays as it is.
fn decode(text: String) -> String {
    if !text.contains('%') {
        return text;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or(text)
}

/// Resolves %XX as Go's url.PathUnescape; `None` where an escape is malformed or the result is not UTF-8.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut out = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let hex = piece.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(hex, 16).ok()?);
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(out).ok()
}

/// Upstream's RequestInfo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    pub is_resource: bool,
    /// The path as it came.
    pub path: String,
    /// get, list, watch, create, update, patch, delete, deletecollection; for other paths the method in lower case.
    pub verb: String,
    pub api_group: String,
    pub api_version: String,
    pub namespace: String,
    /// Whether the path leads through a namespace to something in it.
    pub in_namespace: bool,
    pub resource: String,
    pub subresource: String,
    pub name: String,
    /// What follows the subresource, without the slash before it (proxy's path).
    pub rest: String,
    pub query: Query,
    /// Selectors of a list, watch or deletecollection, for authorizers that look at them.
    pub field_selector: String,
    pub label_selector: String,
}

const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

impl RequestInfo {
    /// Reads a request line.
    pub fn new(method: &Method, uri: &http::Uri) -> Self {
        let (path, query) = (uri.path(), Query::parse(uri.query().unwrap_or_default()));
        let verb = method.as_str().to_lowercase();
        let mut info = Self { verb, path: path.to_owned(), query, ..Self::default() };
        let parts = path.trim_matches('/').split('/');
        let decoded: Vec<String>;
        let parts: Vec<&str> = if path.contains('%') {
            decoded = parts.map(|part| decode(part.to_owned())).collect();
            decoded.iter().map(String::as_str).collect()
        } else {
            parts.collect()
        };
        info.read_path(method, &parts);
        info
    }

    fn read_path(&mut self, method: &Method, parts: &[&str]) {
        let rest = match parts {
            ["api", version, rest @ ..] if !rest.is_empty() => {
                self.api_version = (*version).to_owned();
                rest
            }
            ["apis", group, version, rest @ ..] if !rest.is_empty() => {
                self.api_group = (*group).to_owned();
                self.api_version = (*version).to_owned();
                rest
            }
            _ => return,
        };
        self.is_resource = true;
        self.verb = verb_of(method).to_owned();
        let rest = match rest {
            ["watch", after @ ..] if !after.is_empty() => {
                self.verb = "watch".to_owned();
                after
            }
            _ => rest,
        };
        self.read_resource(rest);
        self.read_collection();
    }

    fn read_resource(&mut self, mut parts: &[&str]) {
        if let ["namespaces", namespace, after @ ..] = parts {
            self.namespace = (*namespace).to_owned();
            if after.first().is_some_and(|first| !NAMESPACE_SUBRESOURCES.contains(first)) {
                parts = after;
                self.in_namespace = true;
            }
        }
        let part = |at: usize| parts.get(at).map(|part| (*part).to_owned()).unwrap_or_default();
        self.resource = part(0);
        self.name = part(1);
        self.subresource = part(2);
        self.rest = parts.get(3..).map(|rest| rest.join("/")).unwrap_or_default();
    }

    /// A request without a name is for the collection; a selector for one name names it.
    fn read_collection(&mut self) {
        if !self.name.is_empty() {
            return;
        }
        match self.verb.as_str() {
            "get" if self.query.flag("watch") => self.verb = "watch".to_owned(),
            "get" => self.verb = "list".to_owned(),
            "delete" => self.verb = "deletecollection".to_owned(),
            _ => {}
        }
        if !matches!(self.verb.as_str(), "list" | "watch" | "deletecollection") {
            return;
        }
        self.field_selector = self.query.get("fieldSelector").unwrap_or_default().to_owned();
        self.label_selector = self.query.get("labelSelector").unwrap_or_default().to_owned();
        if let Some(name) = single_name(&self.field_selector) {
            self.name = name;
        }
    }

    /// `pods`, `pods/log`.
    pub fn resource_path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// Whether the request is for all objects below the path, not for one.
    pub fn is_collection(&self) -> bool {
        matches!(self.verb.as_str(), "list" | "watch" | "deletecollection")
    }
}

/// The name a field selector demands, if it demands one that is a path segment.
fn single_name(selector: &str) -> Option<String> {
    let terms = selector.split(',').filter_map(|term| term.split_once('='));
    let mut names = terms.filter(|(key, _)| *key == "metadata.name").map(|(_, value)| value.trim_start_matches('='));
    names
        .next()
        .filter(|name| !name.is_empty() && !name.contains('/') && !name.contains('%') && *name != "." && *name != "..")
        .map(str::to_owned)
}

fn verb_of(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "create",
        "GET" | "HEAD" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}
