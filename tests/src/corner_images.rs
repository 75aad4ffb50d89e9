//! Images with corners: two layers of which the second, in zstd, removes and links files of the first; a named user, volumes, a missing
//! working directory, no PATH, a stop signal; an index; and an index of other platforms only.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::images::{architecture, busybox, digest_of_file, folder, link, put_blob, tarred};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The user of the image, as its /etc/passwd has it.
const USER: (&str, u32) = ("app", 1234);
/// It says when it is told to stop, and by nothing but the image's signal.
const RUNS: &str = "trap 'echo told by USR1; exit 0' USR1; trap '' TERM; echo ready; while true; do sleep 0.05; done";

/// `test/corners` and `test/foreign`.
pub fn make() -> Result<()> {
    let lower = fs::read(tarred(fill_lower)?)?;
    let upper = upper()?;
    let diff_ids = [digest(&lower)?, digest(&upper)?];
    let (lower, lower_size) = put_blob(&gzip(&lower)?)?;
    let (upper, upper_size) = put_blob(&zstd::encode_all(upper.as_slice(), 0)?)?;
    let config = json!({
        "architecture": architecture(), "os": "linux", "config": config(), "created": "2023-11-14T22:13:20Z",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let (config, config_size) = put_blob(config.to_string().as_bytes())?;
    let layer = |kind: &str, digest: &str, size: usize| json!({"mediaType": format!("application/vnd.oci.image.layer.v1.tar+{kind}"), "digest": digest, "size": size});
    let (manifest, size) = put_json(&json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": [layer("gzip", &lower, lower_size), layer("zstd", &upper, upper_size)],
    }))?;
    let platform = |os: &str, architecture: &str| json!({"mediaType": MANIFEST, "digest": manifest, "size": size, "platform": {"os": os, "architecture": architecture}});
    let index =
        |manifests: &[Value]| put_json(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}));
    let others = [platform("linux", "s390x"), platform("windows", "amd64")];
    let (foreign, _) = index(&others)?;
    let [first, second] = others;
    let (corners, _) = index(&[first, platform("linux", architecture()), second])?;
    let blobs = [&lower, &upper, &config];
    // The manifest itself is asked for by its digest.
    link("test/corners", "of-this-platform", &manifest, &blobs)?;
    link("test/corners", "latest", &corners, &blobs)?;
    link("test/foreign", "latest", &foreign, &[])
}

fn config() -> Value {
    json!({"Cmd": ["sh", "-c", RUNS], "User": USER.0, "WorkingDir": "/made/for/you", "StopSignal": "SIGUSR1",
           "Volumes": {"/data": {}, "/not/there": {}, "/away": {}}})
}

fn fill_lower(root: &Path) -> Result<()> {
    busybox(root)?;
    for (file, text) in
        [("data/seed", "seed\n"), ("gone/kept", ""), ("gone/file", ""), ("opaque/old", ""), ("linked/a", "one\n")]
    {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap_or(root))?;
        fs::write(file, text)?;
    }
    chown(root.join("data"), Some(USER.1), Some(USER.1))?;
    Ok(())
}

/// OCI's whiteouts (image-spec, layer.md), hard links to a file of the layer below and to one of this layer, and a link for a volume.
fn upper() -> Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    for (path, text) in [("gone/.wh.file", ""), ("opaque/.wh..wh..opq", ""), ("opaque/new", ""), ("linked/c", "two\n")]
    {
        let mut header = header(EntryType::Regular, text.len() as u64);
        layer.append_data(&mut header, path, text.as_bytes())?;
    }
    for (kind, path, target) in [
        (EntryType::Link, "linked/b", "linked/a"),
        (EntryType::Link, "linked/d", "linked/c"),
        (EntryType::Symlink, "away", "/linked"),
    ] {
        layer.append_link(&mut header(kind, 0), path, target)?;
    }
    Ok(layer.into_inner()?)
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_mtime(1_700_000_000);
    header.set_size(size);
    header
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let file = folder()?.join("corner.tar");
    fs::write(&file, bytes)?;
    crate::process::run("gzip", &["-nf", &file.display().to_string()])?;
    Ok(fs::read(file.with_extension("tar.gz"))?)
}

fn digest(bytes: &[u8]) -> Result<String> {
    let file = folder()?.join("corner.tar");
    fs::write(&file, bytes)?;
    digest_of_file(&file)
}

fn put_json(value: &Value) -> Result<(String, usize)> {
    put_blob(value.to_string().as_bytes())
}
