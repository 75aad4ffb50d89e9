//! Writes one layer archive into a directory of its own, in the form overlayfs reads: removed names become character devices 0:0,
//! opaque directories carry trusted.overlay.opaque. Hard links to and implied parents from lower layers are copied up from them.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use tar::EntryType;

use super::tree::{Place, Tree, clean, is_whiteout};

const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE_MARK: &[u8] = b".wh..wh..opq";
const OPAQUE_ATTRIBUTE: &str = "trusted.overlay.opaque";
const PAX_ATTRIBUTE: &str = "SCHILY.xattr.";

#[derive(Debug, thiserror::Error)]
#[error("layer entry {path:?}")]
pub struct LayerError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Applies an uncompressed archive below `root`; `parents` are the directories of the lower layers, nearest first. Gives the
/// number of bytes of all files.
pub fn apply(archive: impl Read, root: &Path, parents: &[PathBuf]) -> Result<u64, LayerError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| LayerError { path, source }
    };
    let tree = Tree::open(root).map_err(at(root))?;
    let lower = parents.iter().map(|path| Tree::open(path)).collect::<io::Result<_>>().map_err(at(root))?;
    let mut layer = Layer { tree, lower, directories: Vec::new(), size: 0 };
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(at(root))? {
        let mut entry = entry.map_err(at(root))?;
        let path = clean(&entry.path_bytes());
        layer.entry(&path, &mut entry).map_err(at(&path))?;
    }
    layer.finish().map_err(at(root))?;
    Ok(layer.size)
}

struct Layer {
    tree: Tree,
    lower: Vec<Tree>,
    /// Directories whose times are set at the end, since writing into them changes them.
    directories: Vec<(Place, Timestamps)>,
    size: u64,
}

/// What an archive says of an entry beside its content.
struct Attributes {
    mode: u32,
    uid: u64,
    gid: u64,
    times: Timestamps,
    extended: Vec<(String, Vec<u8>)>,
}

impl Layer {
    fn entry<R: Read>(&mut self, path: &Path, entry: &mut tar::Entry<'_, R>) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() || (path.as_os_str().is_empty() && !kind.is_dir()) {
            return Ok(());
        }
        let attributes = Attributes::read(entry)?;
        if path.as_os_str().is_empty() {
            return self.root(&attributes);
        }
        let place = self.place(path)?;
        let name = place.name.as_bytes();
        if name == OPAQUE_MARK {
            return self.make_opaque(path);
        }
        if let Some(removed) = name.strip_prefix(WHITEOUT_PREFIX) {
            // Names that begin with .wh..wh. are notes of aufs to itself.
            return if removed.starts_with(WHITEOUT_PREFIX) { Ok(()) } else { self.whiteout(&place, removed) };
        }
        match kind {
            EntryType::Directory => self.directory(&place, &attributes),
            EntryType::Link => self.hard_link(&place, entry),
            _ => {
                self.make_room(&place)?;
                self.leaf(&place, kind, entry)?;
                attributes.set(&place, kind != EntryType::Symlink)
            }
        }
    }

    fn place(&mut self, path: &Path) -> io::Result<Place> {
        let lower = &self.lower;
        self.tree.place(path, &mut |place, path| implied_directory(lower, place, path))
    }

    fn root(&mut self, attributes: &Attributes) -> io::Result<()> {
        // `root/.` names the root from inside, so that the same calls serve.
        let place = self.place(Path::new("x"))?.sibling(OsStr::new("."));
        attributes.set(&place, true)?;
        self.directories.push((place, attributes.times.clone()));
        Ok(())
    }

    fn make_opaque(&mut self, mark: &Path) -> io::Result<()> {
        let Some(directory) = mark.parent().filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(());
        };
        let place = self.place(directory)?;
        Ok(rustix::fs::lsetxattr(place.proc_path(), OPAQUE_ATTRIBUTE, b"y", XattrFlags::empty())?)
    }

    /// A removed name. If this layer has made it already, only what lies below is hidden.
    fn whiteout(&mut self, place: &Place, removed: &[u8]) -> io::Result<()> {
        let removed = place.sibling(OsStr::from_bytes(removed));
        match removed.stat()? {
            Some(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => {
                Ok(rustix::fs::lsetxattr(removed.proc_path(), OPAQUE_ATTRIBUTE, b"y", XattrFlags::empty())?)
            }
            Some(_) => Ok(()),
            None => {
                let mode = Mode::empty();
                Ok(rustix::fs::mknodat(&*removed.parent, &removed.name, FileType::CharacterDevice, mode, 0)?)
            }
        }
    }

    fn directory(&mut self, place: &Place, attributes: &Attributes) -> io::Result<()> {
        match place.stat()? {
            Some(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => {}
            existing => {
                let replaces_removed = existing.is_some_and(|stat| is_whiteout(&stat));
                self.make_room(place)?;
                rustix::fs::mkdirat(&*place.parent, &place.name, Mode::RWXU)?;
                if replaces_removed {
                    rustix::fs::lsetxattr(place.proc_path(), OPAQUE_ATTRIBUTE, b"y", XattrFlags::empty())?;
                }
            }
        }
        attributes.set(place, true)?;
        self.directories.push((place.clone(), attributes.times.clone()));
        Ok(())
    }

    fn hard_link<R: Read>(&mut self, place: &Place, entry: &tar::Entry<'_, R>) -> io::Result<()> {
        let target_path =
            clean(&entry.link_name_bytes().ok_or_else(|| io::Error::other("a hard link without a target"))?);
        let target = self.place(&target_path)?;
        if target.stat()?.is_none_or(|stat| is_whiteout(&stat)) {
            let source = find_lower(&self.lower, &target_path)?.ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("hard link to {target_path:?}, which no layer has"))
            })?;
            target.clear()?;
            copy_up(&source, &target)?;
        }
        self.make_room(place)?;
        Ok(rustix::fs::linkat(&*target.parent, &target.name, &*place.parent, &place.name, AtFlags::empty())?)
    }

    fn leaf<R: Read>(&mut self, place: &Place, kind: EntryType, entry: &mut tar::Entry<'_, R>) -> io::Result<()> {
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&*place.parent, &place.name, flags, Mode::RUSR | Mode::WUSR)?;
                self.size += io::copy(entry, &mut std::fs::File::from(file))?;
                Ok(())
            }
            EntryType::Symlink => {
                let target =
                    entry.link_name_bytes().ok_or_else(|| io::Error::other("a symbolic link without a target"))?;
                Ok(rustix::fs::symlinkat(OsStr::from_bytes(&target), &*place.parent, &place.name)?)
            }
            EntryType::Char => node(place, FileType::CharacterDevice, entry.header()),
            EntryType::Block => node(place, FileType::BlockDevice, entry.header()),
            EntryType::Fifo => node(place, FileType::Fifo, entry.header()),
            other => Err(io::Error::other(format!("unknown entry type {other:?}"))),
        }
    }

    fn make_room(&mut self, place: &Place) -> io::Result<()> {
        if place.stat()?.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()) {
            self.tree.forget();
        }
        place.clear()
    }

    fn finish(&mut self) -> io::Result<()> {
        for (place, times) in self.directories.iter().rev() {
            // A directory that a later entry replaced has no times to set.
            if place.stat()?.is_some() {
                rustix::fs::utimensat(&*place.parent, &place.name, times, AtFlags::SYMLINK_NOFOLLOW)?;
            }
        }
        Ok(())
    }
}

