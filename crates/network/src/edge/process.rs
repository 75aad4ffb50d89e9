//! The process itself: sockets, state, client, and the tasks that run until it is told to end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, RawFd};
use std::process::ExitCode;
use std::sync::Arc;

use api::env::Env;
use client::Informers;
use hickory_proto::rr::Name;
use tokio::net::{TcpListener, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::arguments::Arguments;
use super::forward::Forwarder;
use super::server::Server;
use super::state::State;
use super::watch::{watch, watch_clients};
use crate::dns::{Zone, upstreams};
use crate::error::NetworkError;

const USAGE: u8 = 2;
const RESOLVED_REAL: &str = "/run/systemd/resolve/resolv.conf";

/// `oxkube internal edge`: serves until SIGTERM. The caller has set up logging and the TLS provider.
pub fn main(arguments: Vec<String>, env: Env) -> ExitCode {
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("oxkube internal edge: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("oxkube internal edge: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments, env)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "edge ends");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments, env: Env) -> Result<(), NetworkError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| NetworkError::Worker(error.to_string()))?;
    let state = Arc::new(State::load(&arguments.data_dir)?);
    let (udp, tcp) =
        sockets(&arguments).map_err(|source| NetworkError::Listen { address: arguments.listen, source })?;
    let server = Arc::new(server(&arguments, state.clone(), &env)?);
    let stop = CancellationToken::new();
    let task = |name: &'static str, work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let stop = stop.clone();
        env.spawn(name, async move {
            stop.run_until_cancelled(work).await;
        });
    };
    let probing = server.clone();
    task("dns-probe", Box::pin(async move { probing.forwarder.probe().await }));
    let kept = state.clone();
    task("edge-state", Box::pin(async move { kept.keep().await }));
    let informers = Informers::new(connect(&arguments)?, env.clone(), stop.clone());
    if arguments.search {
        task("edge-clients", Box::pin(watch_clients(informers.clone(), state.clone())));
    }
    task("edge-watch", Box::pin(watch(informers, state.clone())));
    let listen = |source| NetworkError::Listen { address: arguments.listen, source };
    // Until then questions wait in the sockets.
    let known = tokio::select! {
        _ = terminate.recv() => false,
        () = state.wait_known() => true,
    };
    let outcome = tokio::select! {
        _ = terminate.recv(), if known => Ok(()),
        () = std::future::ready(()), if !known => Ok(()),
        ended = server.clone().serve_datagrams(Arc::new(udp), env.clone()) => ended.map_err(listen),
        ended = server.serve_streams(tcp, env.clone()) => ended.map_err(listen),
    };
    stop.cancel();
    state.write()?;
    outcome
}

fn connect(arguments: &Arguments) -> Result<kube::Client, NetworkError> {
    client::tls::from_kubeconfig(&arguments.kubeconfig).map_err(|error| NetworkError::Config(error.to_string()))
}

fn server(arguments: &Arguments, state: Arc<State>, env: &Env) -> Result<Server, NetworkError> {
    let domain = format!("{}.", arguments.domain.trim_end_matches('.'));
    let invalid = |_| NetworkError::Config(format!("cluster domain {domain:?} is no domain name"));
    let zone = Zone { domain: Name::from_ascii(&domain).map_err(invalid)?, server: arguments.cluster_dns };
    let path = &arguments.resolv_conf;
    let resolv_conf = match std::fs::read_to_string(path) {
        // A machine without resolv.conf has no upstream; the cluster's own names are served all the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(NetworkError::file("read", path))?,
    };
    let real = std::fs::read_to_string(RESOLVED_REAL).ok();
    let own: Vec<_> = arguments.cluster_dns.into_iter().chain([arguments.listen.ip()]).collect();
    let forwarder = Forwarder::new(upstreams(&resolv_conf, real.as_deref(), &own), env.random_u64());
    Ok(Server { state, zone, forwarder })
}

/// Inherited sockets, else new ones.
fn sockets(arguments: &Arguments) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = match arguments.udp_fd {
        Some(descriptor) => inherit::<std::net::UdpSocket>(descriptor)?,
        None => std::net::UdpSocket::bind(arguments.listen)?,
    };
    let tcp = match arguments.tcp_fd {
        Some(descriptor) => inherit::<std::net::TcpListener>(descriptor)?,
        None => std::net::TcpListener::bind(arguments.listen)?,
    };
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    Ok((UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?))
}

fn inherit<T: FromRawFd>(descriptor: RawFd) -> io::Result<T> {
    // SAFETY: F_GETFD reads a flag and touches no memory; it fails for a number that is no open descriptor.
    if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and the supervisor gave it to this process for this use alone.
    Ok(unsafe { T::from_raw_fd(descriptor) })
}

/// Sockets to be handed to edge processes, one after the other.
pub fn bind(listen: SocketAddr) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    Ok((std::net::UdpSocket::bind(listen)?, std::net::TcpListener::bind(listen)?))
}
