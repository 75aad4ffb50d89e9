//! A connection from a server: packets in, packets out, and those that wait because the other side is slow.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::packet;
use super::protocol::{Envelope, Outgoing};

/// Packets that may wait for a server that does not read; beyond it the connection is closed and the server reads state anew.
const WAITING_MAX: usize = 4096;

pub struct Link {
    pub socket: OwnedFd,
    /// Whether it asked for events.
    pub wants_events: bool,
    waiting: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
}

impl Link {
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, wants_events: false, waiting: VecDeque::new() }
    }

    pub fn receive(&self) -> io::Result<Option<(Envelope, Vec<OwnedFd>)>> {
        packet::receive(&self.socket)
    }

    pub fn send(&mut self, message: &Outgoing, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        self.waiting.push_back((packet::encode(message)?, descriptors));
        self.flush()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        while let Some((bytes, descriptors)) = self.waiting.front() {
            let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            match packet::send(&self.socket, bytes, &descriptors) {
                Ok(()) => drop(self.waiting.pop_front()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.waiting.len() < WAITING_MAX => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
