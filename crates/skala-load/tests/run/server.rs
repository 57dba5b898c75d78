//! A small HTTP/1.1 server whose answers are raw bytes, so that a test can misbehave exactly as it means to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A request as the server sees it.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// From 0, on its connection.
    pub(crate) nth_on_connection: u64,
    /// From 0, of the server.
    pub(crate) nth: u64,
}

/// A running server; its threads end with the test process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Instant>>>,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Serves with `answer`, which writes what it likes and says whether the connection stays open.
pub(crate) fn serve(answer: impl Fn(&mut TcpStream, &Request) -> bool + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (answer, count, times) = (Arc::new(answer), Arc::new(AtomicU64::new(0)), seen.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (answer, count, times) = (answer.clone(), count.clone(), times.clone());
            std::thread::spawn(move || connection(stream, &*answer, &count, &times));
        }
    });
    Server { address, seen }
}

fn connection(
    mut stream: TcpStream,
    answer: &dyn Fn(&mut TcpStream, &Request) -> bool,
    count: &AtomicU64,
    times: &Mutex<Vec<Instant>>,
) {
    stream.set_nodelay(true).expect("nodelay");
    let mut input = BufReader::new(stream.try_clone().expect("cloned"));
    for nth_on_connection in 0.. {
        let Some(head) = read_head(&mut input) else { return };
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |n| n.parse().expect("a number"));
        let mut body = vec![0; length];
        if input.read_exact(&mut body).is_err() {
            return;
        }
        times.lock().expect("no panics").push(Instant::now());
        let request = Request { head, body, nth_on_connection, nth: count.fetch_add(1, Ordering::SeqCst) };
        if !answer(&mut stream, &request) {
            return;
        }
    }
}

fn read_head(input: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// Writes the bytes; a client that is gone is none of the server's business.
pub(crate) fn say(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).is_ok()
}
