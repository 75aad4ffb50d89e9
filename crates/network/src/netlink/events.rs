//! A subscription to kernel events, read asynchronously.

use tokio::io::unix::AsyncFd;

use super::{Message, NetlinkError, Socket};

/// A socket in multicast groups, bound to the namespace of the thread that opened it.
pub struct Events {
    socket: AsyncFd<Socket>,
}

impl Events {
    /// Joins `groups`; must be called within a tokio runtime.
    pub fn open(socket: Socket, groups: &[u32]) -> Result<Self, NetlinkError> {
        socket.enlarge_buffers()?;
        for group in groups {
            socket.subscribe(*group)?;
        }
        // SAFETY: the socket owns its descriptor and keeps the same one until it is dropped, which is after its registration.
        let registered = unsafe { AsyncFd::register(socket) };
        let socket = registered.map_err(|error| NetlinkError::Socket { step: "register", source: error.into() })?;
        Ok(Self { socket })
    }

    /// The next messages; none where more came than the socket could hold.
    pub async fn next(&mut self) -> Result<Option<Vec<Message>>, NetlinkError> {
        loop {
            let mut ready =
                self.socket.readable().await.map_err(|source| NetlinkError::Socket { step: "wait", source })?;
            match ready.get_inner().try_receive() {
                Ok(messages) => return Ok(Some(messages)),
                Err(error) if error.errno() == Some(libc::EAGAIN) => ready.clear_ready(),
                Err(error) if error.errno() == Some(libc::ENOBUFS) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Drops what has come so far, for a caller that looks at the whole afterwards.
    pub fn skip(&mut self) {
        let more = |outcome: Result<Vec<Message>, NetlinkError>| match outcome {
            Ok(_) => true,
            Err(error) => error.errno() == Some(libc::ENOBUFS),
        };
        while more(self.socket.get_ref().try_receive()) {}
    }
}
