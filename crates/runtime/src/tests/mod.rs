//! The runtime as its clients see it: through CRI's socket, with real containers, each story in its own pid, mount and network
//! namespace, so that nothing is left when it ends.

mod harness;
mod image;
mod lifecycle;
mod streams;
