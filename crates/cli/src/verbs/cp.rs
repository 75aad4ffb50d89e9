//! `cp`: files and folders from and to a container, through its own `tar`. Symbolic links are not brought back.

use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use clap::Args;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::exec::execute;
use super::target;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::remote::channels::{Input, Streams, told};
use crate::warnln;

#[derive(Debug, Args)]
pub struct Flags {
    /// FROM and TO; one of them is [NAMESPACE/]POD:PATH
    pub paths: Vec<String>,
    #[arg(short, long)]
    pub container: Option<String>,
    /// Ownership and permissions are not kept
    #[arg(long)]
    pub no_preserve: bool,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub retries: Option<i64>,
}

/// A path, here or in a Pod.
#[derive(Debug, PartialEq)]
struct Place {
    namespace: Option<String>,
    pod: Option<String>,
    path: String,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let [from, to] = flags.paths.as_slice() else { return usage("source and destination are required") };
    let (from, to) = (place(from)?, place(to)?);
    if from.pod.is_some() && to.pod.is_some() {
        return usage("one of src or dest must be a local file specification");
    }
    if from.path.is_empty() || to.path.is_empty() {
        return usage("filepath can not be empty");
    }
    let (remote, local) = if from.pod.is_some() { (&from, &to) } else { (&to, &from) };
    let Some(name) = &remote.pod else { return usage("one of src or dest must be a remote file specification") };
    let uploads = to.pod.is_some();
    if uploads && !Path::new(&local.path).exists() {
        return usage(format!("{} doesn't exist in local filesystem", local.path));
    }
    let namespace = remote.namespace.as_ref().unwrap_or(&cluster.namespace);
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let pod = cluster.get_json(&path, "application/json").await?;
    let container = target::container(&pod, flags.container.as_deref(), false)?;
    let remote_tar = Remote { cluster, pod: &pod, container: &container };
    let code = if uploads {
        remote_tar.upload(&local.path, &remote.path, flags.no_preserve).await?
    } else {
        remote_tar.download(&remote.path, &local.path).await?
    };
    Ok(told(code))
}

/// `pod:path`, `namespace/pod:path`, or a path of this machine.
fn place(text: &str) -> Result<Place> {
    let local = Place { namespace: None, pod: None, path: text.to_owned() };
    let Some((pod, path)) = text.split_once(':') else { return Ok(local) };
    if text.starts_with(['.', '/']) {
        return Ok(local);
    }
    let path = path.to_owned();
    match pod.split('/').collect::<Vec<_>>().as_slice() {
        [pod] if !pod.is_empty() => Ok(Place { namespace: None, pod: Some((*pod).to_owned()), path }),
        [namespace, pod] => Ok(Place { namespace: Some((*namespace).to_owned()), pod: Some((*pod).to_owned()), path }),
        _ => usage("filespec must match the canonical format: [[namespace/]pod:]file/path"),
    }
}

/// A container that has `tar`.
struct Remote<'a> {
    cluster: &'a Cluster,
    pod: &'a Value,
    container: &'a str,
}

impl Remote<'_> {
    async fn upload(&self, local: &str, remote: &str, no_preserve: bool) -> Result<u8> {
        let mut remote = remote.trim_end_matches('/').to_owned();
        let base = base_name(local)?;
        if remote.is_empty() || self.is_folder(&remote).await? {
            remote = format!("{remote}/{base}");
        }
        let (folder, name) = remote.rsplit_once('/').unwrap_or(("", &remote));
        let mut command = vec!["tar"];
        if no_preserve {
            command.extend(["--no-same-permissions", "--no-same-owner"]);
        }
        command.extend(["-xmf", "-"]);
        match (folder, remote.starts_with('/')) {
            ("", true) => command.extend(["-C", "/"]),
            ("", false) => {}
            (folder, _) => command.extend(["-C", folder]),
        }
        let (sender, pieces) = tokio::sync::mpsc::channel(16);
        let (local, name) = (PathBuf::from(local), name.to_owned());
        let packing = tokio::task::spawn_blocking(move || pack(&local, &name, Pieces(sender)));
        let streams = Streams { stdin: true, tty: false };
        let target = (self.pod, self.container);
        let input = Input::Pieces(pieces);
        let code = execute(self.cluster, target, &command, (streams, input), &mut |_| Ok(())).await?;
        match packing.await.map_err(|error| Error::Use(error.to_string()))? {
            // The remote tar has told why it wanted no more.
            Err(_) if code != 0 => Ok(code),
            Err(error) => usage(error.to_string()),
            Ok(()) => Ok(code),
        }
    }

    async fn download(&self, remote: &str, local: &str) -> Result<u8> {
        let (sender, pieces) = sync_channel::<Bytes>(16);
        let prefix = clean(remote);
        let (local, base) = (PathBuf::from(local), base_name(remote).unwrap_or_default());
        let unpacking =
            tokio::task::spawn_blocking(move || unpack(Back { pieces, rest: Bytes::new() }, &prefix, &local, &base));
        let code = {
            let sender: SyncSender<Bytes> = sender;
            let streams = Streams { stdin: false, tty: false };
            let mut take = |bytes: &[u8]| {
                sender.send(Bytes::copy_from_slice(bytes)).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
            };
            let command = ["tar", "cf", "-", remote];
            execute(self.cluster, (self.pod, self.container), &command, (streams, Input::Nothing), &mut take).await
        };
        let unpacked = unpacking.await.map_err(|error| Error::Use(error.to_string()))?;
        match (code, unpacked) {
            (_, Err(error)) => usage(error.to_string()),
            (code, Ok(())) => code,
        }
    }

    async fn is_folder(&self, path: &str) -> Result<bool> {
        let streams = Streams { stdin: false, tty: false };
        let command = ["test", "-d", path];
        let silent = &mut |_: &[u8]| Ok(());
        let input = (streams, Input::Nothing);
        Ok(execute(self.cluster, (self.pod, self.container), &command, input, silent).await? == 0)
    }
}

