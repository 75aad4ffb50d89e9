//! `port-forward`: local ports to those of a Pod. Every local connection has a WebSocket of its own (v4.channel.k8s.io: channel 0 is
//! data, 1 an error; the first message of each is the port).

use bytes::Bytes;
use clap::Args;
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::{named, target, wait};
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::remote::{Socket, open};
use crate::{sayln, warnln};

const PROTOCOL: &str = "v4.channel.k8s.io";
const DATA: u8 = 0;
const ERROR: u8 = 1;

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE/NAME, then [LOCAL:]REMOTE ports
    pub arguments: Vec<String>,
    #[arg(long, value_delimiter = ',', default_value = "localhost")]
    pub address: Vec<String>,
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: String,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let [name, ports @ ..] = flags.arguments.as_slice() else {
        return usage(
            "TYPE/NAME and list of ports are required for port-forward\nSee 'kubectl port-forward -h' for help and examples",
        );
    };
    if ports.is_empty() {
        return usage(
            "TYPE/NAME and list of ports are required for port-forward\nSee 'kubectl port-forward -h' for help and examples",
        );
    }
    let pod = target::pod(cluster, name, wait::duration(&flags.pod_running_timeout)?).await?;
    if pod["status"]["phase"] != "Running" {
        let phase = pod["status"]["phase"].as_str().unwrap_or_default();
        return usage(format!("unable to forward port because pod is not running. Current status={phase}"));
    }
    let service = service(cluster, name).await?;
    let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{}/pods/{}/portforward", text("namespace"), text("name"));
    let mut listening = Vec::new();
    for port in ports {
        let (local, remote) = pair(port, &pod, service.as_ref())?;
        listening.extend(listen(&flags.address, local, remote).await?);
    }
    let serve = listening.into_iter().map(|(listener, remote)| accept(cluster, &path, listener, remote));
    futures::future::try_join_all(serve).await?;
    Ok(0)
}

/// The Service, where one was named: its ports are translated.
async fn service(cluster: &Cluster, name: &str) -> Result<Option<Value>> {
    if target::plain(name).is_some() {
        return Ok(None);
    }
    let discovery = cluster.discovery().await?;
    match named(cluster, &discovery, &[name.to_owned()])?.first() {
        Some(object) if object.served.resource.kind == "Service" => {
            Ok(Some(cluster.rest.get(&object.served.resource, &object.key).await?))
        }
        _ => Ok(None),
    }
}

/// `8080:80`, `:80`, `80`, `http`: the local port (0: any) and the Pod's.
fn pair(text: &str, pod: &Value, service: Option<&Value>) -> Result<(u16, u16)> {
    let (local, remote) = text.split_once(':').map_or((None, text), |(local, remote)| (Some(local), remote));
    let wrong =
        |port: &str| Error::Use(format!("error parsing local port '{port}': it must be a number from 0 to 65535"));
    let (default, remote) = match service {
        Some(service) => of_service(remote, service, pod)?,
        None => {
            let port = number(remote, pod)?;
            (port, port)
        }
    };
    let local = match local {
        None => default,
        Some("") => 0,
        Some(local) => local.parse().map_err(|_| wrong(local))?,
    };
    Ok((local, remote))
}

/// A port's number; names are looked up among the containers' ports.
fn number(text: &str, pod: &Value) -> Result<u16> {
    if let Ok(port) = text.parse::<u16>() {
        return if port == 0 { usage("remote port must be > 0") } else { Ok(port) };
    }
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let found = ports.find(|port| port["name"] == text).and_then(|port| port["containerPort"].as_u64());
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let missing = || Error::Use(format!("Pod '{name}' does not have a named port '{text}'"));
    found.and_then(|port| u16::try_from(port).ok()).ok_or_else(missing)
}

