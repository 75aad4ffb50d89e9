//! Test images, made from Debian packages and written as a registry's storage: busybox, netcat, nginx in two versions, stand-ins for what the
//! mission's manifests name. Made once per machine, in the user's cache.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::process::{run, succeed};

/// Raised when the images change, so that old caches are not used.
const EDITION: &str = "3";

/// One image: names it is served under, the tree its layer has, its configuration.
struct Image {
    tags: &'static [(&'static str, &'static str)],
    fill: fn(&Path) -> Result<()>,
    config: fn() -> Value,
}

const IMAGES: &[Image] = &[
    Image {
        tags: &[("library/busybox", "latest"), ("library/busybox", "1.36"), ("library/busybox", "1.35")],
        fill: busybox,
        config: || json!({"Cmd": ["sh"], "Env": [PATH]}),
    },
    Image { tags: &[("library/nginx", "1.21")], fill: |root| nginx(root, "1.21"), config: nginx_config },
    Image {
        tags: &[("library/nginx", "1.22"), ("library/nginx", "latest")],
        fill: |root| nginx(root, "1.22"),
        config: nginx_config,
    },
    Image {
        tags: &[("library/netcat", "latest")],
        fill: netcat,
        config: || json!({"Cmd": ["sh"], "Env": [PATH, "LD_LIBRARY_PATH=/lib64"]}),
    },
    Image {
        tags: &[("fluent/fluentd", "latest")],
        fill: busybox,
        config: || json!({"Entrypoint": ["sh", "-c", "ls /var/log; exec sleep 1000000"], "Env": [PATH]}),
    },
    Image {
        tags: &[("nvidia/cuda", "11.0-base")],
        fill: busybox,
        config: || json!({"Cmd": ["sh", "-c", "echo gpu ready; exec sleep 1000000"], "Env": [PATH]}),
    },
];

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The registry's root folder.
pub fn storage() -> Result<PathBuf> {
    Ok(cache()?.join("registry"))
}

/// Where all that is made here lies.
pub fn folder() -> Result<PathBuf> {
    cache()
}

/// Makes all images unless they are there.
pub fn prepare() -> Result<()> {
    let done = cache()?.join("done");
    if done.exists() {
        return Ok(());
    }
    let cache = cache()?;
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    fs::create_dir_all(cache.join("registry"))?;
    for image in IMAGES {
        make(image).with_context(|| format!("image {}", image.tags[0].0))?;
    }
    crate::corner_images::make().context("images with corners")?;
    fs::write(done, EDITION)?;
    Ok(())
}

fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("oxkube").join(format!("images-{EDITION}")))
}

fn make(image: &Image) -> Result<()> {
    put(&tarred(image.fill)?, &(image.config)(), image.tags)
}

/// An image of one static program, as `:latest`.
pub fn of_program(program: &Path, name: &str) -> Result<()> {
    let file = program.file_name().context("a program has a name")?;
    let layer = tarred(|root| Ok(fs::copy(program, root.join(file)).map(drop)?))?;
    put(&layer, &json!({"Entrypoint": [Path::new("/").join(file)]}), &[(name, "latest")])
}

/// An image of one layer, under all its names.
fn put(layer: &Path, container: &Value, tags: &[(&str, &str)]) -> Result<()> {
    let diff_id = digest_of_file(layer)?;
    run("gzip", &["-nf", path(layer)])?;
    let (layer_digest, layer_size) = put_blob(&fs::read(layer.with_extension("tar.gz"))?)?;
    let config = json!({
        "architecture": architecture(), "os": "linux", "config": container, "created": "2023-11-14T22:13:20Z",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}, "history": [{"created_by": "tests"}],
    });
    let (config_digest, config_size) = put_blob(config.to_string().as_bytes())?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": config_size, "digest": config_digest},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": layer_size, "digest": layer_digest}],
    });
    let (manifest_digest, _) = put_blob(manifest.to_string().as_bytes())?;
    for (name, tag) in tags {
        link(name, tag, &manifest_digest, &[&layer_digest, &config_digest])?;
    }
    Ok(())
}

/// A layer's archive with what `fill` makes.
pub fn tarred(fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let root = cache()?.join("rootfs");
    fs::create_dir_all(&root)?;
    fill(&root)?;
    let layer = cache()?.join("layer.tar");
    let tar = ["--numeric-owner", "--sort=name", "--mtime=@1700000000", "-C", path(&root), "-cf", path(&layer), "."];
    run("tar", &tar)?;
    fs::remove_dir_all(&root)?;
    Ok(layer)
}

pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A static busybox with all its names, and the few files every image has.
pub fn busybox(root: &Path) -> Result<()> {
    for folder in ["bin", "etc", "root", "tmp", "var/log", "usr/bin", "home/app", "lib", "sbin"] {
        fs::create_dir_all(root.join(folder))?;
    }
    run("chmod", &["1777", path(&root.join("tmp"))])?;
    let unpacked = unpack(&["busybox-static"])?;
    fs::copy(unpacked.join("bin/busybox"), root.join("bin/busybox"))?;
    for applet in
        succeed(Command::new(unpacked.join("bin/busybox")).arg("--list"))?.lines().filter(|name| *name != "busybox")
    {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1234:1234:app:/home/app:/bin/sh\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\napp:x:1234:\nextra:x:2345:app\n")?;
    Ok(())
}

/// busybox and a netcat that speaks UDP.
fn netcat(root: &Path) -> Result<()> {
    busybox(root)?;
    let unpacked = unpack(&["netcat-openbsd", "libbsd0", "libmd0", "libc6"])?;
    fs::create_dir_all(root.join("lib64"))?;
    fs::copy(unpacked.join("bin/nc.openbsd"), root.join("usr/bin/nc.openbsd"))?;
    for folder in ["lib", "usr/lib", "lib64"] {
        copy_libraries(&unpacked.join(folder), &root.join("lib64"))?;
    }
    Ok(())
}

/// Debian's nginx with its libraries, laid out as the official image has it.
fn nginx(root: &Path, version: &str) -> Result<()> {
    busybox(root)?;
    let unpacked = unpack(&["nginx", "nginx-common", "libc6", "libpcre2-8-0", "libssl3", "zlib1g", "libcrypt1"])?;
    for folder in ["etc/nginx", "usr/share/nginx/html", "var/lib/nginx", "var/log/nginx", "run", "usr/sbin", "lib64"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::copy(unpacked.join("usr/sbin/nginx"), root.join("usr/sbin/nginx"))?;
    // The loader and every library, flat, where the loader looks for them.
    for folder in ["lib", "usr/lib", "lib64"] {
        copy_libraries(&unpacked.join(folder), &root.join("lib64"))?;
    }
    fs::write(root.join("etc/ld.so.conf"), "/lib64\n")?;
    symlink("/dev/stdout", root.join("var/log/nginx/access.log"))?;
    symlink("/dev/stderr", root.join("var/log/nginx/error.log"))?;
    fs::write(
        root.join("etc/nginx/nginx.conf"),
        format!(
            "user nobody nogroup;\nworker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log warn;\nevents {{}}\nhttp {{\n  access_log /var/log/nginx/access.log;\n  keepalive_requests 1000000;\n  server {{\n    listen 80;\n    add_header X-Version {version};\n    root /usr/share/nginx/html;\n    location = /hostname {{ return 200 \"$hostname\\n\"; }}\n  }}\n}}\n"
        ),
    )?;
    fs::write(
        root.join("usr/share/nginx/html/index.html"),
        format!("<html><head><title>Welcome to nginx!</title></head><body>version {version}</body></html>\n"),
    )?;
    Ok(())
}

/// Copies shared objects below `from`, following links, into one folder.
fn copy_libraries(from: &Path, to: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let (source, name) = (entry.path(), entry.file_name());
        if name == "gconv" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_libraries(&source, to)?;
        } else if name.to_string_lossy().contains(".so") && source.exists() {
            fs::copy(&source, to.join(name))?;
        }
    }
    Ok(())
}

fn nginx_config() -> Value {
    json!({"Cmd": ["nginx", "-g", "daemon off;"], "Env": [PATH, "LD_LIBRARY_PATH=/lib64"], "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"})
}

/// Downloads packages by name and unpacks them into one folder, without installing them.
fn unpack(packages: &[&str]) -> Result<PathBuf> {
    let folder = cache()?.join("packages").join(packages[0]);
    if folder.exists() {
        return Ok(folder);
    }
    let debs = cache()?.join("debs").join(packages[0]);
    fs::create_dir_all(&debs)?;
    run("chmod", &["0777", path(&debs)])?;
    succeed(Command::new("apt-get").arg("download").args(packages).current_dir(&debs))?;
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&debs)? {
        run("dpkg-deb", &["-x", path(&entry?.path()), path(&folder)])?;
    }
    Ok(folder)
}

/// Puts bytes where the registry finds them by their digest; gives that and their length.
pub fn put_blob(bytes: &[u8]) -> Result<(String, usize)> {
    let scratch = cache()?.join("blob");
    fs::write(&scratch, bytes)?;
    let digest = digest_of_file(&scratch)?;
    let hex = digest.trim_start_matches("sha256:").to_owned();
    let folder = blobs()?.join("blobs/sha256").join(&hex[..2]).join(&hex);
    fs::create_dir_all(&folder)?;
    fs::rename(scratch, folder.join("data"))?;
    Ok((digest, bytes.len()))
}

/// Names a manifest, and what it refers to, in a repository.
pub fn link(name: &str, tag: &str, manifest: &str, blobs_used: &[&String]) -> Result<()> {
    let repository = blobs()?.join("repositories").join(name);
    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let mut links = vec![
        (format!("_manifests/revisions/sha256/{}", hex(manifest)), manifest),
        (format!("_manifests/tags/{tag}/current"), manifest),
        (format!("_manifests/tags/{tag}/index/sha256/{}", hex(manifest)), manifest),
    ];
    links.extend(blobs_used.iter().map(|digest| (format!("_layers/sha256/{}", hex(digest)), digest.as_str())));
    for (folder, digest) in links {
        let folder = repository.join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("link"), digest)?;
    }
    Ok(())
}

fn blobs() -> Result<PathBuf> {
    Ok(storage()?.join("docker/registry/v2"))
}

pub fn digest_of_file(file: &Path) -> Result<String> {
    let line = run("sha256sum", &[path(file)])?;
    let Some(hex) = line.split_whitespace().next() else { bail!("sha256sum printed nothing") };
    Ok(format!("sha256:{hex}"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("cache paths are text")
}
