//! Many answers in one write. HTTP/2 writes every frame by itself, each a TLS record and a system call, and its connection is woken by the first
//! stream that has something to say: here small writes wait until the other tasks that are ready have had their turn, then go out together.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Two TLS records' worth: what is gathered beyond it is written at once.
const GATHERED_MAX: usize = 32 * 1024;
/// A write that is as large goes by without a copy.
const LARGE: usize = 8 * 1024;

/// A stream whose small writes are gathered until [`Gathered::drive`] lets them out.
pub(super) struct Gathered<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    /// Without it, writes pass through: HTTP/1 flushes as it should be flushed, and what it is upgraded to may not.
    gathers: bool,
    /// Not yet written, from `written` on.
    waiting: Vec<u8>,
    written: usize,
}

impl<S> Clone for Gathered<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gathered<S> {
    pub fn new(stream: S, gathers: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner { stream, gathers, waiting: Vec::new(), written: 0 })))
    }

    /// Runs the connection that reads and writes this stream, and lets out what it has written.
    pub fn drive<'a, F: Future>(&'a self, connection: Pin<&'a mut F>) -> Drive<'a, S, F> {
        Drive { stream: self, connection, others_had_their_turn: false }
    }
}

/// A connection under way.
pub(super) struct Drive<'a, S, F> {
    stream: &'a Gathered<S>,
    connection: Pin<&'a mut F>,
    others_had_their_turn: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: Future> Future for Drive<'_, S, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Poll::Ready(result) = self.connection.as_mut().poll(context) {
            // What it was upgraded to has nobody who drives it.
            self.stream.0.lock().gathers = false;
            return Poll::Ready(result);
        }
        let mut inner = self.stream.0.lock();
        let waits = !inner.waiting.is_empty();
        if waits && self.others_had_their_turn {
            // What cannot be written now wakes this task once it can; a broken stream is told to the connection's next read or write.
            drop(inner.flush(context));
        } else if waits {
            context.waker().wake_by_ref();
        }
        drop(inner);
        self.others_had_their_turn = waits && !self.others_had_their_turn;
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn write_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.waiting[self.written..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        // An idle connection holds no memory for what it once wrote.
        (self.waiting, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_waiting(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if !self.gathers || length >= LARGE {
            ready!(self.write_waiting(context))?;
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        if self.waiting.len() + length > GATHERED_MAX {
            ready!(self.write_waiting(context))?;
        }
        parts.iter().for_each(|part| self.waiting.extend_from_slice(part));
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().stream.is_write_vectored()
    }

    /// What waits is [`Gathered::drive`]'s to let out.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        if inner.gathers && !inner.waiting.is_empty() { Poll::Ready(Ok(())) } else { inner.flush(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        ready!(inner.flush(context))?;
        Pin::new(&mut inner.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Counts the writes that come through.
    #[derive(Default)]
    struct Counted {
        writes: Vec<usize>,
        bytes: Vec<u8>,
    }

    impl AsyncRead for Counted {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.writes.push(bytes.len());
            self.bytes.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A connection that writes so many bytes a time, flushes after each, and then says nothing more.
    async fn written(gathers: bool, sizes: &[usize]) -> (Vec<usize>, usize) {
        let stream = Gathered::new(Counted::default(), gathers);
        let mut own = stream.clone();
        let connection = async {
            for (at, size) in sizes.iter().enumerate() {
                own.write_all(&vec![at as u8; *size]).await.expect("it is written");
                own.flush().await.expect("it is flushed");
            }
            std::future::pending::<()>().await;
        };
        tokio::pin!(connection);
        tokio::select! {
            biased;
            () = stream.drive(connection.as_mut()) => {}
            () = tokio::task::yield_now() => {}
        }
        let inner = stream.0.lock();
        let expected: Vec<u8> = sizes.iter().enumerate().flat_map(|(at, size)| vec![at as u8; *size]).collect();
        assert!(inner.waiting.is_empty() && inner.stream.bytes == expected, "all of it came through, in order");
        (inner.stream.writes.clone(), inner.stream.bytes.len())
    }

    #[tokio::test]
    async fn small_writes_go_out_together() {
        assert_eq!(written(true, &[9, 1500, 9, 1500]).await, (vec![3018], 3018));
    }

    #[tokio::test]
    async fn large_writes_go_by_after_what_waits() {
        assert_eq!(written(true, &[9, LARGE, 9]).await.0, [9, LARGE, 9]);
        let many = [LARGE - 1; 5];
        assert_eq!(written(true, &many).await.0, [4 * (LARGE - 1), LARGE - 1]);
    }

    #[tokio::test]
    async fn what_is_not_gathered_passes_through() {
        assert_eq!(written(false, &[9, 1500, 9]).await.0, [9, 1500, 9]);
    }

    #[tokio::test]
    async fn a_connection_that_ends_lets_out_what_waits() {
        let mut stream = Gathered::new(Counted::default(), true);
        let mut own = stream.clone();
        let connection = async move {
            own.write_all(b"last").await.expect("it is written");
            own.shutdown().await.expect("it ends");
        };
        tokio::pin!(connection);
        stream.drive(connection.as_mut()).await;
        assert_eq!(stream.0.lock().stream.bytes, b"last");
        stream.flush().await.expect("nothing waits");
    }
}
