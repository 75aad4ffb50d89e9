//! /statusz (KEP-4827) and /flagz (KEP-4828): what runs here and how it was started, as text for people, or as an object where the Accept
//! header asks for one by name. CBOR is not among the encodings.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::respond::{bytes_response, object_response};
use crate::body::Body;
use crate::negotiate::{self, Clause, Encoding, Format, JSON, YAML};
use crate::server::Inner;
use crate::status::Status;

const COMPONENT: &str = "kube-apiserver";
const GROUP: &str = "config.k8s.io";
const TEXT: &str = "text/plain";
const WARNING: &str = "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.";
/// One of them by chance, so that nobody builds on it.
const DELIMITERS: [&str; 4] = [":", ": ", "=", " "];
/// First parts of paths that are no use in debugging.
const NOT_SHOWN: [&str; 5] = ["apis", "api", "openid", "openapi", ".well-known"];

/// How the page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Object(Encoding, &'static str),
}

/// What a clause asks for, if that is there. Pure.
fn form(clause: &Clause<'_>, kind: &str) -> Option<Form> {
    let wanted = |media_type: &str| {
        let (family, _) = media_type.split_once('/').unwrap_or((media_type, ""));
        clause.media_type == media_type || clause.media_type == format!("{family}/*") || clause.media_type == "*/*"
    };
    if !clause.parameter("stream").is_empty() || !clause.parameter("sv").is_empty() {
        return None;
    }
    if !["as", "g", "v"].iter().any(|name| clause.has(name)) {
        return wanted(TEXT).then_some(Form::Text);
    }
    let version = ["v1alpha1", "v1beta1"].into_iter().find(|version| *version == clause.parameter("v"))?;
    let known = clause.parameter("g") == GROUP && clause.parameter("as") == kind;
    let encodings = [(JSON, Encoding::Json), (YAML, Encoding::Yaml)];
    let (_, encoding) = encodings.into_iter().find(|(media_type, _)| known && wanted(media_type))?;
    Some(Form::Object(encoding, version))
}

/// The page: as text by `text`, which gets the delimiter, or with `fields` as an object.
fn page(
    server: &Inner,
    headers: &HeaderMap,
    kind: &str,
    fields: Value,
    text: impl FnOnce(&str) -> String,
) -> Result<Response<Body>, Status> {
    let found = negotiate::clauses(headers).iter().find_map(|clause| form(clause, kind));
    let path = kind.to_lowercase();
    match found.ok_or_else(|| Status::not_acceptable(&[JSON, YAML, TEXT]))? {
        Form::Text => {
            let by_chance = server.objects.env().random_u64() % DELIMITERS.len() as u64;
            let text = format!("\n{COMPONENT} {path}\n{WARNING}\n{}", text(DELIMITERS[by_chance as usize]));
            Ok(bytes_response(StatusCode::OK, "text/plain; charset=utf-8", text.into()))
        }
        Form::Object(encoding, version) => {
            let mut object =
                json!({"kind": kind, "apiVersion": format!("{GROUP}/{version}"), "metadata": {"name": COMPONENT}});
            if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
                object.extend(fields);
            }
            let mut response = object_response(StatusCode::OK, Format { encoding, ..Format::PLAIN }, &object)?;
            if version == "v1alpha1" {
                let warning =
                    format!("299 - \"This version of the {path} endpoint is deprecated. Please use a newer version.\"");
                let warning = HeaderValue::from_str(&warning).map_err(Status::internal)?;
                response.headers_mut().insert(header::WARNING, warning);
            }
            Ok(response)
        }
    }
}

/// Of what is listed, the first parts. Pure.
fn shown(paths: &[String]) -> Vec<String> {
    let firsts = paths.iter().filter_map(|path| path.split('/').nth(1));
    let mut shown: Vec<String> = firsts
        .filter(|first| !first.is_empty() && !NOT_SHOWN.contains(first))
        .map(|first| format!("/{first}"))
        .collect();
    shown.sort();
    shown.dedup();
    shown
}