/// A Service's port and the Pod's that it leads to.
fn of_service(text: &str, service: &Value, pod: &Value) -> Result<(u16, u16)> {
    let wanted = text.parse::<u64>().ok();
    let named = |port: &&Value| port["name"] == text || (wanted.is_some() && port["port"].as_u64() == wanted);
    let port = service["spec"]["ports"].as_array().into_iter().flatten().find(named);
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let Some(port) = port else { return usage(format!("Service {name} does not have a service port {text}")) };
    let own = port["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
    let target = match &port["targetPort"] {
        Value::String(target) => number(target, pod)?,
        Value::Number(target) => target.as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(own),
        _ => own,
    };
    Ok((own, if service["spec"]["clusterIP"] == "None" { number(text, pod).unwrap_or(target) } else { target }))
}

/// Listens at every address; `localhost` is both loopback addresses, one of which may be missing.
async fn listen(addresses: &[String], local: u16, remote: u16) -> Result<Vec<(TcpListener, u16)>> {
    let mut listening = Vec::new();
    for address in addresses {
        let hosts: &[&str] = if address == "localhost" { &["127.0.0.1", "::1"] } else { &[address.as_str()] };
        let mut refused = None;
        let mut any = local;
        for host in hosts {
            match TcpListener::bind((*host, any)).await {
                Ok(listener) => {
                    let bound = listener.local_addr().map_err(|error| Error::Use(error.to_string()))?;
                    // Both loopback addresses have the same port.
                    any = bound.port();
                    sayln!("Forwarding from {bound} -> {remote}");
                    listening.push((listener, remote));
                    refused = None;
                }
                Err(error) if listening.is_empty() => refused = Some(error),
                Err(_) => {}
            }
        }
        if let Some(error) = refused {
            warnln!(
                "Unable to listen on port {local}: Listeners failed to create with the following errors: [{error}]"
            );
            return usage(format!("unable to listen on any of the requested ports: [{{{local} {remote}}}]"));
        }
    }
    Ok(listening)
}

async fn accept(cluster: &Cluster, path: &str, listener: TcpListener, remote: u16) -> Result<()> {
    let local = listener.local_addr().map_err(|error| Error::Use(error.to_string()))?.port();
    let mut running = futures::stream::FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.map_err(|error| Error::Use(error.to_string()))?;
                sayln!("Handling connection for {local}");
                running.push(async move {
                    if let Err(error) = connection(cluster, path, stream, remote).await {
                        warnln!("an error occurred forwarding {local} -> {remote}: {error}");
                    }
                });
            }
            Some(()) = running.next() => {}
        }
    }
}

async fn connection(cluster: &Cluster, path: &str, stream: TcpStream, remote: u16) -> Result<()> {
    let socket = open(cluster, &format!("{path}?ports={remote}"), PROTOCOL).await?;
    join(socket, stream).await
}

/// Copies both ways until both sides have ended or the Pod's has.
async fn join(socket: Socket, stream: TcpStream) -> Result<()> {
    let lost = |error: tokio_tungstenite::tungstenite::Error| Error::Use(error.to_string());
    let failed = |error: std::io::Error| Error::Use(error.to_string());
    let (mut sink, mut source) = socket.split();
    let (mut from, mut to) = stream.into_split();
    let mut buffer = vec![0; 32 * 1024];
    let (mut open, mut greeted) = (true, [false; 2]);
    loop {
        tokio::select! {
            message = source.next() => {
                let bytes: Bytes = match message {
                    None | Some(Ok(Message::Close(_))) => return Ok(()),
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Err(lost(error)),
                };
                let Some((channel @ (&DATA | &ERROR), data)) = bytes.split_first() else { continue };
                // The first message of a channel is the port's number.
                if !std::mem::replace(&mut greeted[usize::from(*channel)], true) {
                    continue;
                }
                if *channel == ERROR {
                    return usage(String::from_utf8_lossy(data).into_owned());
                }
                to.write_all(data).await.map_err(failed)?;
            }
            read = from.read(&mut buffer), if open => {
                let count = read.map_err(failed)?;
                open = count > 0;
                if open {
                    let mut message = vec![DATA];
                    message.extend_from_slice(&buffer[..count]);
                    sink.send(Message::binary(message)).await.map_err(lost)?;
                } else {
                    // These channels cannot be half closed: the whole connection ends.
                    sink.send(Message::Close(None)).await.map_err(lost)?;
                    return Ok(());
                }
            }
        }
    }
}
