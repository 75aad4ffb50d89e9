//! A hand-made DNS question over UDP (RFC 1035): enough to ask a server for a name's address and to see that it answers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const PATIENCE: Duration = Duration::from_secs(5);
const HEADER: usize = 12;
/// Type A, class IN, four bytes of data; the name before it is two bytes (a pointer to the question's).
const RECORD: usize = 16;

/// The address that a server gives for a name.
pub fn ask(server: SocketAddr, name: &str) -> Result<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    let id = socket.local_addr()?.port();
    let question = question(id, name);
    socket.send(&question).with_context(|| format!("ask {server}"))?;
    let mut answer = [0; 1500];
    let length = hear(&socket, &mut answer).with_context(|| format!("hear from {server}"))?;
    address(&question, &answer[..length])
        .with_context(|| format!("the answer about {name} was {:?}", &answer[..length]))
}

/// With a deadline, signals interrupt it.
fn hear(socket: &UdpSocket, answer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match socket.recv(answer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            heard => return heard,
        }
    }
}

/// As [`ask`], and once more where no answer comes: a datagram may be lost, a refusal is an answer.
pub fn ask_as_resolvers_do(server: SocketAddr, name: &str) -> Result<Ipv4Addr> {
    match ask(server, name) {
        Err(error) if error.root_cause().downcast_ref().is_some_and(is_silence) => ask(server, name),
        answered => answered,
    }
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// One question for an A record, with recursion desired.
fn question(id: u16, name: &str) -> Vec<u8> {
    let mut packet = id.to_be_bytes().to_vec();
    packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        packet.push(label.len() as u8);
        packet.extend(label.as_bytes());
    }
    packet.extend([0, 0, 1, 0, 1]);
    packet
}

fn address(question: &[u8], answer: &[u8]) -> Result<Ipv4Addr> {
    ensure!(answer.len() > question.len() && answer[..2] == question[..2], "it answers something else");
    ensure!(answer[3] & 0x0f == 0, "the response code is {}", answer[3] & 0x0f);
    ensure!(answer[6..8] != [0, 0], "it has no record");
    ensure!(answer[HEADER..question.len()] == question[HEADER..], "it repeats another question");
    let record = &answer[question.len()..];
    ensure!(record.len() >= RECORD && record[2..6] == [0, 1, 0, 1], "its first record is no address");
    Ok(Ipv4Addr::new(record[12], record[13], record[14], record[15]))
}

#[cfg(test)]
mod tests {
    use super::{address, question};

    #[test]
    fn answers_are_read() {
        let asked = question(7, "a.bc");
        assert_eq!(asked, [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 2, b'b', b'c', 0, 0, 1, 0, 1]);
        let mut answer = asked.clone();
        answer[2] = 0x85;
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 43, 0, 9]);
        assert_eq!(address(&asked, &answer).unwrap().octets(), [10, 43, 0, 9]);
        answer[3] = 3;
        assert!(address(&asked, &answer).is_err(), "NXDOMAIN is no address");
    }
}
