//! `attach`: the streams of a container that runs.

use clap::Args;

use super::exec::{path, tty};
use super::{target, wait};
use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::remote::channels::{Input, PROTOCOL, Streams, run as carry, told};
use crate::remote::open;
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
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let Some(name) = &flags.target else { return usage("at least 1 argument is required for attach") };
    let pod = target::pod(cluster, name, wait::duration(&flags.pod_running_timeout)?).await?;
    target::refuse_completed(&pod, "attach to")?;
    let container = target::container(&pod, flags.container.as_deref(), flags.quiet)?;
    let spec =
        pod["spec"]["containers"].as_array().into_iter().flatten().find(|spec| spec["name"] == container.as_str());
    let has_tty = spec.is_some_and(|spec| spec["tty"] == true);
    if flags.tty && !has_tty && !flags.quiet {
        warnln!("error: Unable to use a TTY - container {container} did not allocate one");
    }
    let streams = Streams { stdin: flags.stdin, tty: tty(flags.tty && has_tty, flags.stdin, flags.quiet) };
    if !flags.quiet && streams.stdin && streams.tty {
        warnln!("If you don't see a command prompt, try pressing enter.");
    }
    let socket = open(cluster, &path(&pod, "attach", &container, &streams), PROTOCOL).await?;
    let input = if streams.stdin { Input::Stdin } else { Input::Nothing };
    let show = &mut |bytes: &[u8]| {
        terminal::out(bytes);
        Ok(())
    };
    Ok(told(carry(socket, streams, input, show).await?))
}
