//! The DNS server: UDP and TCP. Questions about the cluster are answered at once, others are sent on in the background.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::forward::{Forwarder, read_framed, write_framed};
use super::state::State;
use crate::dns::{Answer, Limit, Reply, Zone, answer, encode, finish, search};

/// Questions sent on, and TCP connections, at a time; more wait in the sockets' queues.
const MOST_AT_ONCE: usize = 1024;
/// A TCP client that asks nothing for this long is let go.
const IDLE: Duration = Duration::from_secs(30);

/// The server's shared parts.
pub struct Server {
    /// What it answers from.
    pub state: Arc<State>,
    /// The cluster's domain.
    pub zone: Zone,
    /// Whom it asks.
    pub forwarder: Forwarder,
}

/// What leads from a request's name to the one others are asked for.
#[derive(Default)]
struct Lead {
    /// Aliases; none: the request goes on as it came.
    aliases: Vec<Record>,
    /// Where they lead.
    target: Name,
    /// The alias is our guess of a search path: where the target is unknown, the name asked for is.
    search: bool,
}

/// What to do with a request.
enum Next {
    /// Send this.
    Send(Vec<u8>),
    /// Ask others.
    Ask(Box<Message>, Lead),
    /// It deserves no answer.
    Ignore,
}

impl Server {
    /// Serves a UDP socket, for ever.
    pub async fn serve_datagrams(self: Arc<Self>, socket: Arc<UdpSocket>, env: Env) -> io::Result<()> {
        let slots = Arc::new(Semaphore::new(MOST_AT_ONCE));
        let mut buffer = vec![0; 4096];
        loop {
            let (length, client) = match socket.recv_from(&mut buffer).await {
                // What an ICMP error said of an earlier answer is no reason to stop.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                received => received?,
            };
            let request = &buffer[..length];
            match self.next(request, client.ip(), Limit::Datagram) {
                Next::Ignore => {}
                Next::Send(reply) => send(&socket, &reply, client).await,
                Next::Ask(message, lead) => {
                    let (server, socket, request) = (self.clone(), socket.clone(), request.to_vec());
                    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
                    env.spawn("dns-forward", async move {
                        let reply = server.ask(&request, *message, lead, Limit::Datagram).await;
                        if let Some(reply) = reply {
                            send(&socket, &reply, client).await;
                        }
                        drop(slot);
                    });
                }
            }
        }
    }

    /// Serves a TCP listener, for ever.
    pub async fn serve_streams(self: Arc<Self>, listener: TcpListener, env: Env) -> io::Result<()> {
        let slots = Arc::new(Semaphore::new(MOST_AT_ONCE));
        loop {
            let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
            let (stream, client) = listener.accept().await?;
            let server = self.clone();
            env.spawn("dns-stream", async move {
                if let Err(error) = server.serve_stream(stream).await {
                    tracing::debug!(%client, %error, "DNS client went");
                }
                drop(slot);
            });
        }
    }

    async fn serve_stream(&self, mut stream: TcpStream) -> io::Result<()> {
        let client = stream.peer_addr()?.ip();
        while let Ok(request) = timeout(IDLE, read_framed(&mut stream)).await {
            let Some(request) = request? else { break };
            let reply = match self.next(&request, client, Limit::Stream) {
                Next::Ignore => break,
                Next::Send(reply) => Some(reply),
                Next::Ask(message, lead) => self.ask(&request, *message, lead, Limit::Stream).await,
            };
            match reply {
                Some(reply) => write_framed(&mut stream, &reply).await?,
                None => break,
            }
        }
        Ok(())
    }

