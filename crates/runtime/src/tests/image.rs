//! Images that the tests make themselves: archives in the form of `docker save`, with busybox from the machine.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::images::digest::Digest;

pub const NAME: &str = "docker.io/library/busybox:latest";
const BUSYBOX: &str = "/bin/busybox";
const APPLETS: &str = "sh cat echo ls id pwd env sleep mkdir rm touch test grep head stat hostname mount ps kill true false ln wc seq tr yes dd nc cut sync chmod readlink tail tty stty";

/// One entry of a layer.
pub enum Entry<'a> {
    Directory(&'a str, u32),
    File(&'a str, &'a [u8], u32),
    Symlink(&'a str, &'a str),
}

pub fn layer(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_mtime(1_700_000_000);
        let (path, kind, mode, data): (_, _, _, &[u8]) = match entry {
            Entry::Directory(path, mode) => (path, EntryType::Directory, *mode, &[]),
            Entry::File(path, data, mode) => (path, EntryType::Regular, *mode, data),
            Entry::Symlink(path, _) => (path, EntryType::Symlink, 0o777, &[]),
        };
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(data.len() as u64);
        match entry {
            Entry::Symlink(path, target) => builder.append_link(&mut header, path, target).expect("a link"),
            _ => builder.append_data(&mut header, path, data).expect("an entry"),
        }
    }
    builder.into_inner().expect("an archive")
}

/// What every test image stands on.
pub fn base_layer() -> Vec<u8> {
    let busybox = std::fs::read(BUSYBOX).expect("busybox-static is installed");
    let passwd = b"root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/bin/sh\n";
    let group = b"root:x:0:\nweb:x:102:\nadm:x:4:web\n";
    let mut entries = vec![
        Entry::Directory("bin", 0o755),
        Entry::Directory("etc", 0o755),
        Entry::Directory("tmp", 0o1777),
        Entry::Directory("root", 0o700),
        Entry::File("bin/busybox", &busybox, 0o755),
        Entry::File("etc/passwd", passwd, 0o644),
        Entry::File("etc/group", group, 0o644),
        Entry::File("etc/unreadable", b"secret", 0o600),
    ];
    let links: Vec<String> = APPLETS.split(' ').map(|applet| format!("bin/{applet}")).collect();
    entries.extend(links.iter().map(|link| Entry::Symlink(link, "busybox")));
    layer(&entries)
}

/// Writes an archive with one image.
pub fn archive(directory: &Path, name: &str, config: Value, layers: &[Vec<u8>]) -> PathBuf {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    write(directory, name, config, &diff_ids, layers)
}

/// As `archive`, with layers that were compressed after their diff ids were taken.
pub fn write(directory: &Path, name: &str, config: Value, diff_ids: &[String], layers: &[Vec<u8>]) -> PathBuf {
    let architecture = crate::images::manifest::Platform::host().architecture;
    let image = json!({"architecture": architecture, "os": "linux", "config": config, "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": names}]);
    let (image, manifest) = (image.to_string(), manifest.to_string());
    let mut entries = vec![
        Entry::File("config.json", image.as_bytes(), 0o644),
        Entry::File("manifest.json", manifest.as_bytes(), 0o644),
    ];
    entries.extend(names.iter().zip(layers).map(|(name, layer)| Entry::File(name, layer, 0o644)));
    let path = directory.join(format!("{}.tar", name.replace(['/', ':'], "-")));
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::write(&path, layer(&entries)).expect("an archive");
    path
}

pub fn busybox(directory: &Path) -> PathBuf {
    archive(directory, "busybox", json!({"Cmd": ["sh"], "Env": ["FROM_IMAGE=yes"]}), &[base_layer()])
}
