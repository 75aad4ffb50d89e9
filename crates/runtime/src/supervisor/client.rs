//! The server's side of the supervisor: starts it where none runs, asks, hears of ends, and finds it again when it has died.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, shutdown, socket_with};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Answer, Envelope, Event, Outgoing, Request, Running, VERSION};
use super::{Paths, packet};

/// Between two attempts to reach a supervisor.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    #[error("start the supervisor: {0}")]
    Start(String),
    #[error("talk to the supervisor")]
    Talk(#[source] io::Error),
    #[error("the supervisor ended while it was asked")]
    Gone,
    /// The supervisor's own words.
    #[error("{0}")]
    Refused(String),
    #[error(
        "a supervisor of protocol {0} is running; stop its containers' Pods or restart the machine to change to protocol {VERSION}"
    )]
    OtherProtocol(u32),
}

/// How the supervisor's program is called: the words before `--run-dir`.
#[derive(Debug, Clone)]
pub struct Program(pub Vec<OsString>);

impl Program {
    /// This program, as `oxkube internal supervisor`.
    pub fn own() -> Self {
        Self(vec!["/proc/self/exe".into(), "internal".into(), "supervisor".into()])
    }
}

/// What the server hears without asking.
#[derive(Debug)]
pub enum News {
    /// A supervisor answers (the first, or a new one); these containers run. Nothing else is asked of a new one until `taken` is dropped:
    /// what is started by it must not be compared with what ran before.
    Running {
        running: Vec<Running>,
        taken: oneshot::Sender<()>,
    },
    Event(Event),
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    paths: Paths,
    program: Program,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    news: mpsc::UnboundedSender<News>,
    /// Inputs of containers, kept so that they survive the supervisor.
    inputs: Mutex<HashMap<String, Arc<OwnedFd>>>,
}

/// To one supervisor, as long as both live.
pub struct Connection {
    socket: AsyncFd<OwnedFd>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// None once the connection is lost.
    asked: Option<HashMap<u64, oneshot::Sender<Reply>>>,
    /// Requests are asked over it: when it is lost, another is looked for.
    is_taken: bool,
}

type Reply = (Result<Answer, String>, Vec<OwnedFd>);

impl Client {
    /// Connects, starting a supervisor where none runs. News come in order.
    pub async fn connect(
        paths: Paths,
        program: Program,
    ) -> Result<(Self, mpsc::UnboundedReceiver<News>), SupervisorError> {
        let (news, heard) = mpsc::unbounded_channel();
        let inner = Inner { paths, program, connection: tokio::sync::Mutex::default(), news, inputs: Mutex::default() };
        let client = Self(Arc::new(inner));
        // Nobody asks yet: the news may be taken later.
        let (connection, _) = client.open().await?;
        *client.0.connection.lock().await = Some(connection);
        Ok((client, heard))
    }

    pub fn paths(&self) -> &Paths {
        &self.0.paths
    }

    pub async fn ask(
        &self,
        request: Request,
        descriptors: &[&OwnedFd],
    ) -> Result<(Answer, Vec<OwnedFd>), SupervisorError> {
        let connection = self.connection().await?;
        connection.ask(request, descriptors).await
    }

    /// Starts a container and keeps what it reads from.
    pub async fn start(&self, start: super::protocol::Start) -> Result<(i32, i64), SupervisorError> {
        let id = start.id.clone();
        let (answer, descriptors) = self.ask(Request::Start(Box::new(start)), &[]).await?;
        if let Some(input) = descriptors.into_iter().next() {
            self.0.inputs.lock().insert(id, Arc::new(input));
        }
        match answer {
            Answer::Started { pid, at_ns } => Ok((pid, at_ns)),
            other => Err(SupervisorError::Talk(io::Error::other(format!("unexpected answer {other:?}")))),
        }
    }

    /// The terminal or stdin of a container.
    pub fn input(&self, id: &str) -> Option<Arc<OwnedFd>> {
        self.0.inputs.lock().get(id).cloned()
    }

