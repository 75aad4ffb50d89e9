//! The sockets that edge processes serve, one after the other: questions that come while one edge is replaced by the next wait in them. The
//! server keeps them open; one that finds an edge of an earlier server takes them from that.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

const UDP: &str = "--udp-fd";
const TCP: &str = "--tcp-fd";

#[derive(Debug)]
pub struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Sockets {
    pub fn bind(listen: SocketAddr) -> io::Result<Self> {
        let (udp, tcp) = network::edge::bind(listen)?;
        Ok(Self { udp, tcp })
    }

    /// Those of an edge that runs and was given them; none where it serves other addresses.
    pub fn of(edge: Pid, listen: SocketAddr) -> Option<Self> {
        let words = fs::read(format!("/proc/{}/cmdline", edge.as_raw_nonzero())).ok()?;
        let words: Vec<&str> = std::str::from_utf8(&words).ok()?.split('\0').collect();
        let pidfd = pidfd_open(edge, PidfdFlags::empty()).ok()?;
        let taken = |name: &str| -> Option<OwnedFd> {
            let number = words.iter().skip_while(|word| **word != name).nth(1)?.parse().ok()?;
            pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty()).ok()
        };
        let sockets = Self { udp: taken(UDP)?.into(), tcp: taken(TCP)?.into() };
        let serves = [sockets.udp.local_addr(), sockets.tcp.local_addr()];
        serves.iter().all(|address| address.as_ref().is_ok_and(|address| *address == listen)).then_some(sockets)
    }

    /// Lets a child have them, and tells it their numbers.
    pub fn give(&self, command: &mut Command) {
        let numbers = [self.udp.as_raw_fd(), self.tcp.as_raw_fd()];
        command.args([UDP, &numbers[0].to_string(), TCP, &numbers[1].to_string()]);
        let keep = move || {
            for number in numbers {
                // SAFETY: the child has what its parent had at the fork, and the parent holds both sockets across it.
                let socket = unsafe { BorrowedFd::borrow_raw(number) };
                rustix::io::fcntl_setfd(socket.as_fd(), FdFlags::empty())?;
            }
            Ok(())
        };
        // SAFETY: fcntl is async-signal-safe and touches no memory.
        unsafe { command.pre_exec(keep) };
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn who_comes_later_takes_them_from_the_process_that_has_them() {
        let free = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let sockets = Sockets::bind(free).expect("bound");
        let mut command = Command::new("sh");
        // Their numbers stand behind what it runs, as an edge has them among its arguments.
        command.args(["-c", "read line", "edge"]).stdin(Stdio::piped());
        sockets.give(&mut command);
        let mut child = command.spawn().expect("started");
        drop(sockets);
        let pid = Pid::from_raw(child.id() as i32).expect("a pid");
        assert!(UdpSocket::bind(free).is_err(), "the child holds it");
        assert!(Sockets::of(pid, "127.0.0.1:1".parse().expect("an address")).is_none());
        let taken = Sockets::of(pid, free).expect("the sockets");
        child.kill().expect("killed");
        child.wait().expect("reaped");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
        client.send_to(b"waits", free).expect("sent");
        let mut buffer = [0; 16];
        assert_eq!(taken.udp.recv(&mut buffer).expect("received"), 5);
    }
}
