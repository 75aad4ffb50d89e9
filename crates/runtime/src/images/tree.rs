//! A directory tree that an archive from outside is written into. Every parent is opened with openat2(RESOLVE_IN_ROOT), so that
//! neither `..` nor a symbolic link in the archive leads out of the tree. Leaves out what the entries mean: that is `layer`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};

/// A tree, and the parent that was opened last (archives list a directory's entries together).
pub struct Tree {
    root: OwnedFd,
    last: Option<(PathBuf, std::rc::Rc<OwnedFd>)>,
}

/// A place in the tree: an open directory and a name in it.
#[derive(Clone)]
pub struct Place {
    pub parent: std::rc::Rc<OwnedFd>,
    pub name: OsString,
}

impl Tree {
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: rustix::fs::openat(CWD, path, flags, Mode::empty())?, last: None })
    }

    /// The place that a clean path names. `missing` makes a directory that is not there (and is told its whole path).
    pub fn place(&mut self, path: &Path, missing: &mut Missing<'_>) -> io::Result<Place> {
        let name = path.file_name().ok_or_else(|| io::Error::other("the archive names its own root"))?.to_owned();
        let parent_path = path.parent().unwrap_or(Path::new(""));
        if let Some((last, parent)) = &self.last
            && last == parent_path
        {
            return Ok(Place { parent: parent.clone(), name });
        }
        let parent = std::rc::Rc::new(self.directory_at(parent_path, missing)?);
        self.last = Some((parent_path.to_owned(), parent.clone()));
        Ok(Place { parent, name })
    }

    /// Forgets the last parent: needed when something that may be part of its path was replaced.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// The entry at a path if there is one; its last component is not followed.
    pub fn find(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat2(&self.root, relative(path), flags, Mode::empty(), in_root()) {
            Ok(found) => Ok(Some(found)),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory that a clean path names; `missing` as above.
    pub fn directory_at(&self, path: &Path, missing: &mut Missing<'_>) -> io::Result<OwnedFd> {
        if let Ok(found) = self.directory(path) {
            return Ok(found);
        }
        let mut so_far = PathBuf::new();
        let mut current = self.directory(Path::new(""))?;
        for component in path.components() {
            so_far.push(component);
            current = match self.directory(&so_far) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let name = component.as_os_str().to_owned();
                    missing(&Place { parent: std::rc::Rc::new(current), name }, &so_far)?;
                    self.directory(&so_far)?
                }
                Err(error) => return Err(error),
            };
        }
        Ok(current)
    }

    fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat2(&self.root, relative(path), flags, Mode::empty(), in_root())?)
    }
}

/// Makes a directory that an archive takes for granted.
pub type Missing<'a> = dyn FnMut(&Place, &Path) -> io::Result<()> + 'a;

impl Place {
    pub fn stat(&self) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&*self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A path for calls that take no directory: through /proc, so still bound to the open parent.
    pub fn proc_path(&self) -> PathBuf {
        Path::new("/proc/self/fd").join(self.parent.as_raw_fd().to_string()).join(&self.name)
    }

    pub fn sibling(&self, name: &OsStr) -> Place {
        Place { parent: self.parent.clone(), name: name.to_owned() }
    }

    /// Removes whatever is here, a whole directory too.
    pub fn clear(&self) -> io::Result<()> {
        match self.stat()? {
            None => Ok(()),
            Some(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => std::fs::remove_dir_all(self.proc_path()),
            Some(_) => Ok(rustix::fs::unlinkat(&*self.parent, &self.name, AtFlags::empty())?),
        }
    }
}

/// A character device 0:0 is how overlayfs marks a name of a lower layer as removed.
pub fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// A path of an archive as a clean relative path: `./`, `/` and `..` cannot lead above the root.
pub fn clean(path: &[u8]) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    clean
}

fn relative(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn in_root() -> ResolveFlags {
    ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (given, expected) in
            [("./a/b", "a/b"), ("/etc/passwd", "etc/passwd"), ("../../x", "x"), ("a/../../b", "b"), ("./", "")]
        {
            assert_eq!(clean(given.as_bytes()), Path::new(expected), "{given}");
        }
    }
}
