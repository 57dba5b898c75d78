//! NATS with JetStream.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::{Process, program};
use crate::http::PATIENCE;
use crate::port::Reserved;

/// A NATS server of its own; stops when dropped.
pub struct Nats {
    process: Process,
    monitoring: Reserved,
}

impl Nats {
    /// Starts one.
    pub fn start() -> Nats {
        let mut nats = Nats { process: Process::new(), monitoring: Reserved::new() };
        nats.restart();
        nats
    }

    /// Starts it again with the streams that it held.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        let mut command = process.command(&program("nats-server", "nats-server", &[]));
        command.args(["--addr", "127.0.0.1", "--port", &process.port().to_string()]);
        command.args(["--http_port", &self.monitoring.port().to_string(), "--jetstream"]);
        command.arg("--store_dir").arg(process.folder().join("store"));
        let ports = (process.port(), self.monitoring.port());
        process.start(command, || super::listens(ports.0) && super::listens(ports.1));
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// URL of the monitoring port.
    pub fn monitoring(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitoring.port())
    }

    /// Publishes and returns the first answer.
    pub fn request(&self, subject: &str, payload: &str) -> String {
        let stream = TcpStream::connect(("127.0.0.1", self.process.port())).expect("NATS listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let message = format!(
            "CONNECT {{\"verbose\":false,\"headers\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {}\r\n{payload}\r\n",
            payload.len()
        );
        (&stream).write_all(message.as_bytes()).expect("NATS reads");
        let mut reader = BufReader::new(&stream);
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).expect("NATS answers") > 0, "NATS closed the connection");
            assert!(!line.starts_with("-ERR"), "{line}");
            if line.starts_with("MSG") {
                let length = line.split_whitespace().last().and_then(|n| n.parse().ok()).expect("a message has a length");
                let mut payload = vec![0; length];
                reader.read_exact(&mut payload).expect("NATS sends the message");
                return String::from_utf8_lossy(&payload).into_owned();
            }
        }
    }
}
