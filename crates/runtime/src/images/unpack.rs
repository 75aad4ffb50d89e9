//! A layer's tar as a folder that overlay can use: whiteouts become 0:0 devices, opaque folders get overlay's attribute. Every name is
//! resolved beneath the target folder, whatever links the layer has made before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self as rfs, AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};
use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// By the first bytes: media types lie.
    pub fn detect(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Reads on, hashing what passes.
struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Unpacks a layer into an empty folder and gives the digest of its uncompressed tar (the diff id).
pub fn unpack(layer: &Path, target: &Path) -> io::Result<String> {
    let mut head = [0; 4];
    let filled = File::open(layer)?.read(&mut head)?;
    let file = io::BufReader::with_capacity(1 << 18, File::open(layer)?);
    let reader: Box<dyn Read> = match Compression::detect(&head[..filled]) {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    };
    let mut hashing = Hashing { inner: reader, hasher: Sha256::new() };
    let mut unpacker = Unpacker { root: open_folder(target)?, folder_times: BTreeMap::new() };
    let mut archive = Archive::new(&mut hashing);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        unpacker
            .entry(&mut entry, &path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    unpacker.finish()?;
    // What follows the end-of-archive mark belongs to the digest too.
    io::copy(&mut hashing, &mut io::sink())?;
    Ok(format!("sha256:{}", hex(&hashing.hasher.finalize())))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Unpacker {
    root: OwnedFd,
    /// Folders' times are set last: filling a folder changes them.
    folder_times: BTreeMap<PathBuf, i64>,
}

impl Unpacker {
    fn entry(&mut self, entry: &mut Entry<'_, impl Read>, path: &Path) -> io::Result<()> {
        let Some((folder, name)) = split(path)? else { return self.root_entry(entry) };
        let parent = self.folder(&folder)?;
        let text = name.to_string_lossy();
        if text == ".wh..wh..opq" {
            return rfs::fsetxattr(&parent, "trusted.overlay.opaque", b"y", rfs::XattrFlags::empty())
                .map_err(io::Error::from);
        }
        if let Some(hidden) = text.strip_prefix(".wh.") {
            remove(&parent, hidden)?;
            return rfs::mknodat(&parent, hidden, FileType::CharacterDevice, Mode::empty(), 0).map_err(io::Error::from);
        }
        self.make(entry, &parent, &text, &folder.join(&*text))
    }

    fn root_entry(&mut self, entry: &Entry<'_, impl Read>) -> io::Result<()> {
        let mode = Mode::from_raw_mode(entry.header().mode()?);
        rfs::fchmod(&self.root, mode).map_err(io::Error::from)
    }

    fn make(&mut self, entry: &mut Entry<'_, impl Read>, parent: &OwnedFd, name: &str, path: &Path) -> io::Result<()> {
        let header = entry.header().clone();
        let kind = header.entry_type();
        let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
        let is_folder = kind == EntryType::Directory;
        if !(is_folder && is_directory(parent, name)) {
            remove(parent, name)?;
        }
        match kind {
            EntryType::Directory => match rfs::mkdirat(parent, name, Mode::RWXU) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            },
            EntryType::Symlink => rfs::symlinkat(link_name(entry)?, parent, name)?,
            EntryType::Link => return self.hard_link(&link_name(entry)?, parent, name),
            EntryType::Char | EntryType::Block | EntryType::Fifo => self.node(&header, parent, name)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                let mut file = File::from(rfs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?);
                io::copy(entry, &mut file)?;
            }
            // Global and unknown headers carry nothing for the tree.
            _ => return Ok(()),
        }
        let (uid, gid) = (Uid::from_raw(header.uid()? as u32), Gid::from_raw(header.gid()? as u32));
        rfs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        if kind != EntryType::Symlink {
            rfs::chmodat(parent, name, mode, AtFlags::empty())?;
            self.attributes(entry, parent, name)?;
        }
        let seconds = header.mtime()? as i64;
        if is_folder {
            self.folder_times.insert(path.to_owned(), seconds);
            return Ok(());
        }
        set_time(parent, name, seconds)
    }

    fn node(&self, header: &tar::Header, parent: &OwnedFd, name: &str) -> io::Result<()> {
        let (kind, device) = match header.entry_type() {
            EntryType::Fifo => (FileType::Fifo, 0),
            EntryType::Char => (FileType::CharacterDevice, device(header)?),
            _ => (FileType::BlockDevice, device(header)?),
        };
        rfs::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device).map_err(io::Error::from)
    }

    /// The target is a name within the layer, resolved like every other.
    fn hard_link(&self, target: &Path, parent: &OwnedFd, name: &str) -> io::Result<()> {
        let Some((folder, file)) = split(target)? else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a hard link to the root"));
        };
        let from = self.existing(&folder)?;
        rfs::linkat(&from, &*file.to_string_lossy(), parent, name, AtFlags::empty()).map_err(io::Error::from)
    }

    fn attributes(&self, entry: &mut Entry<'_, impl Read>, parent: &OwnedFd, name: &str) -> io::Result<()> {
        let Some(extensions) = entry.pax_extensions()? else { return Ok(()) };
        let mut wanted = Vec::new();
        for extension in extensions {
            let extension = extension?;
            if let Some(attribute) = extension.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) {
                wanted.push((attribute.to_owned(), extension.value_bytes().to_vec()));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let file = rfs::openat(
            parent,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK,
            Mode::empty(),
        )?;
        for (attribute, value) in wanted {
            rfs::fsetxattr(&file, &*attribute, &value, rfs::XattrFlags::empty())?;
        }
        Ok(())
    }

    /// The folder at `path` beneath the root, made where it is missing.
    fn folder(&self, path: &Path) -> io::Result<OwnedFd> {
        if let Ok(folder) = self.existing(path) {
            return Ok(folder);
        }
        let mut made = PathBuf::new();
        for component in path.components() {
            let parent = self.existing(&made)?;
            made.push(component);
            match rfs::mkdirat(&parent, component.as_os_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.existing(path)
    }

    fn existing(&self, path: &Path) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        rfs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
            .map_err(io::Error::from)
    }

    fn finish(&self) -> io::Result<()> {
        for (path, seconds) in self.folder_times.iter().rev() {
            let Some((folder, name)) = split(path)? else { continue };
            // A later entry may have replaced the folder by something else.
            let Ok(parent) = self.existing(&folder) else { continue };
            if is_directory(&parent, &name.to_string_lossy()) {
                set_time(&parent, &name.to_string_lossy(), *seconds)?;
            }
        }
        Ok(())
    }
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    rfs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(io::Error::from)
}

/// `(folder, last name)` without `.` and leading `/`; `None` for the root itself. `..` is refused.
fn split(path: &Path) -> io::Result<Option<(PathBuf, std::ffi::OsString)>> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a name with .. in a layer"));
            }
        }
    }
    let Some(name) = clean.file_name().map(ToOwned::to_owned) else { return Ok(None) };
    clean.pop();
    Ok(Some((clean, name)))
}

