//! Directories that a specification takes for granted: the working directory and the volumes of the image are made where they are
//! missing, as runc and containerd do. Images are from outside, so every path is resolved within the container's root or, below a mount,
//! within what is mounted: a symbolic link leads nowhere else.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode};
use serde_json::Value;

use crate::images::tree::{Place, Tree, clean};

/// Makes them, and writes the specification with the volumes' real places. Nothing is mounted on the root yet.
pub fn prepare(specification: &Path, rootfs: &Path) -> io::Result<()> {
    let mut config: Value = serde_json::from_slice(&fs::read(specification)?)?;
    let mut moved = false;
    for mount in config.get_mut("mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(below) = source(mount).and_then(|source| source.strip_prefix(rootfs).map(Path::to_owned).ok()) else {
            continue;
        };
        let real = make(rootfs, &below)?;
        mount["source"] = real.to_string_lossy().into();
        moved = true;
    }
    make_working_directory(&config, rootfs)?;
    if moved { fs::write(specification, config.to_string()) } else { Ok(()) }
}

/// What a mount shows is there only later: below a mount of a directory the working directory is made in that.
fn make_working_directory(config: &Value, rootfs: &Path) -> io::Result<()> {
    let directory = clean(config["process"]["cwd"].as_str().unwrap_or_default().as_bytes());
    let mounts = config.get("mounts").and_then(Value::as_array).into_iter().flatten();
    let above = mounts
        .filter_map(|mount| Some((clean(mount["destination"].as_str()?.as_bytes()), mount)))
        .filter(|(destination, _)| directory.starts_with(destination))
        .max_by_key(|(destination, _)| destination.components().count());
    match above {
        None => make(rootfs, &directory).map(drop),
        Some((destination, mount)) if is_writable_bind(mount) => {
            match (source(mount), directory.strip_prefix(destination)) {
                (Some(source), Ok(below)) if source.is_dir() => make(&source, below).map(drop),
                _ => Ok(()),
            }
        }
        // The kernel's file systems and what is read-only have it, or the start fails.
        Some(_) => Ok(()),
    }
}

fn source(mount: &Value) -> Option<PathBuf> {
    mount["source"].as_str().map(PathBuf::from)
}

fn is_writable_bind(mount: &Value) -> bool {
    let has =
        |wanted: &str| mount["options"].as_array().is_some_and(|options| options.iter().any(|option| option == wanted));
    mount["type"] == "bind" && !has("ro") && !has("rro")
}

/// A directory below `root`, made as far as it is missing; gives where it really is.
fn make(root: &Path, below: &Path) -> io::Result<PathBuf> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("mkdir /{}: {error}", below.display()));
    let directory = Tree::open(root)?.directory_at(below, &mut make_one).map_err(named)?;
    fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

/// Root's and for everyone to enter, whatever this process's umask.
fn make_one(place: &Place, _: &Path) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    rustix::fs::mkdirat(&*place.parent, &place.name, mode)?;
    Ok(rustix::fs::chmodat(&*place.parent, &place.name, mode, AtFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;

    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for name in ["root", "volume", "outside"] {
                fs::create_dir(folder.path().join(name)).expect("made");
            }
            Self(folder)
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn prepare(&self, config: &Value) -> io::Result<Value> {
            let file = self.at("config.json");
            fs::write(&file, config.to_string()).expect("written");
            prepare(&file, &self.at("root"))?;
            Ok(serde_json::from_slice(&fs::read(file).expect("read")).expect("JSON"))
        }
    }

    #[test]
    fn a_missing_working_directory_is_made_where_it_will_be_seen() {
        let world = World::new();
        let mount = |options: Value| json!([{"type": "bind", "destination": "/vol", "source": world.at("volume"), "options": options}]);
        world.prepare(&json!({"process": {"cwd": "/made/for/you"}})).expect("prepared");
        assert!(world.at("root/made/for/you").is_dir());
        world
            .prepare(&json!({"process": {"cwd": "/vol/sub"}, "mounts": mount(json!(["rbind", "rw"]))}))
            .expect("prepared");
        assert!(world.at("volume/sub").is_dir() && !world.at("root/vol").exists());
        world.prepare(&json!({"process": {"cwd": "/vol/other"}, "mounts": mount(json!(["ro"]))})).expect("prepared");
        assert!(!world.at("volume/other").exists());
        world.prepare(&json!({"process": {"cwd": "/"}})).expect("prepared");
    }

    #[test]
    fn links_of_an_image_do_not_lead_out_of_its_root() {
        let world = World::new();
        symlink(world.at("outside"), world.at("root/away")).expect("a link");
        symlink("/real", world.at("root/inside")).expect("a link");
        fs::create_dir(world.at("root/real")).expect("made");
        let volume =
            |path: &str| json!({"type": "bind", "destination": path, "source": world.at("root").join(&path[1..])});
        let config =
            json!({"process": {"cwd": "/inside/work"}, "mounts": [volume("/inside"), volume("/inside/missing")]});
        let prepared = world.prepare(&config).expect("prepared");
        assert_eq!(prepared["mounts"][0]["source"], json!(world.at("root/real")));
        assert_eq!(prepared["mounts"][1]["source"], json!(world.at("root/real/missing")));
        assert!(world.at("root/real/work").is_dir());
        // Within the root this link has no target.
        assert!(world.prepare(&json!({"process": {"cwd": "/"}, "mounts": [volume("/away/x")]})).is_err());
        assert_eq!(fs::read_dir(world.at("outside")).expect("read").count(), 0);
    }
}
