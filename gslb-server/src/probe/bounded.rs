//! A connection with limits on what a probe reads, so that no server can keep the prober busy.
//!
//! The timeout bounds how long a probe runs. These limits bound the work within that time: what HTTP, HTTP/2 and TLS
//! read internally (interim responses, trailers, pings, settings, empty frames) all passes through here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most octets read from a server: twice the sum of the limits for a certificate chain, a header and a body.
const OCTETS: usize = 256 << 10;
/// Most reads. A server that sends single octets costs a wake-up for each.
const READS: u32 = 8_192;
/// Most interim responses (1xx, RFC 9110 §15.2) before the final one.
pub(super) const INTERIM: u32 = 8;

/// A stream, and what its server may still send.
pub(super) struct Bounded<S> {
    stream: S,
    octets: usize,
    reads: u32,
    interim: Interim,
}

/// Counts interim responses. Reads fail once there are too many.
#[derive(Clone, Default)]
pub(super) struct Interim(Arc<AtomicU32>);

impl Interim {
    /// Counts one.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// The error, if there were too many. HTTP code checks this once it has the final response, since all of them may
    /// arrive in one read.
    pub(super) fn exceeded(&self) -> Option<String> {
        (self.0.load(Relaxed) > INTERIM).then(|| format!("sent more than {INTERIM} interim responses (1xx)"))
    }
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, octets: OCTETS, reads: READS, interim: Interim::default() }
    }

    /// The counter of interim responses, for HTTP code.
    pub(super) fn interim(&self) -> Interim {
        self.interim.clone()
    }

    /// Which limit is exceeded, if any.
    fn exceeded(&self) -> Option<String> {
        if let Some(why) = self.interim.exceeded() {
            Some(why)
        } else if self.octets == 0 {
            Some(format!("sent more than {} KiB", OCTETS >> 10))
        } else if self.reads == 0 {
            Some(format!("sent its response in more than {READS} parts"))
        } else {
            None
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(why) = self.exceeded() {
            // No socket returns this kind, so `Fault::from_io` can tell our limits from system errors. HTTP/2 keeps
            // only the kind and text of an error.
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::QuotaExceeded, why)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.octets = self.octets.saturating_sub(buf.filled().len() - before);
        self.reads -= 1;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// How much is read of `data`, `piece` octets at a time, and what ends it.
    async fn read(data: &[u8], piece: usize) -> (usize, Option<io::Error>) {
        let mut stream = Bounded::new(data);
        let (mut sum, mut buffer) = (0, vec![0; piece]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return (sum, None),
                Ok(count) => sum += count,
                Err(error) => return (sum, Some(error)),
            }
        }
    }

    #[tokio::test]
    async fn octets_and_reads_are_limited() {
        let (sum, end) = read(&vec![0; OCTETS - 1], 10_000).await;
        assert!(sum == OCTETS - 1 && end.is_none());
        let (sum, end) = read(&vec![0; 2 * OCTETS], 65_536).await;
        assert_eq!((sum, end.unwrap().to_string()), (OCTETS, "sent more than 256 KiB".to_owned()));
        let (sum, end) = read(&vec![0; OCTETS - 1], 1).await;
        assert_eq!(sum, READS as usize);
        assert_eq!(end.unwrap().to_string(), "sent its response in more than 8192 parts");
    }

    #[tokio::test]
    async fn too_many_interim_responses_end_the_connection() {
        let mut stream = Bounded::new(&[0; 10][..]);
        let interim = stream.interim();
        (0..INTERIM).for_each(|_| interim.count());
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
        interim.count();
        assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
    }
}
