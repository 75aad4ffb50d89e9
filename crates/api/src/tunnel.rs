//! What both ends of an agent's tunnel agree on: the agent asks the server for this path and switches protocols; from then on the server is
//! a client of HTTP/2 on that connection and asks the agent with CONNECT for what only the agent's machine reaches.

/// Asked for with GET by a node, on a connection of HTTP/1.1.
pub const PATH: &str = "/oxkube/v1/tunnel";
/// The `Upgrade` header of request and answer.
pub const PROTOCOL: &str = "oxkube-tunnel";
/// Either end takes the other for gone when it has not answered a ping for so many seconds after [`PING_SECONDS`] of silence.
pub const PONG_SECONDS: u64 = 10;
pub const PING_SECONDS: u64 = 10;
/// Connections that a tunnel carries at once.
pub const STREAMS_MAX: u32 = 1024;
/// What either end takes of one connection before it is read.
pub const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// Connections that nobody reads from and that hold up no other, of those there may be.
pub const STREAMS_UNREAD_MAX: u32 = 256;
/// What either end takes of all: the memory that the other end can make it keep.
pub const CONNECTION_WINDOW_BYTES: u32 = STREAMS_UNREAD_MAX * STREAM_WINDOW_BYTES;
