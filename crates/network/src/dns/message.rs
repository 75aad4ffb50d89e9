//! Replies to the wire: flags, EDNS, and truncation to what the client takes. Pure.

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::Record;

/// The largest UDP message that crosses common networks unfragmented.
const SAFE_PAYLOAD: u16 = 1232;

/// How much a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// UDP: 512 bytes, or what its EDNS says.
    Datagram,
    /// TCP.
    Stream,
}

/// The sections of a reply.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// NOERROR, NXDOMAIN, ...
    pub code: ResponseCode,
    /// From our own records.
    pub authoritative: bool,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The additional section.
    pub additionals: Vec<Record>,
}

/// Makes the reply message to a request; addresses take turns, by the request's id.
pub fn finish(request: &Message, reply: Reply) -> Message {
    let mut message = Message::response(request.metadata.id, request.metadata.op_code);
    message.metadata.recursion_desired = request.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.metadata.checking_disabled = request.metadata.checking_disabled;
    message.metadata.authoritative = reply.authoritative;
    message.metadata.response_code = reply.code;
    message.queries = request.queries.clone();
    message.answers = take_turns(reply.answers, request.metadata.id);
    message.authorities = reply.authorities;
    message.additionals = reply.additionals;
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(SAFE_PAYLOAD);
        message.edns = Some(edns);
    }
    message
}

/// Rotates the addresses behind leading aliases, so that clients that take the first spread.
fn take_turns(mut answers: Vec<Record>, id: u16) -> Vec<Record> {
    let aliases =
        answers.iter().take_while(|record| record.record_type() == hickory_proto::rr::RecordType::CNAME).count();
    let addresses = &mut answers[aliases..];
    if !addresses.is_empty() {
        addresses.rotate_left(usize::from(id) % addresses.len());
    }
    answers
}

/// Encodes a reply to `request`; for a datagram additional records go first, then answers, with the truncation bit set.
pub fn encode(request: &Message, mut reply: Message, limit: Limit) -> Result<Vec<u8>, ProtoError> {
    let most = match limit {
        Limit::Stream => usize::from(u16::MAX),
        Limit::Datagram => usize::from(request.max_payload().min(SAFE_PAYLOAD)),
    };
    let mut bytes = reply.to_vec()?;
    if bytes.len() > most && !reply.additionals.is_empty() {
        reply.additionals.clear();
        bytes = reply.to_vec()?;
    }
    while bytes.len() > most && !reply.answers.is_empty() {
        reply.metadata.truncation = true;
        reply.answers.truncate(reply.answers.len() * 3 / 4);
        bytes = reply.to_vec()?;
    }
    Ok(bytes)
}
