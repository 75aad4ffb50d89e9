//! The demo web server that `cargo xtask up` deploys, and an image with nothing in it but this program, so that no network is needed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use runtime::images::digest::Digest;
use serde_json::json;

/// What the image is called.
pub const IMAGE: &str = concat!("oxkube.io/demo:", env!("CARGO_PKG_VERSION"));
const PORT: u16 = 8080;
/// Where ELF programs look for their loader, by architecture.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// `oxkube internal demo`: answers every request with a page that names the Pod.
pub fn main() -> ExitCode {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let listener = match TcpListener::bind(("::", PORT)).or_else(|_| TcpListener::bind(("0.0.0.0", PORT))) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("listen on port {PORT}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("the demo web server listens on port {PORT}");
    for stream in listener.incoming() {
        let name = name.clone();
        std::thread::spawn(move || {
            if let Err(error) = stream.and_then(|stream| answer(stream, &name)) {
                eprintln!("a request: {error}");
            }
        });
    }
    ExitCode::SUCCESS
}

fn answer(mut stream: TcpStream, name: &str) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    println!("{request}");
    let page =
        format!("<!doctype html><title>oxkube</title><h1>It works</h1><p>Pod {name} answers through its Service.\n");
    let length = page.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + &page).as_bytes())
}

/// Writes the image as `docker save` would.
pub fn write_image(archive: &Path) -> anyhow::Result<()> {
    let layer = layer().context("pack this program")?;
    let diff_id = Digest::of(&layer);
    let config = serde_json::to_vec(&json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Entrypoint": ["/oxkube", "internal", "demo"], "User": "65534:65534", "ExposedPorts": {"8080/tcp": {}}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }))?;
    let manifest =
        serde_json::to_vec(&json!([{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]))?;
    let mut tar = tar::Builder::new(File::create(archive)?);
    for (name, bytes) in [("layer.tar", &layer), ("config.json", &config), ("manifest.json", &manifest)] {
        append(&mut tar, Path::new(name), bytes, 0o644)?;
    }
    Ok(tar.into_inner()?.sync_all()?)
}

/// This program, the libraries it has mapped and its loader.
fn layer() -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, Path::new("oxkube"), &fs::read("/proc/self/exe")?, 0o755)?;
    let libraries = libraries(&fs::read_to_string("/proc/self/maps")?);
    for library in &libraries {
        append(&mut tar, library, &fs::read(library)?, 0o755)?;
    }
    for loader in LOADERS.map(Path::new) {
        // Where /lib64 leads into /usr it is a file of its own in the image.
        if fs::canonicalize(loader).is_ok_and(|real| libraries.contains(&real)) && !libraries.contains(loader) {
            append(&mut tar, loader, &fs::read(loader)?, 0o755)?;
        }
    }
    tar.into_inner()
}

/// The shared objects in a process's map.
fn libraries(maps: &str) -> BTreeSet<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    let shared =
        |path: &&str| path.starts_with('/') && path.rsplit('/').next().is_some_and(|name| name.contains(".so"));
    paths.filter(shared).map(PathBuf::from).collect()
}

fn append<W: Write>(tar: &mut tar::Builder<W>, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    let relative = path.strip_prefix("/").unwrap_or(path);
    tar.append_data(&mut header, relative, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_what_is_mapped_once() {
        let maps = "55d0-55d1 r--p 00000000 fe:00 1 /opt/oxkube\n\
                    7f00-7f01 r--p 00000000 fe:00 2 /usr/lib/x86_64-linux-gnu/libc.so.6\n\
                    7f01-7f02 r-xp 00001000 fe:00 2 /usr/lib/x86_64-linux-gnu/libc.so.6\n\
                    7ffe-7fff rw-p 00000000 00:00 0 [stack]\n";
        assert_eq!(libraries(maps), BTreeSet::from([PathBuf::from("/usr/lib/x86_64-linux-gnu/libc.so.6")]));
    }
}
