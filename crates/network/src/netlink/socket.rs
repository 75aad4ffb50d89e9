//! One blocking netlink socket: requests with an acknowledgement, dumps, batches and multicast groups.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::NetlinkError;
use super::attribute::{Attributes, HEADER, Writer};

/// The kernel answers at once; a socket that is silent for this long has lost the answer.
const ANSWER_TIMEOUT_SECONDS: i64 = 10;
const RECEIVE_BYTES: usize = 64 * 1024;
const BUFFER_BYTES: usize = 32 * 1024 * 1024;

/// A message from the kernel.
#[derive(Debug, Clone)]
pub struct Message {
    /// nlmsg_type.
    pub kind: u16,
    /// nlmsg_flags.
    pub flags: u16,
    /// nlmsg_seq of the request it answers.
    pub sequence: u32,
    /// nlmsg_pid: in events the port of the socket that made the change.
    pub port: u32,
    /// What follows the header.
    pub body: Vec<u8>,
}

impl Message {
    /// The attributes behind a family header of that many bytes.
    pub fn attributes(&self, family_header: usize) -> Attributes<'_> {
        Attributes(self.body.get(family_header..).unwrap_or_default())
    }

    /// For an NLMSG_ERROR: the errno (0 = acknowledgement) and the kernel's text.
    pub fn error(&self) -> Option<(i32, Option<String>)> {
        if self.kind != libc::NLMSG_ERROR as u16 {
            return None;
        }
        let errno = -i32::from_ne_bytes(*self.body.first_chunk()?);
        Some((errno, self.extended_text()))
    }

    fn extended_text(&self) -> Option<String> {
        const NLM_F_CAPPED: u16 = 0x100;
        const NLM_F_ACK_TLVS: u16 = 0x200;
        const NLMSGERR_ATTR_MSG: u16 = 1;
        if self.flags & NLM_F_ACK_TLVS == 0 {
            return None;
        }
        let echoed = if self.flags & NLM_F_CAPPED != 0 {
            HEADER
        } else {
            u32::from_ne_bytes(*self.body.get(4..)?.first_chunk()?) as usize
        };
        Attributes(self.body.get(4 + echoed..)?).text(NLMSGERR_ATTR_MSG).map(str::to_owned)
    }
}

