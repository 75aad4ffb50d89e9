//! `config`: kubeconfig files, seen and changed. `set` and `unset` know contexts, clusters and users with names without dots.

mod change;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::error::{Error, Result, usage};
use crate::flags::Global;
use crate::kubeconfig::{self, LISTS, items};
use crate::output::{self, Table, print_table};
use crate::{sayln, warnln};

#[derive(Debug, Args)]
pub struct Flags {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Display merged kubeconfig settings or a specified kubeconfig file
    View(View),
    /// Describe one or many contexts
    #[command(name = "get-contexts")]
    GetContexts(Contexts),
    /// Display clusters defined in the kubeconfig
    #[command(name = "get-clusters")]
    GetClusters,
    /// Display users defined in the kubeconfig
    #[command(name = "get-users")]
    GetUsers,
    /// Display the current-context
    #[command(name = "current-context")]
    CurrentContext,
    /// Set the current-context in a kubeconfig file
    #[command(name = "use-context", alias = "use")]
    UseContext { name: String },
    /// Rename a context from the kubeconfig file
    #[command(name = "rename-context")]
    RenameContext { from: String, to: String },
    /// Set a context entry in kubeconfig
    #[command(name = "set-context")]
    SetContext(change::Context),
    /// Set a cluster entry in kubeconfig
    #[command(name = "set-cluster")]
    SetCluster(change::Cluster),
    /// Set a user entry in kubeconfig
    #[command(name = "set-credentials")]
    SetCredentials(change::User),
    /// Set an individual value in a kubeconfig file
    Set { property: String, value: String },
    /// Unset an individual value in a kubeconfig file
    Unset { property: String },
    /// Delete the specified context from the kubeconfig
    #[command(name = "delete-context")]
    DeleteContext { name: String },
    /// Delete the specified cluster from the kubeconfig
    #[command(name = "delete-cluster")]
    DeleteCluster { name: String },
    /// Delete the specified user from the kubeconfig
    #[command(name = "delete-user")]
    DeleteUser { name: String },
}

#[derive(Debug, Args)]
pub struct View {
    #[arg(short, long, default_value = "yaml")]
    pub output: String,
    /// Only what the current context uses
    #[arg(long)]
    pub minify: bool,
    /// With the certificates and secrets
    #[arg(long)]
    pub raw: bool,
    /// With the content of files in place of their names
    #[arg(long)]
    pub flatten: bool,
    #[arg(long, hide = true)]
    pub merge: Option<bool>,
}

#[derive(Debug, Args)]
pub struct Contexts {
    pub names: Vec<String>,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(long)]
    pub no_headers: bool,
}

pub fn run(global: &Global, flags: Flags) -> Result<u8> {
    match flags.what {
        What::View(flags) => view(global, &flags),
        What::GetContexts(flags) => contexts(global, &flags),
        What::GetClusters => names(global, "clusters"),
        What::GetUsers => names(global, "users"),
        What::CurrentContext => match kubeconfig::merged(global)?["current-context"].as_str() {
            Some(name) if !name.is_empty() => {
                sayln!("{name}");
                Ok(0)
            }
            _ => usage("current-context is not set"),
        },
        other => change::run(global, other),
    }
}

fn view(global: &Global, flags: &View) -> Result<u8> {
    let mut config = kubeconfig::merged(global)?;
    if let Some(name) = &global.context {
        config["current-context"] = name.as_str().into();
    }
    if flags.minify {
        minify(&mut config)?;
    }
    if flags.flatten {
        change::embed(&mut config)?;
    }
    if !flags.raw && !flags.flatten {
        hide(&mut config);
    }
    output::print(&shown(config), &flags.output, &[])?;
    Ok(0)
}

