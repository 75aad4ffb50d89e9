//! The binary: reads the command line and starts what it asks for. Errors of use end with one line and exit code 2.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

mod agent;
mod certificate;
mod cluster_settings;
mod components;
mod demo;
mod edge;
mod edge_sockets;
mod env;
mod first_process;
mod flags;
mod image;
mod join;
mod ledger;
mod logging;
mod node;
mod node_client;
mod pod_network;
mod preflight;
mod renewal;
mod role;
mod server;
mod server_address;
mod uninstall;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clap::error::ErrorKind;

use flags::{Command, Verb};

/// How a run can fail: by its user's hand (exit code 2) or by something breaking (1).
#[derive(Debug)]
enum Failure {
    Use(String),
    Broken(anyhow::Error),
}

impl From<preflight::Refusal> for Failure {
    fn from(refusal: preflight::Refusal) -> Self {
        Self::Use(refusal.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

fn main() -> ExitCode {
    // Called as kubectl, it is kubectl.
    let mut arguments = std::env::args();
    if arguments.next().is_some_and(|name| name.rsplit('/').next() == Some("kubectl")) {
        return cli::main(arguments.collect(), env::now());
    }
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => return usage(&error),
    };
    match run(command.verb) {
        Ok(code) => code,
        Err(Failure::Use(text)) => {
            eprintln!("oxkube: {text}");
            ExitCode::from(2)
        }
        Err(Failure::Broken(error)) => {
            eprintln!("oxkube: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode, Failure> {
    if matches!(verb, Verb::Server(_) | Verb::Agent(_))
        && let Some(code) = first_process::stand_before().context("stay before the node")?
    {
        return Ok(code);
    }
    match verb {
        Verb::Server(flags) => server::run(*flags),
        Verb::Agent(flags) => agent::run(*flags),
        Verb::Kubectl { arguments } => Ok(cli::main(arguments, env::now())),
        Verb::Image { data_dir, verb } => image::run(&data_dir, verb),
        Verb::Uninstall { data_dir } => uninstall::run(&data_dir),
        Verb::Internal { arguments } => Ok(internal(arguments)),
        Verb::Version => {
            println!("oxkube {} (Kubernetes v1.37.0)", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Processes that the node starts by itself.
fn internal(arguments: Vec<String>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    match arguments.next().as_deref() {
        Some("demo") => demo::main(),
        Some("edge") => edge::main(arguments.collect(), env::of_spawner()),
        Some("supervisor") => runtime::supervisor::main(arguments),
        other => {
            eprintln!("oxkube internal: {:?} is none of its processes", other.unwrap_or_default());
            ExitCode::from(2)
        }
    }
}

/// Help goes to stdout; a mistake is one line that names the flag.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        print!("{}", error.render());
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    // What is missing is listed on lines of its own.
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let line = lines.join(" ");
    let line = line.trim_start_matches("error: ");
    eprintln!("oxkube: {line}; see oxkube --help");
    ExitCode::from(2)
}
