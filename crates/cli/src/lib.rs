//! kubectl's everyday verbs, flags and output, for machines without kubectl. One file per verb; what is not served says so.

mod cluster;
mod discovery;
mod error;
mod files;
mod flags;
mod output;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

pub use error::Error;

/// Runs one command line (without the program's name). Errors go to stderr as kubectl words them; exit code 1.
pub fn main(arguments: Vec<String>) -> ExitCode {
    let parsed = match flags::Command::try_parse_from(std::iter::once("kubectl".to_owned()).chain(arguments)) {
        Ok(parsed) => parsed,
        Err(error) => {
            print_usage(&error);
            return ExitCode::from(if error.use_stderr() { 1 } else { 0 });
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: start the async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(verbs::run(parsed)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_usage(error: &clap::Error) {
    if error.use_stderr() {
        eprint!("{}", error.render());
    } else {
        print!("{}", error.render());
    }
}
