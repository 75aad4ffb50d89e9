//! Tunnels: connections that agents keep open to this server, through which it dials what only an agent's machine reaches: its kubelet and
//! its Pods. The agent's end is `client::tunnel`.

mod open;
mod places;
#[cfg(test)]
mod tests;

pub(crate) use open::Tunnels;