    pub fn forget_input(&self, id: &str) {
        self.0.inputs.lock().remove(id);
    }

    /// The connection that requests are asked over now.
    pub async fn connection(&self) -> Result<Arc<Connection>, SupervisorError> {
        let mut current = self.0.connection.lock().await;
        if let Some(connection) = current.as_ref().filter(|connection| connection.is_open()) {
            return Ok(connection.clone());
        }
        let (connection, taken) = self.open().await?;
        // Dropped, as it is never sent: either when the news were taken or with their receiver.
        let (Ok(()) | Err(_)) = taken.await;
        *current = Some(connection.clone());
        Ok(connection)
    }

    /// A new connection, and what waits until its news are taken.
    async fn open(&self) -> Result<(Arc<Connection>, oneshot::Receiver<()>), SupervisorError> {
        let connection = match dial(&self.0.paths) {
            Ok(socket) => socket,
            Err(_) => {
                self.spawn().await?;
                dial(&self.0.paths).map_err(SupervisorError::Talk)?
            }
        };
        // SAFETY: an owned descriptor stays open, and the same, as long as its owner.
        let socket = unsafe { AsyncFd::register(connection) }.map_err(|error| SupervisorError::Talk(error.into()))?;
        let waiting = Mutex::new(Waiting { next: 0, asked: Some(HashMap::new()), is_taken: false });
        let connection = Arc::new(Connection { socket, waiting });
        tokio::spawn(self.clone().listen(connection.clone()));
        match self.greet(&connection).await {
            Ok(taken) => Ok((connection, taken)),
            Err(error) => {
                connection.close();
                Err(error)
            }
        }
    }

    /// The first words on a connection, after which it is taken; what waits until its news are.
    async fn greet(&self, connection: &Connection) -> Result<oneshot::Receiver<()>, SupervisorError> {
        let running = match connection.ask(Request::Hello, &[]).await?.0 {
            Answer::Hello { version: VERSION, running, .. } => running,
            Answer::Hello { version, .. } => return Err(SupervisorError::OtherProtocol(version)),
            other => return Err(SupervisorError::Talk(io::Error::other(format!("unexpected answer {other:?}")))),
        };
        self.return_inputs(connection, &running).await?;
        connection.take()?;
        let (taken, waits) = oneshot::channel();
        // The receiver lives as long as the node.
        let (Ok(()) | Err(_)) = self.0.news.send(News::Running { running, taken });
        Ok(waits)
    }

    async fn return_inputs(&self, connection: &Connection, running: &[Running]) -> Result<(), SupervisorError> {
        let inputs: Vec<_> = self.0.inputs.lock().iter().map(|(id, input)| (id.clone(), input.clone())).collect();
        for (id, input) in inputs.into_iter().filter(|(id, _)| running.iter().any(|container| container.id == *id)) {
            connection.ask(Request::Adopt { id }, &[&input]).await?;
        }
        Ok(())
    }

    async fn spawn(&self) -> Result<(), SupervisorError> {
        let failed = |error: io::Error| SupervisorError::Start(error.to_string());
        let logs = self.0.paths.data.join("logs");
        std::fs::create_dir_all(&logs).map_err(failed)?;
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(logs.join("supervisor.log"))
            .map_err(failed)?;
        let (program, words) =
            self.0.program.0.split_first().ok_or_else(|| SupervisorError::Start("no program".to_owned()))?;
        let mut command = tokio::process::Command::new(program);
        command.args(words).arg("--run-dir").arg(&self.0.paths.run).arg("--data-dir").arg(&self.0.paths.data);
        command.current_dir("/").stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(log);
        let status = command.status().await.map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let log = std::fs::read_to_string(logs.join("supervisor.log")).unwrap_or_default();
        Err(SupervisorError::Start(log.lines().last().unwrap_or("it failed without a word").to_owned()))
    }