fn link_name(entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
    let name = entry.link_name()?;
    name.map(|name| name.into_owned())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a link without a target"))
}

fn device(header: &tar::Header) -> io::Result<u64> {
    let major = header.device_major()?.unwrap_or_default();
    let minor = header.device_minor()?.unwrap_or_default();
    Ok(rfs::makedev(major, minor))
}

fn is_directory(parent: impl AsFd, name: &str) -> bool {
    rfs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Removes what an earlier entry of the same layer has put there.
fn remove(parent: &OwnedFd, name: &str) -> io::Result<()> {
    match rfs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(rustix::io::Errno::ISDIR) => remove_tree(parent, name),
        Err(error) => Err(error.into()),
    }
}

fn remove_tree(parent: &OwnedFd, name: &str) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rfs::openat(parent, name, flags, Mode::empty())?;
    for entry in rfs::Dir::read_from(&folder)? {
        let entry = entry?;
        let child = entry.file_name().to_string_lossy().into_owned();
        if child != "." && child != ".." {
            remove(&folder, &child)?;
        }
    }
    rfs::unlinkat(parent, name, AtFlags::REMOVEDIR).map_err(io::Error::from)
}

fn set_time(parent: &OwnedFd, name: &str, seconds: i64) -> io::Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rfs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
}