fn node(place: &Place, kind: FileType, header: &tar::Header) -> io::Result<()> {
    let device = rustix::fs::makedev(header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0));
    Ok(rustix::fs::mknodat(&*place.parent, &place.name, kind, Mode::RUSR | Mode::WUSR, device)?)
}

/// A parent that the archive does not list looks as it does in the layers below (/tmp keeps its sticky bit).
fn implied_directory(lower: &[Tree], place: &Place, path: &Path) -> io::Result<()> {
    rustix::fs::mkdirat(&*place.parent, &place.name, Mode::from_raw_mode(0o755))?;
    if let Some(source) = find_lower(lower, path)? {
        let stat = rustix::fs::fstat(&source)?;
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            Attributes::of(&source)?.set(place, true)?;
        }
    }
    Ok(())
}

/// The nearest lower layer's entry at a path, unless a layer above it has removed it or one of its parents.
fn find_lower(lower: &[Tree], path: &Path) -> io::Result<Option<std::os::fd::OwnedFd>> {
    for tree in lower {
        if let Some(found) = tree.find(path)? {
            return Ok(if is_whiteout(&rustix::fs::fstat(&found)?) { None } else { Some(found) });
        }
        for ancestor in path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()) {
            if let Some(found) = tree.find(ancestor)? {
                if is_whiteout(&rustix::fs::fstat(&found)?) || is_opaque(&found) {
                    return Ok(None);
                }
                break;
            }
        }
    }
    Ok(None)
}

fn is_opaque(directory: &std::os::fd::OwnedFd) -> bool {
    let mut value = [0_u8; 1];
    rustix::fs::getxattr(through_proc(directory), OPAQUE_ATTRIBUTE, &mut value)
        .is_ok_and(|length| length == 1 && value[0] == b'y')
}

fn copy_up(source: &std::os::fd::OwnedFd, target: &Place) -> io::Result<()> {
    let stat = rustix::fs::fstat(source)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let mut from = std::fs::File::open(through_proc(source))?;
            let mut to = std::fs::OpenOptions::new().write(true).create_new(true).open(target.proc_path())?;
            io::copy(&mut from, &mut to)?;
        }
        FileType::Symlink => {
            let link = rustix::fs::readlinkat(source, "", Vec::new())?;
            rustix::fs::symlinkat(&link, &*target.parent, &target.name)?;
            return Ok(());
        }
        FileType::Directory => return Err(io::Error::other("a hard link to a directory")),
        kind => rustix::fs::mknodat(&*target.parent, &target.name, kind, Mode::empty(), stat.st_rdev)?,
    }
    Attributes::of(source)?.set(target, true)
}

