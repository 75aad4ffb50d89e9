//! The house rules, as a test: edges between rooms, file and function lengths, what may not stand in the code.

mod edges;
mod features;
mod fuzz;
mod lengths;
mod text;

use anyhow::{Result, bail};

use crate::process::output;

/// Checks everything and reports everything that is wrong.
pub fn run() -> Result<()> {
    let listing = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    let files: Vec<&str> = listing.lines().filter(|path| std::path::Path::new(path).exists()).collect();
    let mut wrong = edges::check()?;
    wrong.extend(features::check()?);
    wrong.extend(fuzz::check());
    for path in files.iter().filter(|path| path.ends_with(".rs")) {
        let code = std::fs::read_to_string(path)?;
        wrong.extend(text::check(path, &code));
        wrong.extend(lengths::check(path, &code));
    }
    wrong.extend(lengths::stale_exceptions(&files));
    for line in &wrong {
        println!("{line}");
    }
    if !wrong.is_empty() {
        bail!("tidy: {} findings", wrong.len());
    }
    Ok(())
}
