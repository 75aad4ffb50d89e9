//! Files that change together: a new directory is written beside the old one and `..data` is switched over with one rename,
//! so that a reader sees all of one version (the layout of upstream's AtomicWriter).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

const DATA: &str = "..data";
const DATA_NEW: &str = "..data_tmp";

/// One file of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub data: Vec<u8>,
    pub mode: u32,
    /// The file's owner, where it is not root.
    pub user: Option<u32>,
}

/// Files by relative path.
pub type Payload = BTreeMap<String, File>;

/// A volume's group: files become readable for it.
pub type Group = Option<u32>;

/// Brings `target` to the payload; false when it was there already.
pub fn write(target: &Path, payload: &Payload, group: Group, now: Timestamp) -> io::Result<bool> {
    for path in payload.keys() {
        check_path(path)?;
    }
    let before = fs::read_link(target.join(DATA)).ok();
    if let Some(before) = &before
        && is_same(&target.join(before), payload)?
    {
        return Ok(false);
    }
    let version = now.strftime("..%Y_%m_%d_%H_%M_%S").to_string() + &format!(".{:09}", now.subsec_nanosecond());
    let directory = target.join(&version);
    make_directory(&directory, group)?;
    write_files(&directory, payload, group)?;
    switch(target, &version)?;
    show(target, payload)?;
    if let Some(before) = before.filter(|before| before.as_os_str() != version.as_str()) {
        fs::remove_dir_all(target.join(before))?;
    }
    Ok(true)
}

/// Paths come from users: they stay below the volume and do not touch the writer's own names.
fn check_path(path: &str) -> io::Result<()> {
    let bad = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("invalid path {path:?}: {why}")));
    if path.is_empty() || Path::new(path).is_absolute() {
        return bad("must be a relative path");
    }
    if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return bad("must not contain '..'");
    }
    if path.starts_with("..") {
        return bad("must not start with '..'");
    }
    Ok(())
}

fn is_same(directory: &Path, payload: &Payload) -> io::Result<bool> {
    let mut present = BTreeSet::new();
    match files(directory, Path::new(""), &mut present) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    }
    if present.len() != payload.len() {
        return Ok(false);
    }
    for (path, file) in payload {
        if !present.contains(Path::new(path)) || fs::read(directory.join(path))? != file.data {
            return Ok(false);
        }
    }
    Ok(true)
}

fn files(root: &Path, below: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files(root, &path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

fn make_directory(directory: &Path, group: Group) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mode = if group.is_some() { 0o2755 } else { 0o755 };
    std::os::unix::fs::chown(directory, None, group)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(mode))
}

fn write_files(directory: &Path, payload: &Payload, group: Group) -> io::Result<()> {
    for (path, file) in payload {
        let full = directory.join(path);
        let parents = Path::new(path).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
        for parent in parents.collect::<Vec<_>>().into_iter().rev() {
            make_directory(&directory.join(parent), group)?;
        }
        fs::write(&full, &file.data)?;
        std::os::unix::fs::chown(&full, file.user, group)?;
        let mode = if group.is_some() { file.mode | 0o440 } else { file.mode };
        fs::set_permissions(&full, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn switch(target: &Path, version: &str) -> io::Result<()> {
    let new = target.join(DATA_NEW);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(version, &new)?;
    fs::rename(&new, target.join(DATA))
}

/// Links the first part of every path to where it is below `..data`, and removes links to what is gone.
fn show(target: &Path, payload: &Payload) -> io::Result<()> {
    let wanted: BTreeSet<&str> = payload.keys().filter_map(|path| path.split('/').next()).collect();
    for name in &wanted {
        let link = target.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), &link)?;
        }
    }
    for entry in fs::read_dir(target)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && entry.file_type()?.is_symlink() && !wanted.contains(name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        files
            .iter()
            .map(|(path, data)| ((*path).to_owned(), File { data: data.as_bytes().to_vec(), mode: 0o644, user: None }))
            .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// atomic_writer_test.go: what is visible follows the payload, old versions and stale names vanish, equal payloads write nothing.
    #[test]
    fn versions_replace_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path();
        assert!(write(target, &payload(&[("a", "1"), ("d/b", "2")]), None, at(1)).unwrap());
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "1");
        assert_eq!(fs::read_to_string(target.join("d/b")).unwrap(), "2");
        assert_eq!(fs::read_link(target.join("d")).unwrap(), Path::new("..data/d"));
        assert!(!write(target, &payload(&[("a", "1"), ("d/b", "2")]), None, at(2)).unwrap());
        assert!(write(target, &payload(&[("a", "9")]), None, at(3)).unwrap());
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "9");
        assert!(fs::symlink_metadata(target.join("d")).is_err());
        let versions =
            fs::read_dir(target).unwrap().filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir()).count();
        assert_eq!(versions, 1);
        let mode = fs::metadata(target.join("a")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o644);
    }

    #[test]
    fn paths_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["/a", "../a", "a/../../b", "..data", ""] {
            assert!(write(folder.path(), &payload(&[(path, "x")]), None, at(1)).is_err(), "{path}");
        }
    }
}
