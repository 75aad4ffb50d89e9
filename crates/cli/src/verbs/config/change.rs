//! Changes of kubeconfig files, as client-go's ModifyConfig does them: an entry is changed in the file that has it, new ones and the
//! current context go to the first file that is there, else to the last; files without changes are not written.

use std::path::{Path, PathBuf};

use base64::Engine;
use clap::Args;
use serde_json::{Map, Value, json};

use super::{What, shown};
use crate::error::{Error, Result, usage};
use crate::flags::Global;
use crate::kubeconfig::{self, LISTS, items};
use crate::{output, sayln, warnln};

#[derive(Debug, Args)]
pub struct Context {
    pub name: Option<String>,
    #[arg(long)]
    pub current: bool,
    #[arg(long)]
    pub cluster: Option<String>,
    #[arg(long)]
    pub user: Option<String>,
}

#[derive(Debug, Args)]
pub struct Cluster {
    pub name: String,
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub embed_certs: Option<bool>,
    #[arg(long)]
    pub proxy_url: Option<String>,
}

#[derive(Debug, Args)]
pub struct User {
    pub name: String,
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub embed_certs: Option<bool>,
}

/// Links that are followed to a file; Linux stops there too.
const MAX_LINKS: usize = 40;

/// A kubeconfig file, as it is to be written.
struct File {
    path: PathBuf,
    /// What it says now; none where there is no file.
    before: Option<Value>,
    config: Value,
}

struct Files(Vec<File>);

pub fn run(global: &Global, what: What) -> Result<u8> {
    let mut files = Files::read(global)?;
    match what {
        What::UseContext { name } => {
            if !files.has("contexts", &name) {
                return usage(format!("no context exists with the name: {name:?}"));
            }
            files.fresh()?["current-context"] = name.as_str().into();
            files.write()?;
            sayln!("Switched to context {name:?}.");
        }
        What::RenameContext { from, to } => rename(&mut files, &from, &to)?,
        What::SetContext(flags) => context(global, &mut files, flags)?,
        What::SetCluster(flags) => cluster(global, &mut files, &flags)?,
        What::SetCredentials(flags) => user(global, &mut files, &flags)?,
        What::Set { property, value } => {
            set(&mut files, &property, Some(value.as_str().into()))?;
            sayln!("Property {property:?} set.");
        }
        What::Unset { property } => {
            set(&mut files, &property, None)?;
            sayln!("Property {property:?} unset.");
        }
        What::DeleteContext { name } => {
            if files.current() == name {
                warnln!(
                    "warning: this removed your active context, use \"kubectl config use-context\" to select a different one"
                );
            }
            delete(&mut files, "contexts", &name)?;
        }
        What::DeleteCluster { name } => delete(&mut files, "clusters", &name)?,
        What::DeleteUser { name } => delete(&mut files, "users", &name)?,
        _ => return usage("this changes nothing"),
    }
    Ok(0)
}

impl Files {
    fn read(global: &Global) -> Result<Self> {
        let paths = kubeconfig::paths(global).into_iter();
        let files = paths.map(|path| {
            let before = kubeconfig::load(&path)?;
            let config = before.clone().unwrap_or_else(kubeconfig::empty);
            Ok(File { path, before, config })
        });
        Ok(Self(files.collect::<Result<_>>()?))
    }

    fn write(&self) -> Result<()> {
        let changed = |file: &&File| *file.before.as_ref().unwrap_or(&kubeconfig::empty()) != file.config;
        self.0.iter().filter(changed).try_for_each(File::write)
    }

    fn current(&self) -> String {
        self.of_current().and_then(|at| self.0[at].config["current-context"].as_str()).unwrap_or_default().to_owned()
    }

    /// The file that says which context is the current one.
    fn of_current(&self) -> Option<usize> {
        self.0.iter().position(|file| file.config["current-context"].as_str().is_some_and(|name| !name.is_empty()))
    }

    /// The file for what is new.
    fn fresh(&mut self) -> Result<&mut Value> {
        let at = self.0.iter().position(|file| file.before.is_some()).or(self.0.len().checked_sub(1));
        match at {
            Some(at) => Ok(&mut self.0[at].config),
            None => usage("KUBECONFIG names no file: put one into it, or unset it, or give --kubeconfig"),
        }
    }

    fn has(&self, list: &str, name: &str) -> bool {
        self.0.iter().any(|file| items(&file.config, list).iter().any(|item| item["name"] == name))
    }

    /// The content of an entry, made where there is none.
    fn entry(&mut self, list: &str, field: &str, name: &str) -> Result<&mut Value> {
        let holds = |file: &File| items(&file.config, list).iter().any(|item| item["name"] == name);
        let config = match self.0.iter().position(holds) {
            Some(at) => &mut self.0[at].config,
            None => self.fresh()?,
        };
        let Some(all) = config[list].as_array_mut() else { return usage(format!("{list} is not a list")) };
        let found = all.iter().position(|item| item["name"] == name).unwrap_or_else(|| {
            let empty = if list == "contexts" { json!({"cluster": "", "user": ""}) } else { json!({}) };
            all.push(json!({"name": name, field: empty}));
            all.len() - 1
        });
        let entry = &mut all[found][field];
        match entry {
            Value::Null => *entry = json!({}),
            Value::Object(_) => {}
            _ => return usage(format!("{list}.{name}.{field} is no object")),
        }
        Ok(entry)
    }