/// The last part of a path, as it is on disk for `.` and `..`.
fn base_name(path: &str) -> Result<String> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let found = name(Path::new(path)).or_else(|| name(&Path::new(path).canonicalize().ok()?));
    found.ok_or_else(|| Error::Use(format!("{path} has no name of its own")))
}

/// A remote path as tar writes it: without the slash that begins it, `.` and `..` taken out.
fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}

/// Writes a file or folder as `name`.
fn pack(local: &Path, name: &str, to: Pieces) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(std::io::BufWriter::with_capacity(32 * 1024, to));
    archive.follow_symlinks(false);
    if local.is_dir() {
        archive.append_dir_all(name, local)?;
    } else {
        archive.append_path_with_name(local, name)?;
    }
    archive.into_inner()?.flush()
}

/// Puts what lies under `prefix` to `local`, or into it where it is a folder.
fn unpack(from: Back, prefix: &Path, local: &Path, base: &str) -> std::io::Result<()> {
    let local = if local.is_dir() && !base.is_empty() { local.join(base) } else { local.to_owned() };
    let mut archive = tar::Archive::new(from);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = clean(&entry.path()?.to_string_lossy());
        let Ok(below) = path.strip_prefix(prefix) else {
            return Err(std::io::Error::other("tar contents corrupted"));
        };
        let target = if below.as_os_str().is_empty() { local.clone() } else { local.join(below) };
        match entry.header().entry_type() {
            tar::EntryType::Directory => std::fs::create_dir_all(&target)?,
            tar::EntryType::Symlink | tar::EntryType::Link => {
                let to = entry.link_name()?.unwrap_or_default();
                warnln!(
                    "warning: skipping symlink: {:?} -> {:?} (consider using \"kubectl exec -n \"<some-namespace>\" \"<some-pod>\" -- tar cf - {:?} | tar xf -\")",
                    target.display(),
                    to.display(),
                    path.display()
                );
            }
            _ => {
                if let Some(folder) = target.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                std::io::copy(&mut entry, &mut std::fs::File::create(&target)?)?;
            }
        }
    }
    // The blocks that fill the archive up are read too: whoever sends them waits for it.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map(drop)
}

/// Bytes on their way to the container.
struct Pieces(Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map(|()| bytes.len()).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Bytes that came from the container.
struct Back {
    pieces: Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Back {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // Servers may begin a stream with an empty piece; the end is where no more pieces come.
        while self.rest.is_empty() {
            match self.pieces.recv() {
                Ok(piece) => self.rest = piece,
                Err(_) => return Ok(0),
            }
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of `kubectl cp --help`.
    #[test]
    fn places_are_read() {
        let of = |namespace: Option<&str>, pod: Option<&str>, path: &str| Place {
            namespace: namespace.map(str::to_owned),
            pod: pod.map(str::to_owned),
            path: path.to_owned(),
        };
        let cases = [
            ("pod:/tmp/x", of(None, Some("pod"), "/tmp/x")),
            ("ns/pod:/tmp/x", of(Some("ns"), Some("pod"), "/tmp/x")),
            ("/tmp/x", of(None, None, "/tmp/x")),
            ("./a:b", of(None, None, "./a:b")),
        ];
        for (text, expected) in cases {
            assert_eq!(place(text).expect(text), expected, "{text}");
        }
        assert!(place("a/b/c:/tmp").is_err() && place(":/tmp").is_err());
    }

    #[test]
    fn paths_stay_below_their_prefix() {
        assert_eq!(clean("/tmp/./a/../b"), Path::new("tmp/b"));
        assert_eq!(clean("../../etc"), Path::new("etc"));
    }

    #[test]
    fn what_was_packed_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(from.join("below")).expect("folders");
        std::fs::write(from.join("below/file"), "text").expect("a file");
        let (sender, mut pieces) = tokio::sync::mpsc::channel(100);
        pack(&from, "there", Pieces(sender)).expect("packed");
        let (back, taken) = sync_channel(100);
        back.send(Bytes::new()).expect("room for an empty piece");
        while let Some(piece) = pieces.blocking_recv() {
            back.send(piece).expect("room");
        }
        drop(back);
        unpack(Back { pieces: taken, rest: Bytes::new() }, Path::new("there"), &to, "there").expect("unpacked");
        assert_eq!(std::fs::read_to_string(to.join("below/file")).expect("a file"), "text");
    }
}
