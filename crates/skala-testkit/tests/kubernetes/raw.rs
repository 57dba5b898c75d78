//! A client that shares nothing with what it tests: JSON over a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use skala_testkit::kubernetes::Cluster;

/// An answer: its code, its headers in lower case, its body.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

fn send(cluster: &Cluster, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(cluster.addr())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )?;
    Ok(BufReader::new(stream))
}

fn head(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head.to_lowercase())
}

pub(crate) fn try_ask(cluster: &Cluster, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<Answer> {
    let mut reader = send(cluster, method, path, headers, body)?;
    let head = head(&mut reader)?;
    let mut text = Vec::new();
    reader.read_to_end(&mut text)?;
    let code = head.split(' ').nth(1).and_then(|c| c.parse().ok()).unwrap_or(0);
    Ok(Answer { code, head, body: serde_json::from_slice(&text).unwrap_or_default() })
}

#[track_caller]
pub(crate) fn ask(cluster: &Cluster, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    try_ask(cluster, method, path, headers, body).expect("the cluster answers")
}

#[track_caller]
pub(crate) fn get(cluster: &Cluster, path: &str) -> Answer {
    ask(cluster, "GET", path, "", "")
}

/// A watch: its events as they come.
pub(crate) struct Watch(BufReader<TcpStream>);

impl Watch {
    #[track_caller]
    pub(crate) fn open(cluster: &Cluster, path: &str) -> Watch {
        let mut reader = send(cluster, "GET", path, "", "").expect("the cluster answers");
        let head = head(&mut reader).expect("the cluster answers");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        Watch(reader)
    }

    /// The next event as `TYPE name`, and its object; `None` at an orderly end.
    pub(crate) fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("the watch goes on");
            match line.trim() {
                "0" => return None,
                // Sizes of chunks and the ends of them.
                line if !line.starts_with('{') => {}
                line => {
                    let mut event: Value = serde_json::from_str(line).expect("an event is JSON");
                    let name = event["object"]["metadata"]["name"].as_str().unwrap_or("");
                    return Some((format!("{} {name}", event["type"].as_str().unwrap_or("")), event["object"].take()));
                }
            }
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, want: &str) -> Value {
        let (event, object) = self.next().expect("the watch goes on");
        assert_eq!(event, want, "{object}");
        object
    }
}
