//! The edge process: cluster DNS on a port of its own. It keeps serving the last known state while the API server is away, and takes over
//! its predecessor's sockets.

mod arguments;
mod forward;
mod objects;
mod process;
mod server;
mod state;
mod watch;

pub use arguments::{Arguments, ArgumentsError};
pub use objects::{Objects, objects};
pub use process::{bind, main};

#[cfg(test)]
mod tests;
