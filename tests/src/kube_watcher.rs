//! Watches the ConfigMaps of a namespace with kube-rs' watcher and prints a line for whatever it hears:
//!
//! ```text
//! list                    a list begins
//! listed NAME REVISION    one of its objects
//! watch                   the list is over, what follows is watched
//! APPLIED NAME REVISION   an event, as is DELETED
//! ```
//!
//! It ends with its standard input. It does not compare or remember by itself: what continues is the watcher's doing. A process of its
//! own as every listener, below kube-rs' client with the product's transport, so that kube is built once; kube's own transport is what
//! `tests/clients/kube-controller` has.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use client::Connection;
use client::tls::{Http, connect};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use tokio::io::AsyncReadExt;

/// `e2e kube-watcher`, with `KUBECONFIG` in its environment.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> anyhow::Result<()> {
    let kubeconfig = PathBuf::from(std::env::var_os("KUBECONFIG").context("KUBECONFIG is not set")?);
    let client = connect(&Connection::from_kubeconfig(&kubeconfig, None)?, Http::Any)?;
    let mut end = Vec::new();
    tokio::select! {
        ended = follow(Api::namespaced(client, "default")) => ended,
        ended = async { tokio::io::stdin().read_to_end(&mut end).await } => Ok(ended.map(drop)?),
    }
}

async fn follow(maps: Api<ConfigMap>) -> anyhow::Result<()> {
    let mut events = std::pin::pin!(watcher::watcher(maps, watcher::Config::default()));
    loop {
        match events.try_next().await {
            Ok(Some(event)) => tell(&event),
            Ok(None) => anyhow::bail!("the watcher ended"),
            // It goes on by itself; how soon is left to its user.
            Err(error) => {
                eprintln!("{error:#}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn tell(event: &Event<ConfigMap>) {
    match event {
        Event::Init => println!("list"),
        Event::InitApply(map) => tell_of("listed", map),
        Event::InitDone => println!("watch"),
        Event::Apply(map) => tell_of("APPLIED", map),
        Event::Delete(map) => tell_of("DELETED", map),
    }
}

fn tell_of(what: &str, map: &ConfigMap) {
    println!("{what} {} {}", map.name_any(), map.resource_version().unwrap_or_default());
}