    fn shown_paths(&self) -> String {
        self.0.first().map_or_else(String::new, |file| file.path.display().to_string())
    }
}

impl File {
    fn write(&self) -> Result<()> {
        let path = target(&self.path);
        let failed = |error: std::io::Error| Error::Use(format!("{}: {error}", path.display()));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        // Whoever reads it meanwhile sees the one or the other; nobody else may see it.
        let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::fs::write(file.path(), output::yaml(&shown(self.config.clone()))).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Where links lead, be there a file or not.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new(".")).join(next);
    }
    path
}

fn rename(files: &mut Files, from: &str, to: &str) -> Result<()> {
    if !files.has("contexts", from) {
        return usage(format!("cannot rename the context {from:?}, it's not in {}", files.shown_paths()));
    }
    if files.has("contexts", to) {
        return usage(format!(
            "cannot rename the context {from:?}, the context {to:?} already exists in {}",
            files.shown_paths()
        ));
    }
    for File { config, .. } in &mut files.0 {
        for item in config["contexts"].as_array_mut().into_iter().flatten().filter(|item| item["name"] == from) {
            item["name"] = to.into();
        }
        if config["current-context"] == from {
            config["current-context"] = to.into();
        }
    }
    files.write()?;
    sayln!("Context {from:?} renamed to {to:?}.");
    Ok(())
}

fn context(global: &Global, files: &mut Files, flags: Context) -> Result<()> {
    let name = match flags.name {
        Some(name) if !name.is_empty() && !flags.current => name,
        None if flags.current && !files.current().is_empty() => files.current(),
        None if flags.current => return usage("no current context is set"),
        _ => return usage("you must specify a non-empty context name or --current"),
    };
    let done = if files.has("contexts", &name) { "modified" } else { "created" };
    let entry = files.entry("contexts", "context", &name)?;
    put(entry, &[("cluster", &flags.cluster), ("user", &flags.user), ("namespace", &global.namespace)]);
    files.write()?;
    sayln!("Context {name:?} {done}.");
    Ok(())
}

fn cluster(global: &Global, files: &mut Files, flags: &Cluster) -> Result<()> {
    let authority = path(global.certificate_authority.as_ref());
    let entry = files.entry("clusters", "cluster", &flags.name)?;
    put(
        entry,
        &[("server", &global.server), ("proxy-url", &flags.proxy_url), ("tls-server-name", &global.tls_server_name)],
    );
    if global.insecure_skip_tls_verify {
        entry["insecure-skip-tls-verify"] = true.into();
    }
    file(entry, "certificate-authority", authority, flags.embed_certs == Some(true))?;
    files.write()?;
    sayln!("Cluster {:?} set.", flags.name);
    Ok(())
}

fn user(global: &Global, files: &mut Files, flags: &User) -> Result<()> {
    let entry = files.entry("users", "user", &flags.name)?;
    put(entry, &[("token", &global.token)]);
    let embed = flags.embed_certs == Some(true);
    file(entry, "client-certificate", path(global.client_certificate.as_ref()), embed)?;
    file(entry, "client-key", path(global.client_key.as_ref()), embed)?;
    files.write()?;
    sayln!("User {:?} set.", flags.name);
    Ok(())
}

fn path(path: Option<&PathBuf>) -> Option<PathBuf> {
    path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
}

fn put(entry: &mut Value, fields: &[(&str, &Option<String>)]) {
    for (name, value) in fields {
        if let Some(value) = value {
            entry[*name] = value.as_str().into();
        }
    }
}

/// A file's name, or its content in the field beside it.
fn file(entry: &mut Value, name: &str, path: Option<PathBuf>, embed: bool) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let inline = format!("{name}-data");
    let fields = entry.as_object_mut();
    let Some(fields) = fields else { return usage("the entry is no object") };
    if embed {
        let content = kubeconfig::read(&path)?;
        fields.insert(inline, base64::engine::general_purpose::STANDARD.encode(content).into());
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), path.to_string_lossy().into());
        fields.remove(&inline);
    }
    Ok(())
}

/// Puts the content of files in place of their names.
pub fn embed(config: &mut Value) -> Result<()> {
    for (list, field) in LISTS {
        for item in config[list].as_array_mut().into_iter().flatten() {
            for name in ["certificate-authority", "client-certificate", "client-key"] {
                let path = item[field][name].as_str().map(PathBuf::from);
                if let Some(entry) = item.get_mut(field) {
                    file(entry, name, path, true)?;
                }
            }
        }
    }
    Ok(())
}