/// `0 hr 05 min 07 sec`
fn uptime(seconds: i64) -> String {
    format!("{} hr {:02} min {:02} sec", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn text_of_status(started: Timestamp, seconds: i64, fields: &Value, delimiter: &str) -> String {
    let field = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let paths: Vec<&str> = fields["paths"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let lines = [
        ("Started", started.strftime("%a %b %e %H:%M:%S UTC %Y").to_string()),
        ("Up", uptime(seconds)),
        ("Go version", field("goVersion")),
        ("Binary version", field("binaryVersion")),
        ("Emulation version", field("emulationVersion")),
        ("Paths", paths.join(" ")),
    ];
    lines.iter().fold("\n".to_owned(), |text, (name, value)| text + &format!("{name}{delimiter} {value}\n"))
}

/// `paths`: all that the server lists.
pub(super) fn statusz(server: &Inner, headers: &HeaderMap, paths: &[String]) -> Result<Response<Body>, Status> {
    let seconds = server.objects.env().now().duration_since(server.started).as_secs().max(0);
    let (major, minor) = super::paths::KUBERNETES_VERSION;
    let fields = json!({
        // Whole seconds, as metav1.Time is written.
        "startTime": server.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "uptimeSeconds": seconds,
        // No Go built this; the field is one that is always there.
        "goVersion": "",
        "binaryVersion": format!("{major}.{minor}.0+oxkube{}", env!("CARGO_PKG_VERSION")),
        "emulationVersion": format!("{major}.{minor}"),
        "paths": shown(paths),
    });
    let shown = fields.clone();
    page(server, headers, "Statusz", fields, |delimiter| text_of_status(server.started, seconds, &shown, delimiter))
}

pub(super) fn flagz(server: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let flags = &server.config.flags;
    let fields = if flags.is_empty() { json!({}) } else { json!({"flags": flags}) };
    page(server, headers, "Flagz", fields, |delimiter| {
        flags.iter().map(|(name, value)| format!("{name}{delimiter}{value}\n")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &'static str) -> Option<Form> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        negotiate::clauses(&headers).iter().find_map(|clause| form(clause, "Statusz"))
    }

    /// The Accept headers of upstream's statusz_test.go.
    #[test]
    fn objects_are_asked_for_by_name() {
        let beta = |encoding| Some(Form::Object(encoding, "v1beta1"));
        for (accept, expected) in [
            ("", Some(Form::Text)),
            ("text/plain", Some(Form::Text)),
            ("*/*", Some(Form::Text)),
            ("application/xml", None),
            ("application/json", None),
            ("application/json;v=v1beta1;g=config.k8s.io", None),
            ("application/json;v=v1beta1;g=config.k8s.io;as=Statusz", beta(Encoding::Json)),
            ("application/yaml;v=v1beta1;g=config.k8s.io;as=Statusz", beta(Encoding::Yaml)),
            ("application/json;v=v1beta1;g=config.k8s.io;as=Flagz", None),
            ("application/json;v=foo;g=config.k8s.io;as=Statusz,*/*", Some(Form::Text)),
            ("application/json;v=v1alpha1;g=config.k8s.io;as=Statusz", Some(Form::Object(Encoding::Json, "v1alpha1"))),
            ("text/plain;v=v1beta1;g=config.k8s.io;as=Statusz", None),
        ] {
            assert_eq!(asked(accept), expected, "{accept}");
        }
    }

    #[test]
    fn paths_are_shown_by_their_first_part() {
        let listed =
            ["/", "/api/v1", "/apis/apps", "/livez", "/livez/ping", "/openapi/v3", "/.well-known/x", "/version"];
        assert_eq!(shown(&listed.map(str::to_owned)), ["/livez", "/version"]);
    }

    #[test]
    fn uptime_is_for_people() {
        assert_eq!(uptime(0), "0 hr 00 min 00 sec");
        assert_eq!(uptime(3600 * 25 + 67), "25 hr 01 min 07 sec");
    }
}
