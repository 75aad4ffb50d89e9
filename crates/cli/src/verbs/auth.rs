//! `auth can-i` and `auth whoami`: asked of the server's own reviews.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::output::{self, Table, print_table};
use crate::{sayln, warnln};

#[derive(Debug, Args)]
pub struct Flags {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Check whether an action is allowed
    #[command(name = "can-i")]
    CanI(CanI),
    /// Experimental: Check self subject attributes
    Whoami(Whoami),
}

#[derive(Debug, Args)]
pub struct CanI {
    /// VERB [TYPE | TYPE/NAME | NONRESOURCEURL]
    pub arguments: Vec<String>,
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(long)]
    pub list: bool,
    #[arg(long)]
    pub no_headers: bool,
    #[arg(long, default_value = "")]
    pub subresource: String,
}

#[derive(Debug, Args)]
pub struct Whoami {
    #[arg(short, long, default_value = "")]
    pub output: String,
}

const REVIEWS: &str = "/apis/authorization.k8s.io/v1";

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    match flags.what {
        What::CanI(flags) if flags.list => list(cluster, &flags).await,
        What::CanI(flags) => can_i(cluster, &flags).await,
        What::Whoami(flags) => whoami(cluster, &flags).await,
    }
}

async fn can_i(cluster: &Cluster, flags: &CanI) -> Result<u8> {
    let wrong = "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.";
    let (verb, what, name) = match flags.arguments.as_slice() {
        [verb, what] => (verb, what.as_str(), None),
        [verb, what, name] => (verb, what.as_str(), Some(name.as_str())),
        _ => return usage(wrong),
    };
    let spec = if what.starts_with('/') {
        json!({"nonResourceAttributes": {"verb": verb, "path": what}})
    } else {
        let (kind, own) = what.split_once('/').map_or((what, None), |(kind, name)| (kind, Some(name)));
        json!({"resourceAttributes": resource(cluster, flags, verb, (kind, own.or(name).unwrap_or_default())).await?})
    };
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec});
    let path = format!("{REVIEWS}/selfsubjectaccessreviews");
    let review = cluster.rest.json("create", Method::POST, path, Some(&body)).await?;
    let allowed = review["status"]["allowed"] == true;
    if !flags.quiet {
        let reason = match review["status"]["reason"].as_str() {
            Some(reason) if !reason.is_empty() => format!(" - {reason}"),
            _ => String::new(),
        };
        let failed = match review["status"]["evaluationError"].as_str() {
            Some(error) if !error.is_empty() => format!(" - {error}"),
            _ => String::new(),
        };
        sayln!("{}{}{failed}", if allowed { "yes" } else { "no" }, if allowed { String::new() } else { reason });
    }
    Ok(u8::from(!allowed))
}

async fn resource(cluster: &Cluster, flags: &CanI, verb: &str, (kind, name): (&str, &str)) -> Result<Value> {
    let discovery = cluster.discovery().await?;
    let mut namespace = if flags.all_namespaces { "" } else { cluster.namespace.as_str() };
    let (group, plural) = match discovery.find(kind) {
        _ if kind == "*" => ("*".to_owned(), "*".to_owned()),
        Ok(served) => {
            if !served.namespaced {
                if !flags.quiet {
                    let scope = "is not namespace scoped";
                    let group = &served.resource.group;
                    let of = if group.is_empty() { String::new() } else { format!(" in group '{group}'") };
                    warnln!("Warning: resource '{}' {scope}{of}\n", served.resource.plural);
                }
                namespace = "";
            }
            (served.resource.group.to_string(), served.resource.plural.to_string())
        }
        Err(_) => {
            if !flags.quiet {
                warnln!("Warning: the server doesn't have a resource type '{kind}'\n");
            }
            let (plural, group) = kind.split_once('.').unwrap_or((kind, ""));
            (group.to_owned(), plural.to_owned())
        }
    };
    let mut attributes = json!({"verb": verb, "group": group, "resource": plural});
    for (field, value) in [("namespace", namespace), ("name", name), ("subresource", flags.subresource.as_str())] {
        if !value.is_empty() {
            attributes[field] = value.into();
        }
    }
    Ok(attributes)
}

/// All rules for oneself in the namespace.
async fn list(cluster: &Cluster, flags: &CanI) -> Result<u8> {
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": cluster.namespace}});
    let path = format!("{REVIEWS}/selfsubjectrulesreviews");
    let review = cluster.rest.json("create", Method::POST, path, Some(&body)).await?;
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        let texts = rule[field].as_array().into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let brackets = |texts: Vec<String>| format!("[{}]", texts.join(" "));
    let mut rows = Vec::new();
    for rule in review["status"]["resourceRules"].as_array().into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                let resource = if group.is_empty() { resource } else { format!("{resource}.{group}") };
                rows.push(vec![
                    resource,
                    "[]".to_owned(),
                    brackets(texts(rule, "resourceNames")),
                    brackets(texts(rule, "verbs")),
                ]);
            }
        }
    }
    for rule in review["status"]["nonResourceRules"].as_array().into_iter().flatten() {
        for url in texts(rule, "nonResourceURLs") {
            rows.push(vec![String::new(), format!("[{url}]"), "[]".to_owned(), brackets(texts(rule, "verbs"))]);
        }
    }
    let headers = ["Resources", "Non-Resource URLs", "Resource Names", "Verbs"].map(str::to_owned).to_vec();
    print_table(&Table { headers, rows }, !flags.no_headers)?;
    Ok(0)
}

async fn whoami(cluster: &Cluster, flags: &Whoami) -> Result<u8> {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {"creationTimestamp": null}, "status": {"userInfo": {}}});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews".to_owned();
    let review = cluster.rest.json("create", Method::POST, path, Some(&body)).await?;
    if !flags.output.is_empty() {
        output::print(&review, &flags.output, &[output::named(&review)])?;
        return Ok(0);
    }
    let user = &review["status"]["userInfo"];
    let list = |value: &Value| {
        let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("[{}]", texts.collect::<Vec<_>>().join(" "))
    };
    let mut rows = vec![vec!["Username".to_owned(), user["username"].as_str().unwrap_or_default().to_owned()]];
    if let Some(uid) = user["uid"].as_str() {
        rows.push(vec!["UID".to_owned(), uid.to_owned()]);
    }
    if user["groups"].is_array() {
        rows.push(vec!["Groups".to_owned(), list(&user["groups"])]);
    }
    for (key, value) in user["extra"].as_object().into_iter().flatten() {
        rows.push(vec![format!("Extra: {key}"), list(value)]);
    }
    print_table(&Table { headers: vec!["ATTRIBUTE".to_owned(), "VALUE".to_owned()], rows }, true)?;
    Ok(0)
}