    /// Hears answers and events; when a connection that was taken ends, asks for a new one so that ends of containers are not missed.
    async fn listen(self, connection: Arc<Connection>) {
        let ended = self.hear(&connection).await;
        let was_taken = connection.lose();
        if let Err(error) = ended {
            tracing::warn!(%error, "connection to the supervisor failed");
        }
        if !was_taken {
            return;
        }
        let mut pause = PAUSE_MIN;
        // A node that ends asks for no other: its supervisor outlives it.
        while !self.0.news.is_closed() {
            let Err(error) = self.reconnect().await else { return };
            // One that was killed may still let in who dials at once; only what fails again is a failure.
            if pause > PAUSE_MIN && !self.0.news.is_closed() {
                tracing::error!(%error, "supervisor not reachable");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Boxed, as opening a connection begins the listening that asks for the next.
    fn reconnect(&self) -> BoxFuture<'_, Result<(), SupervisorError>> {
        Box::pin(async { self.connection().await.map(drop) })
    }

    async fn hear(&self, connection: &Connection) -> io::Result<()> {
        loop {
            let mut ready = tokio::select! {
                ready = connection.socket.readable() => ready?,
                () = self.0.news.closed() => return Ok(()),
            };
            let received = ready.try_io(|socket| packet::receive::<Outgoing>(socket.get_ref()));
            match received {
                Err(_would_block) => {}
                Ok(Err(error)) => return Err(error),
                Ok(Ok(None)) => return Ok(()),
                Ok(Ok(Some((Outgoing::Event(event), _)))) => {
                    let (Ok(()) | Err(_)) = self.0.news.send(News::Event(event));
                }
                Ok(Ok(Some((Outgoing::Reply(reply), descriptors)))) => {
                    let asker = connection.waiting.lock().asked.as_mut().and_then(|asked| asked.remove(&reply.number));
                    if let Some(asker) = asker {
                        // Who asked may have gone away.
                        let (Ok(()) | Err(_)) = asker.send((reply.outcome, descriptors));
                    }
                }
            }
        }
    }
}

impl Connection {
    fn is_open(&self) -> bool {
        self.waiting.lock().asked.is_some()
    }

    /// From now on its loss is noticed; fails if it is lost already.
    fn take(&self) -> Result<(), SupervisorError> {
        let mut waiting = self.waiting.lock();
        waiting.is_taken = waiting.asked.is_some();
        if waiting.is_taken { Ok(()) } else { Err(SupervisorError::Gone) }
    }

    /// Whoever waits for an answer hears that there will be none. Says whether the connection had been taken.
    fn lose(&self) -> bool {
        let mut waiting = self.waiting.lock();
        waiting.asked = None;
        waiting.is_taken
    }

    /// Its listener sees the end, and goes.
    fn close(&self) {
        if let Err(error) = shutdown(&self.socket, Shutdown::Both) {
            tracing::debug!(%error, "connection to the supervisor was closed already");
        }
    }

    pub async fn ask(
        &self,
        request: Request,
        descriptors: &[&OwnedFd],
    ) -> Result<(Answer, Vec<OwnedFd>), SupervisorError> {
        let (answered, answer) = oneshot::channel();
        let number = {
            let mut waiting = self.waiting.lock();
            waiting.next += 1;
            let number = waiting.next;
            waiting.asked.as_mut().ok_or(SupervisorError::Gone)?.insert(number, answered);
            number
        };
        let bytes = packet::encode(&Envelope { number, request }).map_err(SupervisorError::Talk)?;
        loop {
            let mut ready = self.socket.writable().await.map_err(SupervisorError::Talk)?;
            let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
            match ready.try_io(|socket| packet::send(socket.get_ref(), &bytes, &descriptors)) {
                Err(_would_block) => {}
                Ok(sent) => {
                    sent.map_err(SupervisorError::Talk)?;
                    break;
                }
            }
        }
        let (outcome, descriptors) = answer.await.map_err(|_| SupervisorError::Gone)?;
        outcome.map(|answer| (answer, descriptors)).map_err(SupervisorError::Refused)
    }
}

fn dial(paths: &Paths) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(paths.socket())?)?;
    Ok(socket)
}
