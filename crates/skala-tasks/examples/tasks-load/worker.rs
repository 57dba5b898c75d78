//! A worker that takes pushed tasks and does nothing: `tasks-load worker`. Prints its address, and on SIGTERM how many came.
//!
//! Method: as lean as a server can be, so that the measured time is that of whoever pushes: one read, one write for each request.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::client::length;

const DONE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Serves until it is told to stop.
pub(crate) async fn worker() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let count = Arc::new(AtomicU64::new(0));
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            accepted = listener.accept() => {
                let (stream, count) = (accepted?.0, Arc::clone(&count));
                tokio::spawn(async move { serve(stream, &count).await });
            }
        }
    }
    writeln!(std::io::stdout(), "{}", json!({"mode": "worker", "received": count.load(Ordering::Relaxed)}))?;
    Ok(())
}

async fn serve(mut stream: TcpStream, count: &AtomicU64) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(16 << 10);
    while stream.read_buf(&mut received).await? > 0 {
        while let Some(end) = whole(&received) {
            received.drain(..end);
            count.fetch_add(1, Ordering::Relaxed);
            stream.write_all(DONE).await?;
        }
    }
    Ok(())
}

/// Where the first request ends, once it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let end = head + length(&bytes[..head]).unwrap_or(0);
    (bytes.len() >= end).then_some(end)
}
