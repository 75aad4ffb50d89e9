//! Volume kinds against the documentation: hostPath types and sub-paths. Those that mount do it in a namespace of their own.

use std::path::Path;

use k8s_openapi::api::core::v1::HostPathVolumeSource;

use super::*;
use crate::config::NoLedger;

#[test]
fn host_path_types() {
    let folder = tempfile::tempdir().unwrap();
    let set_up = |path: &Path, kind: &str| {
        let source = HostPathVolumeSource { path: path.display().to_string(), type_: Some(kind.to_owned()) };
        host_path::set_up(&source).map_err(|error| error.to_string())
    };
    let missing = folder.path().join("none");
    assert_eq!(set_up(&missing, "").unwrap(), missing);
    assert_eq!(
        set_up(&missing, "Directory").unwrap_err(),
        format!("hostPath type check failed: {} is not a directory", missing.display())
    );
    assert!(set_up(&folder.path().join("made"), "DirectoryOrCreate").unwrap().is_dir());
    let file = folder.path().join("file");
    assert!(set_up(&file, "FileOrCreate").unwrap().is_file());
    assert_eq!(
        set_up(&file, "Socket").unwrap_err(),
        format!("hostPath type check failed: {} is not a socket file", file.display())
    );
    assert!(set_up(Path::new("/dev/null"), "CharDevice").is_ok());
}

/// Runs `inside` on a thread with a mount namespace of its own, which ends with it. Without the right to, nothing is mounted.
fn in_mount_namespace(inside: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let unshared = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS | nix::sched::CloneFlags::CLONE_FS);
        unshared.expect("tests run as root");
        use rustix::mount::{MountPropagationFlags, mount_change};
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .expect("an own namespace can be made private");
        inside();
    });
    thread.join().expect("the checks hold");
}

#[test]
fn sub_paths_stay_inside_their_volume() {
    in_mount_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume");
        std::fs::create_dir_all(volume.join("a")).unwrap();
        std::fs::write(volume.join("a/file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", volume.join("out")).unwrap();
        let bind = |sub_path: &str, target: &str| {
            sub_path::bind(&NoLedger, &volume, Path::new(sub_path), &folder.path().join(target))
        };
        bind("a/file", "t/file").unwrap();
        bind("a/file", "t/file").unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("t/file")).unwrap(), "x");
        bind("new/deep", "t/new").unwrap();
        assert!(volume.join("new/deep").is_dir());
        assert!(bind("out/passwd", "t/out").is_err());
        assert!(bind("../volume", "t/up").is_err());
        teardown::tear_down(&NoLedger, &folder.path().join("t")).unwrap();
        assert!(!folder.path().join("t").exists() && volume.join("a/file").exists());
    });
}

#[test]
fn memory_volumes_are_mounted_once_and_taken_down() {
    in_mount_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let pod = folder.path().join("pods/u");
        let directory = pod.join("volumes/kubernetes.io~secret/s");
        tmpfs::mount(&NoLedger, &directory, None).unwrap();
        tmpfs::mount(&NoLedger, &directory, None).unwrap();
        assert!(tmpfs::is_mount_point(&directory).unwrap());
        std::fs::write(directory.join("x"), "1").unwrap();
        teardown::tear_down(&NoLedger, &pod).unwrap();
        assert!(!pod.exists());
    });
}
