//! Kubeconfig files as kubectl finds and merges them: the flag, KUBECONFIG (several, the first to name something wins), ~/.kube/config;
//! then the one that `oxkube server` writes.

use std::path::{Path, PathBuf};

use client::Connection;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::flags::Global;

/// The lists of a kubeconfig, and the name under which an item has its content.
pub const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("contexts", "context"), ("users", "user")];

/// Fields that are paths of files, which start at the kubeconfig's folder.
const FILES: [&str; 4] = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/// The files, whether they are there or not.
pub fn paths(global: &Global) -> Vec<PathBuf> {
    if let Some(path) = &global.kubeconfig {
        return vec![path.clone()];
    }
    if let Some(paths) = std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty()) {
        return std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".kube/config");
    let own = PathBuf::from("/etc/oxkube/kubeconfig.yaml");
    vec![if !home.exists() && own.exists() { own } else { home }]
}

/// What the files say together.
pub fn merged(global: &Global) -> Result<Value> {
    let mut merged = empty();
    for path in paths(global) {
        let Some(mut file) = load(&path)? else {
            if global.kubeconfig.is_some() {
                return Err(Error::Use(format!("stat {}: no such file or directory", path.display())));
            }
            continue;
        };
        absolute(&mut file, path.parent().unwrap_or(Path::new(".")));
        if merged["current-context"] == "" {
            merged["current-context"] = file["current-context"].take();
        }
        for (list, _) in LISTS {
            for item in file[list].as_array().into_iter().flatten() {
                let known = items(&merged, list).iter().any(|known| known["name"] == item["name"]);
                if let Some(all) = merged[list].as_array_mut().filter(|_| !known) {
                    all.push(item.clone());
                }
            }
        }
    }
    Ok(merged)
}

/// How to reach the cluster of the current context.
pub fn connection(global: &Global) -> Result<Connection> {
    let merged = merged(global)?;
    if global.context.is_none() && merged["current-context"] == "" {
        // Where nothing is configured, that is where kubectl looks.
        return Ok(Connection { server: "http://localhost:8080".to_owned(), ..Connection::default() });
    }
    Ok(Connection::from_kubeconfig_text(&merged.to_string(), Path::new("."), global.context.as_deref())?)
}

pub fn empty() -> Value {
    json!({"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "", "clusters": [], "contexts": [], "users": []})
}

/// The items of a list.
pub fn items<'a>(config: &'a Value, list: &str) -> &'a [Value] {
    config[list].as_array().map_or(&[], Vec::as_slice)
}

/// One file, completed; none where there is no file.
pub fn load(path: &Path) -> Result<Option<Value>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Use(format!("error loading config file {:?}: {error}", path.display()))),
    };
    let mut config = empty();
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Some(config));
    }
    let wrong = |error: &dyn std::fmt::Display| Error::Use(format!("error loading config file {path:?}: {error}"));
    let read = api::decode::yaml(&text).map_err(|error| wrong(&error))?.0;
    let Value::Object(fields) = read else { return Err(wrong(&"it is no kubeconfig")) };
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
        config[name] = value;
    }
    Ok(Some(config))
}

/// Reads a file that a flag names.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::Use(format!("unable to read {}: {error}", path.display())))
}

fn absolute(config: &mut Value, folder: &Path) {
    for (list, field) in LISTS {
        for item in config[list].as_array_mut().into_iter().flatten() {
            for name in FILES {
                if let Some(path) = item[field][name].as_str().filter(|path| !path.is_empty()).map(str::to_owned) {
                    item[field][name] = folder.join(path).to_string_lossy().into();
                }
            }
        }
    }
}
