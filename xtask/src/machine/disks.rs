//! The machine's two disks: Debian, made once and kept in the cache, and the work of one run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{cache_dir, output, run, target_dir};
use crate::tools;

/// Raised when the base disk changes, so that old caches are not used.
const EDITION: &str = "machine-1";

/// What the machine has installed.
const INSTALLED: &str = "linux-image-cloud-amd64,systemd-sysv,kmod,iproute2,docker-registry,ca-certificates,procps,\
    nftables,dnsutils,curl,busybox-static,e2fsprogs";

/// Debian with a cloud kernel, and beside it `boot/vmlinuz` and `boot/initrd.img`.
pub fn base() -> Result<PathBuf> {
    let folder = cache_dir()?.join(EDITION);
    let disk = folder.join("base.ext4");
    if disk.exists() {
        return Ok(disk);
    }
    let root = folder.join("root");
    for old in [&root, &folder.join("boot")] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    fs::create_dir_all(folder.join("boot"))?;
    let include = format!("--include={INSTALLED}");
    run("mmdebstrap", &["--quiet", "--variant=minbase", &include, "bookworm", text(&root)?])?;
    for (pattern, name) in [("vmlinuz-", "vmlinuz"), ("initrd.img-", "initrd.img")] {
        fs::copy(newest(&root.join("boot"), pattern)?, folder.join("boot").join(name))?;
    }
    script(&root.join("machine-init"), include_str!("init.sh"))?;
    let units = root.join("etc/systemd/system");
    fs::write(units.join("story.service"), include_str!("story.service"))?;
    fs::create_dir_all(units.join("multi-user.target.wants"))?;
    std::os::unix::fs::symlink("../story.service", units.join("multi-user.target.wants/story.service"))?;
    fs::create_dir_all(root.join("work"))?;
    let half = folder.join("base.half");
    ext4(&half, &root, "2G")?;
    fs::rename(&half, &disk)?;
    fs::remove_dir_all(&root)?;
    Ok(disk)
}

/// The binaries, the images and the command of one run.
pub fn work(stories: &[&str]) -> Result<PathBuf> {
    let folder = cache_dir()?.join(EDITION).join(format!("work-{}", std::process::id()));
    let images = PathBuf::from(output(text(&target_dir().join("release/e2e"))?, &["--images"])?.trim());
    let name = images.file_name().context("the images lie in a folder")?;
    fs::create_dir_all(folder.join("tmp"))?;
    fs::create_dir_all(folder.join("cache/oxkube").join(name))?;
    for part in ["registry", "done"] {
        let to = folder.join("cache/oxkube").join(name);
        run("cp", &["-a", text(&images.join(part))?, text(&to)?])?;
    }
    for binary in ["oxkube", "e2e"] {
        fs::copy(target_dir().join("release").join(binary), folder.join(binary))?;
    }
    fs::copy(tools::kubectl(tools::CI[0].0)?, folder.join("kubectl"))?;
    let stories = stories.join(" ");
    script(
        &folder.join("run"),
        &format!(
            "#!/bin/sh\nexport XDG_CACHE_HOME=/work/cache OXKUBE_BIN=/work/oxkube OXKUBE_KUBECTL=/work/kubectl\nexec /work/e2e {stories}\n"
        ),
    )?;
    let disk = folder.with_extension("ext4");
    ext4(&disk, &folder, "4G")?;
    fs::remove_dir_all(&folder)?;
    Ok(disk)
}

/// A sparse file with a file system that holds what `content` has.
fn ext4(disk: &Path, content: &Path, size: &str) -> Result<()> {
    if disk.exists() {
        fs::remove_file(disk)?;
    }
    run("truncate", &["-s", size, text(disk)?])?;
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", text(content)?, text(disk)?])
}

fn script(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

fn newest(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    found.sort();
    found.pop().with_context(|| format!("{} has no {prefix}*", folder.display()))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is text")
}
