//! `create configmap` and `create secret`: from literals, files and env files.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result, usage};

#[derive(Debug, Args)]
pub struct Sources {
    pub name: String,
    #[arg(long)]
    pub from_literal: Vec<String>,
    #[arg(long)]
    pub from_file: Vec<String>,
    #[arg(long)]
    pub from_env_file: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Create a secret from a local file, directory, or literal value
    Generic(Generic),
    /// Create a TLS secret
    Tls(Tls),
    /// Create a secret for use with a Docker registry
    #[command(name = "docker-registry")]
    DockerRegistry(Registry),
}

#[derive(Debug, Args)]
pub struct Generic {
    #[command(flatten)]
    pub sources: Sources,
    #[arg(long = "type")]
    pub kind: Option<String>,
}

#[derive(Debug, Args)]
pub struct Tls {
    pub name: String,
    #[arg(long)]
    pub cert: String,
    #[arg(long)]
    pub key: String,
}

#[derive(Debug, Args)]
pub struct Registry {
    pub name: String,
    #[arg(long, default_value = "https://index.docker.io/v1/")]
    pub docker_server: String,
    #[arg(long, default_value = "")]
    pub docker_username: String,
    #[arg(long, default_value = "")]
    pub docker_password: String,
    #[arg(long, default_value = "")]
    pub docker_email: String,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Use(format!("error reading {}: no such file or directory", path.display()))
        }
        _ => Error::Use(format!("error reading {}: {error}", path.display())),
    })
}

/// All keys with their bytes, in the order of the flags.
fn entries(sources: &Sources) -> Result<Vec<(String, Vec<u8>)>> {
    let mut entries = Vec::new();
    for source in &sources.from_file {
        let (key, path) = source.split_once('=').map_or((None, source.as_str()), |(key, path)| (Some(key), path));
        let path = Path::new(path);
        if path.is_dir() && key.is_none() {
            let files = fs::read_dir(path).map_err(|error| Error::Use(format!("{}: {error}", path.display())))?;
            let mut files: Vec<_> = files.flatten().map(|file| file.path()).filter(|file| file.is_file()).collect();
            files.sort();
            for file in files {
                entries.push((base(&file), read(&file)?));
            }
            continue;
        }
        entries.push((key.map_or_else(|| base(path), str::to_owned), read(path)?));
    }
    for literal in &sources.from_literal {
        let Some((key, value)) = literal.split_once('=') else {
            return usage(format!("invalid literal source {literal}, expected key=value"));
        };
        let value = value.trim_matches(['"', '\'']);
        entries.push((key.to_owned(), value.as_bytes().to_vec()));
    }
    for file in &sources.from_env_file {
        let text = String::from_utf8_lossy(&read(Path::new(file))?).into_owned();
        for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            entries.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    for (at, (key, _)) in entries.iter().enumerate() {
        if entries[..at].iter().any(|(known, _)| known == key) {
            return usage(format!("cannot add key {key:?}, another key by that name already exists in Data"));
        }
    }
    Ok(entries)
}

fn base(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub fn config_map(sources: &Sources) -> Result<Value> {
    let mut map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"creationTimestamp": null, "name": sources.name}});
    for (key, bytes) in entries(sources)? {
        match String::from_utf8(bytes) {
            Ok(text) => map["data"][key] = text.into(),
            Err(binary) => map["binaryData"][key] = STANDARD.encode(binary.as_bytes()).into(),
        }
    }
    Ok(map)
}

pub fn secret(secret: &Secret) -> Result<Value> {
    let object = |name: &str, kind: Option<&str>, data: Map<String, Value>| {
        let mut object =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"creationTimestamp": null, "name": name}});
        if !data.is_empty() {
            object["data"] = data.into();
        }
        if let Some(kind) = kind {
            object["type"] = kind.into();
        }
        object
    };
    let encoded = |bytes: &[u8]| Value::from(STANDARD.encode(bytes));
    match secret {
        Secret::Generic(flags) => {
            let data = entries(&flags.sources)?.iter().map(|(key, bytes)| (key.clone(), encoded(bytes))).collect();
            Ok(object(&flags.sources.name, flags.kind.as_deref(), data))
        }
        Secret::Tls(flags) => {
            let files = [("tls.crt", &flags.cert), ("tls.key", &flags.key)];
            let read = files.into_iter().map(|(key, path)| Ok((key.to_owned(), encoded(&read(Path::new(path))?))));
            Ok(object(&flags.name, Some("kubernetes.io/tls"), read.collect::<Result<_>>()?))
        }
        Secret::DockerRegistry(flags) => {
            let (user, password) = (&flags.docker_username, &flags.docker_password);
            if user.is_empty() || password.is_empty() {
                return usage(
                    "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required",
                );
            }
            // The order of the fields is kubectl's.
            let email = match flags.docker_email.as_str() {
                "" => String::new(),
                email => format!("\"email\":{},", Value::from(email)),
            };
            let auth = STANDARD.encode(format!("{user}:{password}"));
            let (user, password) = (Value::from(user.as_str()), Value::from(password.as_str()));
            let login = format!("{{\"username\":{user},\"password\":{password},{email}\"auth\":\"{auth}\"}}");
            let config = format!("{{\"auths\":{{{}:{login}}}}}", Value::from(flags.docker_server.as_str()));
            let data = Map::from_iter([(".dockerconfigjson".to_owned(), encoded(config.as_bytes()))]);
            Ok(object(&flags.name, Some("kubernetes.io/dockerconfigjson"), data))
        }
    }
}
