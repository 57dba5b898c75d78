//! A connection whose answers are metered.
//!
//! Decides: how many bytes a server may send for one look.
//! Method: the meter counts what is read and fails the read beyond [`MAX_ANSWER`]; each look sets it back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::chain;
use crate::{Error, MAX_ANSWER};

/// Bytes read since the last look began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicUsize>);

impl Meter {
    /// A look begins.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether the server sent too much.
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_ANSWER
    }
}

/// A stream with a meter.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    io: S,
    meter: Meter,
}

impl<S> Metered<S> {
    pub(crate) fn new(io: S, meter: Meter) -> Metered<S> {
        Metered { io, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.meter.0.fetch_add(buf.filled().len() - before, Ordering::Relaxed);
        match self.meter.is_over() {
            true => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is larger than 1 MiB"))),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Anything that reads and writes.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Opens a connection, with TLS where a config is given; its meter starts at zero.
pub(crate) async fn connect(host: &str, port: u16, tls: Option<ClientConfig>) -> Result<(Box<dyn Stream>, Meter), Error> {
    let failed = |e: io::Error| Error::Reach { server: format!("{host}:{port}"), reason: chain(&e) };
    let meter = Meter::default();
    let tcp = TcpStream::connect((host, port)).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let tcp = Metered::new(tcp, meter.clone());
    let Some(config) = tls else { return Ok((Box::new(tcp), meter)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|e| failed(io::Error::other(e)))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(failed)?;
    Ok((Box::new(stream), meter))
}
