//! An upgraded connection (websocket): bytes both ways until both ends have closed.
//!
//! Method: each direction reads only when what it read before has been written, so a slow reader slows its writer; the end of one
//! direction is passed on as such.
//! Tested: `tests/gateway/upgrade.rs`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;

use crate::buffer::{READ_AHEAD, Side, poll_write};
use crate::counters::ThreadCounters;
use crate::timer::Timer;

/// One direction's progress.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    ended: bool,
    closed: bool,
    bytes: u64,
}

impl Flow {
    fn poll(&mut self, cx: &mut Context<'_>, from: &mut Side, to: &mut Side) -> Poll<io::Result<()>> {
        while !self.closed {
            if !from.input.is_empty() {
                let n = ready!(poll_write(cx, &mut to.stream, from.input.filled()))?;
                from.input.consume(n);
                self.bytes += n as u64;
            } else if self.ended {
                ready!(Pin::new(&mut to.stream).poll_shutdown(cx))?;
                self.closed = true;
            } else {
                self.ended = ready!(from.poll_read(cx, READ_AHEAD))? == 0;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Runs until both ends have closed, one of them failed, or neither said anything for `idle`.
pub(crate) async fn run(client: &mut Side, replica: &mut Side, timer: &Timer, idle: Duration, counters: &ThreadCounters) {
    let (mut up, mut down) = (Flow::default(), Flow::default());
    timer.arm(idle);
    poll_fn(|cx| {
        let before = (up.bytes, down.bytes);
        let results = (up.poll(cx, client, replica), down.poll(cx, replica, client));
        counters.bytes_in.add(up.bytes - before.0);
        counters.bytes_out.add(down.bytes - before.1);
        if before != (up.bytes, down.bytes) {
            timer.arm(idle);
        }
        match results {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            _ => timer.poll(cx),
        }
    })
    .await;
}