/// As kubectl writes a kubeconfig: sorted by name, what is empty as null.
fn shown(mut config: Value) -> Value {
    for (list, _) in LISTS {
        if let Some(items) = config[list].as_array_mut() {
            items.sort_by(|left, right| left["name"].as_str().cmp(&right["name"].as_str()));
            if items.is_empty() {
                config[list] = Value::Null;
            }
        }
    }
    config
}

fn minify(config: &mut Value) -> Result<()> {
    let name = config["current-context"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return usage("current-context must exist in order to minify");
    }
    let Some(context) = items(config, "contexts").iter().find(|context| context["name"] == name.as_str()).cloned()
    else {
        return usage(format!("cannot locate context {name}"));
    };
    for (list, wanted) in [
        ("contexts", &context["name"]),
        ("clusters", &context["context"]["cluster"]),
        ("users", &context["context"]["user"]),
    ] {
        if let Some(items) = config[list].as_array_mut() {
            items.retain(|item| item["name"] == *wanted);
        }
    }
    Ok(())
}

/// Secrets are not for every eye.
fn hide(config: &mut Value) {
    let hidden = [
        ("certificate-authority-data", "DATA+OMITTED"),
        ("client-certificate-data", "DATA+OMITTED"),
        ("client-key-data", "DATA+OMITTED"),
        ("token", "REDACTED"),
        ("password", "REDACTED"),
    ];
    for (list, field) in LISTS {
        for item in config[list].as_array_mut().into_iter().flatten() {
            for (name, shown) in hidden {
                if item[field].get(name).is_some() {
                    item[field][name] = shown.into();
                }
            }
        }
    }
}

fn contexts(global: &Global, flags: &Contexts) -> Result<u8> {
    if !["", "name"].contains(&flags.output.as_str()) {
        return usage(format!("output must be one of '' or 'name': {}", flags.output));
    }
    let config = kubeconfig::merged(global)?;
    let mut all: Vec<Value> = items(&config, "contexts").to_vec();
    all.sort_by(|left, right| left["name"].as_str().cmp(&right["name"].as_str()));
    let mut missing = Vec::new();
    if !flags.names.is_empty() {
        let known = |name: &&String| all.iter().any(|context| context["name"] == name.as_str());
        missing = flags.names.iter().filter(|name| !known(name)).cloned().collect();
        all.retain(|context| flags.names.iter().any(|name| context["name"] == name.as_str()));
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if flags.output == "name" {
        all.iter().for_each(|context| sayln!("{}", text(&context["name"])));
    } else {
        let headers = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"].map(str::to_owned).to_vec();
        let row = |context: &Value| {
            let current = if context["name"] == config["current-context"] { "*" } else { "" };
            let inner = &context["context"];
            vec![
                current.to_owned(),
                text(&context["name"]),
                text(&inner["cluster"]),
                text(&inner["user"]),
                text(&inner["namespace"]),
            ]
        };
        print_table(&Table { headers, rows: all.iter().map(row).collect() }, !flags.no_headers)?;
    }
    for name in &missing {
        warnln!("error: context {name} not found");
    }
    if missing.is_empty() { Ok(0) } else { Err(Error::Silent(1)) }
}

fn names(global: &Global, list: &str) -> Result<u8> {
    let config = kubeconfig::merged(global)?;
    let mut names: Vec<&str> = items(&config, list).iter().filter_map(|item| item["name"].as_str()).collect();
    names.sort_unstable();
    sayln!("NAME");
    names.iter().for_each(|name| sayln!("{name}"));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_context_does_not_use_is_left_out() {
        let mut config = json!({"current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}, {"name": "b", "context": {}}],
            "clusters": [{"name": "c", "cluster": {}}, {"name": "d", "cluster": {}}],
            "users": [{"name": "u", "user": {"token": "t"}}]});
        minify(&mut config).expect("the context is there");
        hide(&mut config);
        assert_eq!((items(&config, "contexts").len(), items(&config, "clusters").len()), (1, 1));
        assert_eq!(config["users"][0]["user"]["token"], "REDACTED");
    }
}
