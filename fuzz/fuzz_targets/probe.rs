//! The health prober: any answer ends in a status or a sentence that is safe to print.
#![no_main]

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use skala_controller::probe::answer_of;
use skala_fuzz::settings;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A server that sends these bytes, so many at a time, and closes.
struct Server<'a> {
    left: &'a [u8],
    cut: usize,
}

impl AsyncRead for Server<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.left.split_at(self.cut.min(self.left.len()).min(into.remaining()));
        into.put_slice(now);
        self.left = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, _, bytes)) = settings(data) else { return };
    let mut server = Server { left: bytes, cut };
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(result) = pin!(answer_of(&mut server)).poll(&mut context) else { panic!("the server never waits") };
    match result {
        Ok(status) => {
            let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
            let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
            assert!(line.starts_with(b"HTTP/1."), "not HTTP/1");
            assert_eq!(words[1], status.to_string().as_bytes(), "another status");
            assert!((100..1000).contains(&status), "{status} is no status");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 1000 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
    assert!(bytes.len() - server.left.len() <= 64 * 1024, "it reads too much");
});
