//! hostPath: a path of the node, checked or made by its type.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::HostPathVolumeSource;

use super::VolumeError;

pub(super) fn set_up(source: &HostPathVolumeSource) -> Result<PathBuf, VolumeError> {
    let path = PathBuf::from(&source.path);
    match source.type_.as_deref().unwrap_or_default() {
        "" => {}
        "DirectoryOrCreate" => {
            if !exists(&path)? {
                fs::create_dir_all(&path).map_err(VolumeError::file("create directory", &path))?;
                permit(&path, 0o755)?;
            }
            check(&path, "directory", |kind| kind.is_dir())?;
        }
        "FileOrCreate" => {
            if !exists(&path)? {
                fs::File::create(&path).map_err(VolumeError::file("create file", &path))?;
                permit(&path, 0o644)?;
            }
            check(&path, "file", |kind| kind.is_file())?;
        }
        "Directory" => check(&path, "directory", |kind| kind.is_dir())?,
        "File" => check(&path, "file", |kind| kind.is_file())?,
        "Socket" => check(&path, "socket file", |kind| kind.is_socket())?,
        "CharDevice" => check(&path, "character device", |kind| kind.is_char_device())?,
        "BlockDevice" => check(&path, "block device", |kind| kind.is_block_device())?,
        other => return Err(VolumeError::Unsupported(format!("hostPath type {other}"))),
    }
    Ok(path)
}

fn exists(path: &Path) -> Result<bool, VolumeError> {
    path.try_exists().map_err(VolumeError::file("look at", path))
}

fn permit(path: &Path, mode: u32) -> Result<(), VolumeError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(VolumeError::file("set mode of", path))
}

fn check(path: &Path, wanted: &'static str, is: impl Fn(&fs::FileType) -> bool) -> Result<(), VolumeError> {
    match fs::metadata(path) {
        Ok(metadata) if is(&metadata.file_type()) => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(VolumeError::file("look at", path)(error)),
        _ => Err(VolumeError::HostPathType { path: path.to_owned(), wanted }),
    }
}
