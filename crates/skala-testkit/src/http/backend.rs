//! A backend under a test's control.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::PATIENCE;

/// A request as the backend received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and headers with their line ends.
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Which request of its connection it is, from 0.
    pub nth: usize,
    /// Which connection of the backend it came over, from 0.
    pub connection: usize,
}

impl Received {
    /// The request line's target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        super::header(&self.head, name)
    }
}

/// What a handler wants to happen to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Read the next request.
    Keep,
    /// Close it.
    Close,
}

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    received: Mutex<Vec<Received>>,
}

/// A backend on a free port of 127.0.0.1; stops when dropped.
pub struct Backend {
    addr: SocketAddr,
    state: Arc<State>,
}

impl Backend {
    /// Reads each request with its body and gives it to `handler`, which writes the answer itself.
    pub fn start(handler: impl Fn(&mut TcpStream, Received) -> io::Result<Then> + Send + Sync + 'static) -> Backend {
        Backend::listen(move |stream, connection, state| {
            let mut early = Vec::new();
            for nth in 0.. {
                let Some(head) = super::read_head(stream, &mut early)? else { return Ok(()) };
                let body = super::read_body(stream, &mut early, &head, false)?;
                let received = Received { head, body, nth, connection };
                state.received.lock().unwrap_or_else(PoisonError::into_inner).push(received.clone());
                if handler(stream, received)? == Then::Close {
                    return Ok(());
                }
            }
            Ok(())
        })
    }

    /// Answers every request with this body and keeps its connections.
    pub fn fixed(body: &'static str) -> Backend {
        Backend::start(move |stream, _| {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes())?;
            Ok(Then::Keep)
        })
    }

    /// Gives each connection to `handler` as it is, with its number from 0.
    pub fn raw(handler: impl Fn(&mut TcpStream, usize) -> io::Result<()> + Send + Sync + 'static) -> Backend {
        Backend::listen(move |stream, connection, _| handler(stream, connection))
    }

    fn listen(serve: impl Fn(&mut TcpStream, usize, &State) -> io::Result<()> + Send + Sync + 'static) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on 127.0.0.1");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let (shared, serve) = (Arc::clone(&state), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let connection = shared.connections.fetch_add(1, Ordering::SeqCst);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_nodelay(true);
                if let Ok(clone) = stream.try_clone() {
                    shared.open.lock().unwrap_or_else(PoisonError::into_inner).push(clone);
                }
                let (serve, shared) = (Arc::clone(&serve), Arc::clone(&shared));
                thread::spawn(move || {
                    // A peer that goes away is part of many tests.
                    let _ = serve(&mut stream, connection, &shared);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Backend { addr, state }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Requests received so far, by [`Backend::start`] handlers.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops listening and cuts every connection, as a crash would.
    pub fn kill(&self) {
        if self.state.stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        // The accepting thread notices on its next connection, and closes the listener.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
        for stream in self.state.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let deadline = std::time::Instant::now() + PATIENCE;
        while TcpStream::connect_timeout(&self.addr, Duration::from_secs(1)).is_ok() && std::time::Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}
