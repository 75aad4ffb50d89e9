//! Layers and names. Expected behaviour: OCI image specification (layer.md: whiteouts, hard links), Docker's short names.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::store::digest;
use super::*;

fn file(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o4755);
    header.set_uid(12);
    header.set_gid(34);
    header.set_mtime(1_000_000);
    builder.append_data(&mut header, path, content.as_bytes()).expect("appends");
}

fn link(builder: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, path: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    builder.append_link(&mut header, path, target).expect("appends");
}

fn unpacked(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> (tempfile::TempDir, String, Vec<u8>) {
    let mut builder = tar::Builder::new(Vec::new());
    build(&mut builder);
    let bytes = builder.into_inner().expect("finishes");
    let folder = tempfile::tempdir().expect("tempdir");
    let layer = folder.path().join("layer");
    fs::write(&layer, &bytes).expect("writes");
    let target = folder.path().join("target");
    fs::create_dir(&target).expect("makes");
    let diff_id = unpack(&layer, &target).expect("unpacks");
    (folder, diff_id, bytes)
}

#[test]
fn whiteouts_owners_modes_times_and_hard_links_are_kept() {
    let (folder, diff_id, bytes) = unpacked(|builder| {
        file(builder, "etc/app/config", "x");
        file(builder, "etc/.wh.gone", "");
        link(builder, tar::EntryType::Link, "bin/second", "etc/app/config");
        link(builder, tar::EntryType::Symlink, "lib", "usr/lib");
    });
    let at = |path: &str| folder.path().join("target").join(path);
    assert_eq!(diff_id, digest(&bytes));
    let metadata = fs::metadata(at("etc/app/config")).expect("there");
    assert_eq!(
        (metadata.mode() & 0o7777, metadata.uid(), metadata.gid(), metadata.mtime()),
        (0o4755, 12, 34, 1_000_000)
    );
    assert_eq!(metadata.ino(), fs::metadata(at("bin/second")).expect("there").ino());
    let whiteout = fs::metadata(at("etc/gone")).expect("there");
    assert!(whiteout.file_type().is_char_device() && whiteout.rdev() == 0);
    assert_eq!(fs::read_link(at("lib")).expect("a link"), Path::new("usr/lib"));
}

#[test]
fn nothing_is_written_outside_the_target() {
    let (folder, ..) = unpacked(|builder| {
        link(builder, tar::EntryType::Symlink, "out", "../../");
        link(builder, tar::EntryType::Symlink, "abs", "/");
        file(builder, "out/escaped", "x");
        file(builder, "abs/inside", "x");
    });
    assert!(!folder.path().join("escaped").exists());
    assert!(folder.path().join("target/escaped").exists(), "links are resolved as inside a container");
    assert!(folder.path().join("target/inside").exists());
}

#[test]
fn every_compression_gives_the_same_diff_id() {
    let mut builder = tar::Builder::new(Vec::new());
    file(&mut builder, "a", "content");
    let plain = builder.into_inner().expect("finishes");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &plain).expect("packs");
    let packed = [plain.clone(), gzip.finish().expect("packs"), zstd::encode_all(&plain[..], 1).expect("packs")];
    for (at, bytes) in packed.iter().enumerate() {
        let folder = tempfile::tempdir().expect("tempdir");
        fs::write(folder.path().join("layer"), bytes).expect("writes");
        fs::create_dir(folder.path().join("target")).expect("makes");
        let found = unpack(&folder.path().join("layer"), &folder.path().join("target")).expect("unpacks");
        assert_eq!(found, digest(&plain), "case {at}");
    }
}

#[test]
fn short_names_mean_what_docker_means() {
    let cases = [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.21", "docker.io/library/nginx:1.21"),
        ("fluent/fluentd:latest", "docker.io/fluent/fluentd:latest"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
    ];
    for (short, full) in cases {
        assert_eq!(ImageName::parse(short).expect(short).to_string(), full);
    }
    assert!(ImageName::parse("Upper/Case").is_err());
}

#[test]
fn an_archive_is_imported_listed_and_removed_with_its_layers() {
    let mut layer = tar::Builder::new(Vec::new());
    file(&mut layer, "bin/sh", "#!");
    let layer = layer.into_inner().expect("finishes");
    let config = serde_json::json!({"architecture": architecture(), "os": "linux", "config": {"Cmd": ["sh"], "Entrypoint": null},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": ["demo:1"], "Layers": ["layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    file(&mut archive, "config.json", &config.to_string());
    file(&mut archive, "manifest.json", &manifest.to_string());
    let mut header = tar::Header::new_gnu();
    header.set_size(layer.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "layer.tar", &layer[..]).expect("appends");
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("image.tar");
    fs::write(&path, archive.into_inner().expect("finishes")).expect("writes");
    let root = folder.path().join("images");
    let store = ImageStore::open(&root, Mirrors::new()).expect("opens");
    store.import(&path).expect("imports");
    drop(store);
    let store = ImageStore::open(&root, Mirrors::new()).expect("opens again");
    let record = store.get("demo:1").expect("by short name");
    assert_eq!(record.repo_tags, ["docker.io/library/demo:1"]);
    assert_eq!(record.config.cmd, ["sh"]);
    let layers = store.layers(&record);
    assert!(layers[0].join("bin/sh").exists());
    store.remove(&record.id).expect("removes");
    assert!(store.list().is_empty() && !layers[0].exists());
}