/// `current-context`, or `contexts.NAME.FIELD` and its like.
fn set(files: &mut Files, property: &str, value: Option<Value>) -> Result<()> {
    let parts: Vec<&str> = property.split('.').collect();
    match parts.as_slice() {
        ["current-context"] => match (value, files.of_current()) {
            (Some(value), _) => files.fresh()?["current-context"] = value,
            (None, Some(at)) => files.0[at].config["current-context"] = "".into(),
            (None, None) => {}
        },
        [list, name] if value.is_none() && LISTS.iter().any(|(known, _)| known == list) => {
            if !files.has(list, name) {
                return usage(format!("current map key `{name}` is invalid"));
            }
            forget(files, list, name);
        }
        [list, name, field] => {
            let Some((_, inner)) = LISTS.iter().find(|(known, _)| known == list) else {
                return usage(format!("unable to locate path {property:?}"));
            };
            let entry = files.entry(list, inner, name)?;
            let fields: &mut Map<String, Value> =
                entry.as_object_mut().ok_or_else(|| Error::Use("the entry is no object".to_owned()))?;
            match value {
                Some(value) => {
                    let switch = value.as_str().and_then(|text| text.parse::<bool>().ok());
                    fields.insert((*field).to_owned(), switch.map_or(value, Value::Bool));
                }
                None => drop(fields.remove(*field)),
            }
        }
        _ => return usage(format!("unable to locate path {property:?}")),
    }
    files.write()
}

fn forget(files: &mut Files, list: &str, name: &str) {
    for File { config, .. } in &mut files.0 {
        if let Some(items) = config[list].as_array_mut() {
            items.retain(|item| item["name"] != name);
        }
    }
}

fn delete(files: &mut Files, list: &str, name: &str) -> Result<()> {
    let (noun, paths) = (list.trim_end_matches('s'), files.shown_paths());
    if !files.has(list, name) {
        return usage(format!("cannot delete {noun} {name}, not in {paths}"));
    }
    forget(files, list, name);
    files.write()?;
    sayln!("deleted {noun} {name} from {paths}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const A: &str = "apiVersion: v1\n# kept\nkind: Config\ncurrent-context: x\ncontexts:\n- name: x\n  context: {cluster: c, user: u}\n";

    fn files(folder: &Path, names: &[&str]) -> Files {
        let file = |name: &&str| {
            let path = folder.join(name);
            let before = kubeconfig::load(&path).expect("a kubeconfig");
            File { config: before.clone().unwrap_or_else(kubeconfig::empty), path, before }
        };
        Files(names.iter().map(file).collect())
    }

    /// client-go writes only files whose entries changed, and follows links (`os.WriteFile`).
    #[test]
    fn only_what_changed_is_written_and_links_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), A).expect("write");
        fs::write(at("real"), "users:\n- name: u\n  user: {token: old}\n").expect("write");
        std::os::unix::fs::symlink("real", at("link")).expect("a link");
        let mut both = files(folder.path(), &["a", "link"]);
        both.entry("users", "user", "u").expect("an entry")["token"] = "new".into();
        both.write().expect("written");
        assert_eq!(fs::read_to_string(at("a")).expect("a"), A);
        assert!(at("link").is_symlink());
        assert!(fs::read_to_string(at("real")).expect("real").contains("token: new"));
        std::os::unix::fs::symlink("made", at("dangling")).expect("a link");
        let mut one = files(folder.path(), &["dangling"]);
        one.entry("users", "user", "v").expect("an entry")["token"] = "t".into();
        one.write().expect("written");
        assert!(at("dangling").is_symlink() && at("made").is_file());
    }

    /// client-go's GetDefaultFilename: the first file that is there, else the last one named.
    #[test]
    fn what_is_new_has_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        for (present, expected) in [("", "c"), ("b", "b"), ("c", "c"), ("a", "a")] {
            if !present.is_empty() {
                fs::write(folder.path().join(present), "").expect("write");
            }
            let mut all = files(folder.path(), &["a", "b", "c"]);
            all.fresh().expect("a file")["current-context"] = "x".into();
            let changed: Vec<_> = all.0.iter().filter(|file| file.config["current-context"] == "x").collect();
            assert_eq!(changed[0].path, folder.path().join(expected), "{present}");
            if !present.is_empty() {
                fs::remove_file(folder.path().join(present)).expect("remove");
            }
        }
    }

    /// `KUBECONFIG=:`; kubectl ends with an error and exit code 1.
    #[test]
    fn without_a_file_nothing_can_be_set() {
        let mut none = Files(Vec::new());
        assert!(none.entry("users", "user", "u").is_err());
        assert!(set(&mut none, "current-context", Some("x".into())).is_err());
        assert!(
            context(
                &Global::default(),
                &mut none,
                Context { name: Some("x".to_owned()), current: false, cluster: None, user: None }
            )
            .is_err()
        );
    }

    #[test]
    fn entries_that_are_no_objects_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "users:\n- name: u\n  user: text\n- text\n").expect("write");
        let mut one = files(folder.path(), &["a"]);
        assert!(one.entry("users", "user", "u").is_err());
        assert!(embed(&mut one.0[0].config).is_ok(), "there is no file to embed");
    }
}