/// A netlink socket of one family, bound in the network namespace of the thread that opened it.
pub struct Socket {
    descriptor: OwnedFd,
    port: u32,
    sequence: u32,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl Socket {
    /// Opens a socket to the routing family.
    pub fn route() -> Result<Self, NetlinkError> {
        Self::open(SockProtocol::NetlinkRoute)
    }

    /// Opens a socket to netfilter.
    pub fn netfilter() -> Result<Self, NetlinkError> {
        Self::open(SockProtocol::NetlinkNetFilter)
    }

    fn open(protocol: SockProtocol) -> Result<Self, NetlinkError> {
        let failed = |step| move |errno: nix::Error| NetlinkError::Socket { step, source: errno.into() };
        let descriptor = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
            .map_err(failed("socket"))?;
        bind(descriptor.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(failed("bind"))?;
        let address: NetlinkAddr = getsockname(descriptor.as_raw_fd()).map_err(failed("getsockname"))?;
        let timeout = TimeVal::seconds(ANSWER_TIMEOUT_SECONDS);
        setsockopt(&descriptor, sockopt::ReceiveTimeout, &timeout).map_err(failed("set receive timeout"))?;
        let socket = Self { descriptor, port: address.pid(), sequence: 0 };
        socket.option(libc::NETLINK_EXT_ACK, 1, "ask for error texts")?;
        Ok(socket)
    }

    /// Makes the buffers large enough for whole rulesets and bursts of events. Needs CAP_NET_ADMIN.
    pub fn enlarge_buffers(&self) -> Result<(), NetlinkError> {
        let failed = |errno: nix::Error| NetlinkError::Socket { step: "enlarge buffers", source: errno.into() };
        setsockopt(&self.descriptor, sockopt::SndBufForce, &BUFFER_BYTES).map_err(failed)?;
        setsockopt(&self.descriptor, sockopt::RcvBufForce, &BUFFER_BYTES).map_err(failed)
    }

    /// Joins a multicast group.
    pub fn subscribe(&self, group: u32) -> Result<(), NetlinkError> {
        self.option(libc::NETLINK_ADD_MEMBERSHIP, group, "join group")
    }

    fn option(&self, name: libc::c_int, value: u32, step: &'static str) -> Result<(), NetlinkError> {
        // SAFETY: the value outlives the call and its size is passed with it.
        let outcome = unsafe {
            libc::setsockopt(
                self.descriptor.as_raw_fd(),
                libc::SOL_NETLINK,
                name,
                (&raw const value).cast(),
                size_of::<u32>() as libc::socklen_t,
            )
        };
        if outcome == 0 { Ok(()) } else { Err(NetlinkError::Socket { step, source: io::Error::last_os_error() }) }
    }

    /// This socket's port id, which events name as their cause.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// A fresh sequence number.
    pub fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends bytes as one datagram.
    pub fn send(&self, bytes: &[u8]) -> Result<(), NetlinkError> {
        let failed = |errno: nix::Error| NetlinkError::Socket { step: "send", source: errno.into() };
        send(self.descriptor.as_raw_fd(), bytes, MsgFlags::empty()).map(drop).map_err(failed)
    }

    /// Reads one datagram and splits it into messages.
    pub fn receive(&self) -> Result<Vec<Message>, NetlinkError> {
        self.read(MsgFlags::MSG_TRUNC)
    }

    /// Reads one datagram if one is there, else fails with EAGAIN.
    pub fn try_receive(&self) -> Result<Vec<Message>, NetlinkError> {
        self.read(MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT)
    }

    fn read(&self, flags: MsgFlags) -> Result<Vec<Message>, NetlinkError> {
        let mut buffer = vec![0; RECEIVE_BYTES];
        let length = loop {
            match recv(self.descriptor.as_raw_fd(), &mut buffer, flags) {
                Ok(length) => break length,
                Err(nix::Error::EINTR) => {}
                Err(errno) => return Err(NetlinkError::Socket { step: "receive", source: errno.into() }),
            }
        };
        let bytes = buffer.get(..length).ok_or_else(|| malformed("receive"))?;
        split(bytes)
    }

    /// Sends one request and waits for its acknowledgement.
    pub fn request(
        &mut self,
        operation: &str,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Writer),
    ) -> Result<(), NetlinkError> {
        self.exchange(operation, kind, flags | libc::NLM_F_ACK as u16, body).map(drop)
    }

    /// Asks for all objects and collects them.
    pub fn dump(
        &mut self,
        operation: &str,
        kind: u16,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Vec<Message>, NetlinkError> {
        self.exchange(operation, kind, libc::NLM_F_DUMP as u16, body)
    }

    /// Sends a request and collects what comes before its acknowledgement or the end of its dump.
    pub fn exchange(
        &mut self,
        operation: &str,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Vec<Message>, NetlinkError> {
        let sequence = self.next_sequence();
        let mut writer = Writer::new();
        writer.message(kind, flags | libc::NLM_F_REQUEST as u16, sequence, body);
        self.send(&writer.finish())?;
        let mut collected = Vec::new();
        loop {
            for message in self.receive()?.into_iter().filter(|message| message.sequence == sequence) {
                if message.kind == libc::NLMSG_DONE as u16 {
                    return Ok(collected);
                }
                match message.error() {
                    Some((0, _)) => return Ok(collected),
                    Some((errno, text)) => return Err(refused(operation, errno, text)),
                    None => collected.push(message),
                }
            }
        }
    }
}

/// The error for a refusal by the kernel.
pub fn refused(operation: &str, errno: i32, message: Option<String>) -> NetlinkError {
    NetlinkError::Refused { operation: operation.to_owned(), source: io::Error::from_raw_os_error(errno), message }
}

fn malformed(operation: &str) -> NetlinkError {
    NetlinkError::Malformed { operation: operation.to_owned() }
}

/// Splits a datagram into its messages.
pub fn split(mut bytes: &[u8]) -> Result<Vec<Message>, NetlinkError> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or_else(|| malformed("header"))?;
        let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let length = word(0) as usize;
        let body = bytes.get(HEADER..length).ok_or_else(|| malformed("length"))?;
        messages.push(Message {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            flags: u16::from_ne_bytes([header[6], header[7]]),
            sequence: word(8),
            port: word(12),
            body: body.to_vec(),
        });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}