    fn next(&self, request: &[u8], client: IpAddr, limit: Limit) -> Next {
        let message = match Message::from_vec(request) {
            Ok(message) if message.metadata.message_type == MessageType::Query => message,
            Ok(_) => return Next::Ignore,
            Err(_) => return malformed(request),
        };
        let refuse = |code| reply(&message, Reply { code, ..Reply::default() }, limit);
        let query = match message.queries.as_slice() {
            _ if message.metadata.op_code != OpCode::Query => return refuse(ResponseCode::NotImp),
            [query] => query.clone(),
            _ => return refuse(ResponseCode::FormErr),
        };
        if self.forwarder.is_probe(query.name()) {
            return refuse(ResponseCode::NXDomain);
        }
        if query.query_class() != DNSClass::IN {
            return refuse(ResponseCode::Refused);
        }
        let records = self.state.records();
        let found = search(&records, &self.zone, &query, client);
        match found.unwrap_or_else(|| answer(&records, &self.zone, &query)) {
            Answer::Records { code, answers, authorities, additionals } => {
                reply(&message, Reply { code, authoritative: true, answers, authorities, additionals }, limit)
            }
            Answer::Alias { aliases, target } => Next::Ask(Box::new(message), Lead { aliases, target, search: false }),
            Answer::Search { alias, target } => {
                Next::Ask(Box::new(message), Lead { aliases: vec![*alias], target, search: true })
            }
            Answer::Forward => Next::Ask(Box::new(message), Lead::default()),
        }
    }

    /// Asks upstream; behind an alias for the name it leads to.
    async fn ask(&self, request: &[u8], message: Message, lead: Lead, limit: Limit) -> Option<Vec<u8>> {
        let as_it_came = lead.aliases.is_empty();
        let asked = if as_it_came { Ok(request.to_vec()) } else { question(&message, &lead.target) };
        let answered = match asked {
            Ok(asked) => self.forwarder.ask(&asked, limit).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let found = match answered {
            Ok(bytes) if as_it_came => return Some(bytes),
            Ok(bytes) => Message::from_vec(&bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        if let Err(error) = &found {
            tracing::debug!(query = ?message.queries, error, "cannot resolve a name outside the cluster");
        }
        encode(&message, self.behind(&message, lead, found.ok()), limit).ok()
    }

    /// The reply made of the aliases and what upstream found behind them.
    fn behind(&self, message: &Message, lead: Lead, found: Option<Message>) -> Message {
        let code = found.as_ref().map_or(ResponseCode::ServFail, |found| found.metadata.response_code);
        if lead.search && code != ResponseCode::NoError {
            let authorities = vec![self.zone.soa_record()];
            let unknown = Reply { code: ResponseCode::NXDomain, authoritative: true, authorities, ..Reply::default() };
            return finish(message, unknown);
        }
        let (mut answers, mut authorities, mut truncation) = (lead.aliases, Vec::new(), false);
        if let Some(found) = found {
            truncation = found.metadata.truncation;
            answers.extend(found.answers);
            authorities = found.authorities;
        }
        let mut reply = finish(message, Reply { code, answers, authorities, ..Reply::default() });
        reply.metadata.truncation = truncation;
        reply
    }
}

/// The question a client would ask next: the same type, of the name the alias leads to.
fn question(message: &Message, target: &Name) -> Result<Vec<u8>, hickory_proto::ProtoError> {
    let mut asked = Message::new(message.metadata.id, MessageType::Query, OpCode::Query);
    asked.metadata.recursion_desired = true;
    let kind = message.queries.first().map_or(RecordType::A, Query::query_type);
    asked.add_query(Query::query(target.clone(), kind));
    asked.to_vec()
}

fn reply(message: &Message, reply: Reply, limit: Limit) -> Next {
    match encode(message, finish(message, reply), limit) {
        Ok(bytes) => Next::Send(bytes),
        Err(error) => {
            tracing::error!(%error, "cannot encode a DNS answer");
            let failed = Message::error_msg(message.metadata.id, message.metadata.op_code, ResponseCode::ServFail);
            failed.to_vec().map_or(Next::Ignore, Next::Send)
        }
    }
}

/// FORMERR to what at least begins like a question.
fn malformed(request: &[u8]) -> Next {
    const RESPONSE_BIT: u8 = 0x80;
    match request {
        [high, low, flags, _, ..] if request.len() >= 12 && flags & RESPONSE_BIT == 0 => {
            let message = Message::error_msg(u16::from_be_bytes([*high, *low]), OpCode::Query, ResponseCode::FormErr);
            message.to_vec().map_or(Next::Ignore, Next::Send)
        }
        _ => Next::Ignore,
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], client: std::net::SocketAddr) {
    if let Err(error) = socket.send_to(reply, client).await {
        tracing::debug!(%client, %error, "cannot send a DNS answer");
    }
}