fn through_proc(file: &std::os::fd::OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

impl Attributes {
    fn read<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Self> {
        let header = entry.header();
        let old = header.as_old();
        let mode = if is_blank(&old.mode) { 0 } else { header.mode()? };
        let uid = if is_blank(&old.uid) { 0 } else { header.uid()? };
        let gid = if is_blank(&old.gid) { 0 } else { header.gid()? };
        let mut modified = Timespec { tv_sec: i64::try_from(header.mtime()?).unwrap_or(0), tv_nsec: 0 };
        let mut extended = Vec::new();
        if let Some(extensions) = entry.pax_extensions()? {
            for extension in extensions {
                let extension = extension?;
                let key = extension.key().map_err(io::Error::other)?;
                // trusted.* is ours to set: an image that could, would redirect overlayfs.
                if let Some(name) = key.strip_prefix(PAX_ATTRIBUTE).filter(|name| !name.starts_with("trusted.")) {
                    extended.push((name.to_owned(), extension.value_bytes().to_owned()));
                } else if key == "mtime" {
                    modified = parse_time(extension.value().map_err(io::Error::other)?).unwrap_or(modified);
                }
            }
        }
        let times = Timestamps { last_access: modified, last_modification: modified };
        Ok(Self { mode, uid, gid, times, extended })
    }

    /// As found on disk, without overlayfs' own marks.
    fn of(source: &std::os::fd::OwnedFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(source)?;
        let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
        let times = Timestamps { last_access: time, last_modification: time };
        let path = through_proc(source);
        let mut names = vec![0_u8; 64 * 1024];
        let length = rustix::fs::listxattr(&path, &mut names[..])?;
        let mut extended = Vec::new();
        for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = String::from_utf8_lossy(name).into_owned();
            if name.starts_with("trusted.overlay.") {
                continue;
            }
            let mut value = vec![0_u8; 64 * 1024];
            let length = rustix::fs::getxattr(&path, name.as_str(), &mut value[..])?;
            value.truncate(length);
            extended.push((name, value));
        }
        Ok(Self { mode: stat.st_mode & 0o7777, uid: stat.st_uid.into(), gid: stat.st_gid.into(), times, extended })
    }

    /// Owner first: changing it drops set-id bits and file capabilities.
    fn set(&self, place: &Place, has_mode: bool) -> io::Result<()> {
        let id =
            |id: u64| u32::try_from(id).map_err(|_| io::Error::other(format!("owner id {id} does not fit 32 bits")));
        let (uid, gid) = (Uid::from_raw(id(self.uid)?), Gid::from_raw(id(self.gid)?));
        rustix::fs::chownat(&*place.parent, &place.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        if has_mode {
            rustix::fs::chmodat(
                &*place.parent,
                &place.name,
                Mode::from_raw_mode(self.mode & 0o7777),
                AtFlags::empty(),
            )?;
        }
        for (name, value) in &self.extended {
            match rustix::fs::lsetxattr(place.proc_path(), name.as_str(), value, XattrFlags::empty()) {
                Ok(()) => {}
                // Security labels and user attributes of symbolic links that this file system does not know.
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::PERM) if name != "security.capability" => {
                    tracing::debug!(attribute = name, "extended attribute of a layer entry is not supported here");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(rustix::fs::utimensat(&*place.parent, &place.name, &self.times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// A numeric field that was never written is zero.
fn is_blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

/// Seconds with an optional fraction, as pax writes times.
fn parse_time(text: &str) -> Option<Timespec> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let nanoseconds: i64 = if fraction.is_empty() { 0 } else { digits.parse().ok()? };
    Some(Timespec { tv_sec: seconds.parse().ok()?, tv_nsec: nanoseconds as _ })
}

/// Reads a file of a stack of layers, topmost first, going through symbolic links.
pub fn read(layers: &[PathBuf], path: &Path) -> io::Result<Option<Vec<u8>>> {
    const LINKS_MAX: usize = 16;
    let trees = layers.iter().map(|layer| Tree::open(layer)).collect::<io::Result<Vec<_>>>()?;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Some(found) = find_lower(&trees, &path)? else { return Ok(None) };
        match FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) {
            FileType::RegularFile => return std::fs::read(through_proc(&found)).map(Some),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&found, "", Vec::new())?;
                let from = path.parent().unwrap_or(Path::new(""));
                path = clean(from.join(OsStr::from_bytes(target.as_bytes())).as_os_str().as_bytes());
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}
