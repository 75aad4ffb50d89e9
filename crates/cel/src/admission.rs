//! The types of what admission policies and match conditions name besides the object: the request and its namespace. Their values are bound
//! as they are (`any`), as upstream binds them.

use std::collections::BTreeMap;

use crate::decl::{Decl, DeclKind};

fn text() -> Decl {
    Decl::simple(DeclKind::String, 2)
}

fn texts() -> Decl {
    Decl::list(text(), -1)
}

fn object(name: &str, fields: &[(&str, Decl)]) -> Decl {
    let fields: BTreeMap<String, Decl> = fields.iter().map(|(name, decl)| ((*name).to_owned(), decl.clone())).collect();
    Decl::object(&format!("kubernetes.{name}"), fields)
}

/// The variable `request`.
pub fn request_decl() -> Decl {
    let kind = || object("GroupVersionKind", &[("group", text()), ("version", text()), ("kind", text())]);
    let resource = || object("GroupVersionResource", &[("group", text()), ("version", text()), ("resource", text())]);
    let user = object(
        "UserInfo",
        &[("username", text()), ("uid", text()), ("groups", texts()), ("extra", Decl::map(texts(), -1))],
    );
    object(
        "AdmissionRequest",
        &[
            ("kind", kind()),
            ("resource", resource()),
            ("subResource", text()),
            ("requestKind", kind()),
            ("requestResource", resource()),
            ("requestSubResource", text()),
            ("name", text()),
            ("namespace", text()),
            ("operation", text()),
            ("userInfo", user),
            ("dryRun", Decl::simple(DeclKind::Bool, 4)),
            ("options", Decl::simple(DeclKind::Dyn, 1)),
        ],
    )
}

/// The variable `namespaceObject`.
pub fn namespace_decl() -> Decl {
    let time = || Decl::simple(DeclKind::Timestamp, 12);
    let condition = object(
        "NamespaceCondition",
        &[
            ("status", text()),
            ("type", text()),
            ("lastTransitionTime", time()),
            ("message", text()),
            ("reason", text()),
        ],
    );
    let metadata = object(
        "NamespaceMetadata",
        &[
            ("name", text()),
            ("generateName", text()),
            ("namespace", text()),
            ("labels", Decl::map(text(), -1)),
            ("annotations", Decl::map(text(), -1)),
            ("UID", text()),
            ("creationTimestamp", time()),
            ("deletionGracePeriodSeconds", Decl::simple(DeclKind::Int, 1)),
            ("deletionTimestamp", time()),
            ("generation", Decl::simple(DeclKind::Int, 1)),
            ("resourceVersion", text()),
            ("finalizers", texts()),
        ],
    );
    let status = object("NamespaceStatus", &[("conditions", Decl::list(condition, -1)), ("phase", text())]);
    let spec = object("NamespaceSpec", &[("finalizers", texts())]);
    object("Namespace", &[("metadata", metadata), ("spec", spec), ("status", status)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::OnceLock;

    use serde_json::json;

    use crate::{Bindings, Decl, DeclKind, Env, Fields, Map, Value, compile, show};

    /// The variables of a policy: worked out when they are asked for, once.
    struct Variables {
        asked: OnceLock<i64>,
    }

    impl Fields for Variables {
        fn get(&self, name: &str) -> Option<Result<Value<'_>, String>> {
            match name {
                "count" => Some(Ok(Value::Int(*self.asked.get_or_init(|| 3)))),
                "broken" => Some(Err("no such key: x".to_owned())),
                _ => None,
            }
        }

        fn names(&self) -> Vec<String> {
            vec!["broken".to_owned(), "count".to_owned()]
        }
    }

    #[test]
    fn variables_are_worked_out_when_they_are_named() {
        let int = Decl::simple(DeclKind::Int, 1);
        let fields = BTreeMap::from([("count".to_owned(), int.clone()), ("broken".to_owned(), int)]);
        let env = Env::new(37).with("variables", Decl::object("kubernetes.variables", fields));
        for (source, wanted, asked) in [
            ("1 + 1", "2", false),
            ("variables.count + 1", "4", true),
            ("variables.broken == 1 || true", "true", false),
            ("has(variables.count)", "true", true),
        ] {
            let variables = Variables { asked: OnceLock::new() };
            let program = compile(source, &env, &[]).expect(source);
            let bindings = Bindings::default().value("variables", Value::Map(Map::Lazy(&variables)));
            let evaluation = program.evaluate(&bindings, 1000);
            assert_eq!(evaluation.result.map(|value| show(&value)), Ok(wanted.to_owned()), "{source}");
            assert_eq!(variables.asked.get().is_some(), asked, "{source}");
        }
        assert!(compile("variables.nope", &env, &[]).is_err());
    }

    #[test]
    fn results_are_of_the_wanted_type() {
        let env = Env::new(37).with("object", Decl::simple(DeclKind::Dyn, 1));
        let refused = |source: &str, wanted: &[crate::Type]| {
            compile(source, &env, wanted).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused("1 == 1", &[crate::Type::Bool]), "");
        assert_eq!(refused("object.x", &[crate::Type::Bool]), "must evaluate to bool but got dyn");
        let texts = [crate::Type::String, crate::Type::Null];
        assert_eq!(refused("[1]", &texts), "must evaluate to one of [string null_type] but got list(int)");
        assert!(
            refused("nope", &[]).starts_with("compilation failed: ERROR: <input>:1:1: undeclared reference to 'nope'")
        );
        let any = json!({"x": 1});
        let bindings = Bindings::default().json("object", &any);
        let program = compile("object.x == 1", &env, &[]).expect("it compiles");
        assert!(program.uses("object") && !program.uses("oldObject"));
        assert_eq!(program.evaluate(&bindings, 10).result.map(|value| show(&value)), Ok("true".to_owned()));
    }
}
