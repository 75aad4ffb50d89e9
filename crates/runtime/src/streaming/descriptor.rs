//! A pipe's or terminal's end, read and written without blocking.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;

pub struct Descriptor(AsyncFd<OwnedFd>);

impl Descriptor {
    pub fn new(descriptor: OwnedFd) -> io::Result<Self> {
        fcntl_setfl(&descriptor, fcntl_getfl(&descriptor)? | OFlags::NONBLOCK)?;
        // SAFETY: an owned descriptor stays open, and the same, as long as its owner.
        Ok(Self(unsafe { AsyncFd::register(descriptor) }.map_err(io::Error::from)?))
    }

    /// Reads what there is, waiting for the first byte; zero at the end.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|inner| read(inner.get_ref(), buffer)) {
                Ok(length) => return length,
                Err(_would_block) => {}
            }
        }
    }

    /// Reads what there is now; zero at the end and where nothing is there.
    pub fn read_rest(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match read(self.0.get_ref(), buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            match ready.try_io(|inner| Ok(rustix::io::write(inner.get_ref(), bytes)?)) {
                Ok(length) => bytes = &bytes[length?..],
                Err(_would_block) => {}
            }
        }
        Ok(())
    }

    /// Tells a terminal its size.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(rustix::termios::tcsetwinsize(self.0.get_ref(), size)?)
    }
}

fn read(descriptor: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::retry_on_intr(|| rustix::io::read(descriptor, &mut *buffer)) {
        // A terminal without a process on its other side.
        Err(Errno::IO) => Ok(0),
        other => Ok(other?),
    }
}
