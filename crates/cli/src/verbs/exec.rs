//! `exec`: a command in a container, with its streams and, if asked, a terminal.

use clap::Args;
use serde_json::Value;

use super::get::escape;
use super::{target, wait};
use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::remote::channels::{Input, Output, PROTOCOL, Streams, run as carry, told};
use crate::remote::{open, raw};
use crate::{terminal, warnln};

#[derive(Debug, Args)]
pub struct Flags {
    /// POD or TYPE/NAME
    pub target: Option<String>,
    #[arg(short, long)]
    pub container: Option<String>,
    #[arg(short = 'i', long)]
    pub stdin: bool,
    #[arg(short, long)]
    pub tty: bool,
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: String,
    #[arg(hide = true)]
    pub misplaced: Vec<String>,
    /// COMMAND and its arguments, after --
    #[arg(last = true)]
    pub command: Vec<String>,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let Some(name) = &flags.target else {
        return usage("pod, type/name or --filename must be specified");
    };
    if !flags.misplaced.is_empty() {
        return usage(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples",
        );
    }
    if flags.command.is_empty() {
        return usage("you must specify at least one command for the container");
    }
    let pod = target::pod(cluster, name, wait::duration(&flags.pod_running_timeout)?).await?;
    target::refuse_completed(&pod, "exec into")?;
    let container = target::container(&pod, flags.container.as_deref(), flags.quiet)?;
    let streams = Streams { stdin: flags.stdin, tty: tty(flags.tty, flags.stdin, flags.quiet) };
    let input = if streams.stdin { Input::Stdin } else { Input::Nothing };
    let show = &mut |bytes: &[u8]| {
        terminal::out(bytes);
        Ok(())
    };
    let command: Vec<&str> = flags.command.iter().map(String::as_str).collect();
    Ok(told(execute(cluster, (&pod, &container), &command, (streams, input), show).await?))
}

/// Runs a command in a container; the number is its exit code.
pub async fn execute(
    cluster: &Cluster,
    (pod, container): (&Value, &str),
    command: &[&str],
    (streams, input): (Streams, Input),
    stdout: Output<'_>,
) -> Result<u8> {
    let path = path(pod, "exec", container, &streams);
    let command: Vec<String> = command.iter().map(|word| format!("&command={}", escape(word))).collect();
    let socket = open(cluster, &format!("{path}{}", command.concat()), PROTOCOL).await?;
    carry(socket, streams, input, stdout).await
}

/// Whether a terminal can be had.
pub fn tty(asked: bool, stdin: bool, quiet: bool) -> bool {
    if asked && stdin && !raw::stdin_is_terminal() {
        if !quiet {
            warnln!("Unable to use a TTY - input is not a terminal or the right kind of file");
        }
        return false;
    }
    asked
}

/// The path of a stream, with the streams that are wanted.
pub fn path(pod: &Value, subresource: &str, container: &str, streams: &Streams) -> String {
    let text = |name: &str| pod["metadata"][name].as_str().unwrap_or_default().to_owned();
    let mut path = format!(
        "/api/v1/namespaces/{}/pods/{}/{subresource}?container={}&stdout=true",
        text("namespace"),
        text("name"),
        escape(container)
    );
    for (on, name) in [(streams.stdin, "stdin"), (!streams.tty, "stderr"), (streams.tty, "tty")] {
        if on {
            path.push_str(&format!("&{name}=true"));
        }
    }
    path
}
