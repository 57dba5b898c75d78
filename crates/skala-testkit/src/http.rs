//! HTTP over raw sockets for tests: a backend that does exactly what a test says, and a client that sends exactly what it is given.
//!
//! Blocking threads and std sockets on purpose: nothing here shares code or a runtime with what it tests. Every read gives up after
//! [`PATIENCE`], so a hang is a failure and not a hang.

mod backend;
mod client;

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Duration;

pub use backend::{Backend, Received, Then};
pub use client::{Client, Response};

/// How long a test waits for bytes before it fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Reads up to and including the empty line after a head; `None` at an orderly end before the first byte.
fn read_head(stream: &mut TcpStream, early: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = early.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = early.drain(..end + 4).collect();
            return String::from_utf8(head).map(Some).map_err(io::Error::other);
        }
        if !read_some(stream, early)? {
            return if early.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

/// Reads a body by the framing its head declares. `until_close` says what a head without framing means.
fn read_body(stream: &mut TcpStream, early: &mut Vec<u8>, head: &str, until_close: bool) -> io::Result<Vec<u8>> {
    if header(head, "transfer-encoding").is_some() {
        return read_chunked(stream, early);
    }
    match header(head, "content-length") {
        Some(length) => take(stream, early, length.parse().map_err(io::Error::other)?),
        None if until_close => {
            while read_some(stream, early)? {}
            Ok(std::mem::take(early))
        }
        None => Ok(Vec::new()),
    }
}

fn read_chunked(stream: &mut TcpStream, early: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = loop {
            if let Some(end) = early.windows(2).position(|w| w == b"\r\n") {
                break early.drain(..end + 2).collect::<Vec<u8>>();
            }
            if !read_some(stream, early)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let size = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let mut data = take(stream, early, size + 2)?;
        if data.split_off(size) != b"\r\n" {
            return Err(io::Error::other("a chunk does not end with CRLF"));
        }
        if size == 0 {
            return Ok(body);
        }
        body.extend(data);
    }
}

fn take(stream: &mut TcpStream, early: &mut Vec<u8>, n: usize) -> io::Result<Vec<u8>> {
    while early.len() < n {
        if !read_some(stream, early)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(early.drain(..n).collect())
}

fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut buf = vec![0; 64 * 1024];
    let n = stream.read(&mut buf)?;
    into.extend_from_slice(&buf[..n]);
    Ok(n > 0)
}

/// The value of the first header of that name, whatever its case.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (n, value) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
