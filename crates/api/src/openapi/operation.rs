//! One operation on a path, rendered in either dialect.

use serde_json::{Map, Value, json};

use super::components::Dialect;
use super::parameters::Parameter;

/// What an operation gives back.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// An object of the type named.
    Object(String),
    /// Text: logs, proxied and streamed answers.
    Text,
}

/// A method on a path.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// `get`, `post`…
    pub method: &'static str,
    pub id: String,
    pub description: String,
    /// `apps_v1`
    pub tag: String,
    /// `x-kubernetes-action`; empty where there is none.
    pub action: &'static str,
    /// Group, version, kind of the object worked on.
    pub kind: Option<(String, String, String)>,
    pub parameters: Vec<Parameter>,
    /// Name of the body's type, and whether it has to be there.
    pub body: Option<(String, bool)>,
    pub answer: Answer,
    /// Codes besides 401.
    pub codes: &'static [(&'static str, &'static str)],
    /// On a custom kind, which takes no strategic merge patches.
    pub custom: bool,
}

const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];
const PRODUCES: [&str; 2] = ["application/json", "application/yaml"];
const STREAM: &str = "application/json;stream=watch";

impl Operation {
    pub fn render(&self, dialect: Dialect) -> Value {
        let mut operation = json!({
            "operationId": self.id,
            "description": self.description,
            "tags": [self.tag],
        });
        if !self.action.is_empty() {
            operation["x-kubernetes-action"] = self.action.into();
        }
        if let Some((group, version, kind)) = &self.kind {
            operation["x-kubernetes-group-version-kind"] = json!({ "group": group, "version": version, "kind": kind });
        }
        let mut parameters: Vec<Value> = self.parameters.iter().map(|parameter| parameter.render(dialect)).collect();
        match dialect {
            Dialect::V2 => {
                if let Some((name, required)) = &self.body {
                    let schema = dialect.reference(name);
                    parameters.push(json!({ "name": "body", "in": "body", "required": required, "schema": schema }));
                }
                operation["consumes"] = self.consumes().into();
                operation["produces"] = self.produces().into();
                operation["schemes"] = json!(["https"]);
            }
            Dialect::V3 => {
                if let Some((name, required)) = &self.body {
                    let schema = json!({ "schema": dialect.reference(name) });
                    let media = self.consumes().into_iter().map(|media| (media.to_owned(), schema.clone()));
                    let content: Map<String, Value> = media.collect();
                    operation["requestBody"] = json!({ "content": content, "required": required });
                }
            }
        }
        if !parameters.is_empty() {
            operation["parameters"] = Value::Array(parameters);
        }
        operation["responses"] = self.responses(dialect);
        operation
    }

    fn consumes(&self) -> Vec<&'static str> {
        let strategic = |media: &&str| media.contains("strategic");
        match self.action {
            "patch" => PATCHES.into_iter().filter(|media| !(self.custom && strategic(media))).collect(),
            _ => vec!["*/*"],
        }
    }

    fn produces(&self) -> Vec<&'static str> {
        match (&self.answer, self.action) {
            (Answer::Text, "connect") => vec!["*/*"],
            (Answer::Text, _) => vec!["text/plain"],
            (_, "list") => PRODUCES.iter().copied().chain([STREAM]).collect(),
            _ => PRODUCES.to_vec(),
        }
    }

    fn responses(&self, dialect: Dialect) -> Value {
        let schema = match &self.answer {
            Answer::Object(name) => dialect.reference(name),
            Answer::Text => json!({ "type": "string" }),
        };
        let mut responses = Map::new();
        for (code, description) in self.codes {
            let mut response = json!({ "description": description });
            match dialect {
                Dialect::V2 => response["schema"] = schema.clone(),
                Dialect::V3 => {
                    let media =
                        self.produces().into_iter().map(|media| (media.to_owned(), json!({ "schema": schema })));
                    response["content"] = Value::Object(media.collect());
                }
            }
            responses.insert((*code).to_owned(), response);
        }
        responses.insert("401".to_owned(), json!({ "description": "Unauthorized" }));
        Value::Object(responses)
    }
}
