//! SPDY/3.1, the server's side, as far as exec and port-forward need it: clients open streams, both sides send and end them. There is
//! no flow control: the Go implementation, which all clients use, neither sends nor minds WINDOW_UPDATE.

mod connection;
mod dictionary;
mod frame;
mod header_block;
#[cfg(test)]
pub mod tests;

pub use connection::{Connection, Opened, serve};
