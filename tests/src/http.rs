//! A small HTTP/1.1 client over plain TCP: one request a connection, or many on a kept one. Enough to load a Service and count failures.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const PATIENCE: Duration = Duration::from_secs(5);

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A connection that is kept open between requests.
pub struct Connection {
    reader: BufReader<TcpStream>,
    address: String,
}

impl Connection {
    /// Connects to `host:port`.
    pub fn open(address: &str) -> Result<Self> {
        let target = address.to_socket_addrs()?.next().context("no address")?;
        let stream = TcpStream::connect_timeout(&target, PATIENCE).with_context(|| format!("connect to {address}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream), address: address.to_owned() })
    }

    /// GETs a path; the connection stays open unless the server closes it (`connection: close` is in the answer then).
    pub fn get(&mut self, path: &str, close: bool) -> Result<Answer> {
        let keep = if close { "close" } else { "keep-alive" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: {keep}\r\n\r\n", self.address);
        self.reader.get_mut().write_all(request.as_bytes())?;
        self.read_answer()
    }

    /// Sends a JSON body; the connection is closed afterwards.
    fn send(&mut self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let (host, length) = (&self.address, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        self.read_answer()
    }

    /// As [`Connection::get`] on a kept connection; nothing if the server had closed it before the first byte of an answer.
    pub fn get_unless_closed(&mut self, path: &str) -> Result<Option<Answer>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n\r\n", self.address);
        let first =
            self.reader.get_mut().write_all(request.as_bytes()).and_then(|()| Ok(self.reader.fill_buf()?.len()));
        match first {
            Ok(0) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(_) => self.read_answer().map(Some),
        }
    }

    fn read_answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        ensure!(self.reader.read_line(&mut line)? > 0, "the connection was closed before an answer");
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("status line {line:?}"))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.reader.read_line(&mut line)? > 0, "the connection was closed within the headers");
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        match answer.header("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => {
                let mut body = vec![0; length];
                self.reader.read_exact(&mut body)?;
                answer.body = String::from_utf8_lossy(&body).into_owned();
            }
            None => drop(self.reader.read_to_string(&mut answer.body)?),
        }
        Ok(answer)
    }
}

/// One request on a connection of its own.
pub fn get(address: &str, path: &str) -> Result<Answer> {
    Connection::open(address)?.get(path, true)
}

/// One request with a JSON body on a connection of its own.
pub fn send(address: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
    Connection::open(address)?.send(method, path, body)
}
