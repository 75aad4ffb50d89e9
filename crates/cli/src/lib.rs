//! kubectl's everyday verbs, flags and output, for machines without kubectl. One file per verb; what is not served says so.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

mod cluster;
mod discovery;
mod error;
mod files;
mod flags;
mod kubeconfig;
mod output;
mod remote;
mod terminal;
#[cfg(test)]
mod testing;
mod verbs;

use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;

pub use error::Error;

/// Runs one command line (without the program's name) that began at `now`. Errors go to stderr as kubectl words them; exit code 1, and 2
/// of `diff`, whose 1 says that there are differences.
pub fn main(arguments: Vec<String>, now: Timestamp) -> ExitCode {
    ExitCode::from(run(arguments, now))
}

fn run(arguments: Vec<String>, now: Timestamp) -> u8 {
    let arguments = flags::plain(arguments);
    let parsed = match flags::Command::try_parse_from(std::iter::once("kubectl".to_owned()).chain(arguments.clone())) {
        Ok(parsed) => parsed,
        Err(error) => return flags::refuse(&error, &arguments),
    };
    let failure = parsed.verb.failure();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            warnln!("error: start the async runtime: {error}");
            return failure;
        }
    };
    let code = match runtime.block_on(verbs::run(parsed, now)) {
        Ok(code) => code,
        Err(Error::Silent(code)) => code,
        Err(error) => {
            warnln!("{error}");
            failure
        }
    };
    // A read of stdin may still be under way: nobody waits for it.
    runtime.shutdown_background();
    code
}
