//! Redis.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::{Process, certificate, program};
use crate::http::PATIENCE;

/// A Redis of its own; stops when dropped.
pub struct Redis {
    process: Process,
    password: Option<String>,
    tls: Option<u16>,
    tls_port: Option<crate::port::Reserved>,
    durable: bool,
}

impl Redis {
    /// Starts one without a password.
    pub fn start() -> Redis {
        Redis { process: Process::new(), password: None, tls: None, tls_port: None, durable: false }.started()
    }

    /// Starts one that writes what it holds to the disk, and has it again after a restart.
    pub fn durable() -> Redis {
        Redis { process: Process::new(), password: None, tls: None, tls_port: None, durable: true }.started()
    }

    /// Starts one with a password.
    pub fn with_password(password: &str) -> Redis {
        Redis { process: Process::new(), password: Some(password.to_owned()), tls: None, tls_port: None, durable: false }
            .started()
    }

    /// Starts one that also listens with TLS.
    pub fn with_tls() -> Redis {
        let process = Process::new();
        let (key, cert) = certificate(process.folder());
        process.own(&key);
        process.own(&cert);
        let port = crate::port::Reserved::new();
        Redis { process, password: None, tls: Some(port.port()), tls_port: Some(port), durable: false }.started()
    }

    fn started(mut self) -> Redis {
        self.restart();
        self
    }

    /// Starts it again on the same port: empty, unless it is durable.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        let mut command = process.command(&program("redis-server", "redis-server", &[]));
        command.args(["--port", &process.port().to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(if self.durable {
            ["--appendonly", "yes", "--appendfsync", "always"]
        } else {
            ["--appendonly", "no", "--appendfsync", "no"]
        });
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        if let Some(port) = self.tls {
            let file = |name: &str| process.folder().join(name).display().to_string();
            command.args([
                "--tls-port",
                &port.to_string(),
                "--tls-cert-file",
                &file("cert.pem"),
                "--tls-key-file",
                &file("key.pem"),
            ]);
            command.args(["--tls-auth-clients", "no", "--tls-ca-cert-file", &file("cert.pem")]);
        }
        let port = process.port();
        process.start(command, || super::listens(port));
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.process.port())
    }

    /// `host:port` of the TLS port.
    pub fn tls_address(&self) -> String {
        let port = self.tls_port.as_ref().expect("it was started with TLS").port();
        format!("localhost:{port}")
    }

    /// The certificate in PEM.
    pub fn certificate(&self) -> String {
        std::fs::read_to_string(self.process.folder().join("cert.pem")).expect("it was started with TLS")
    }

    /// Runs a command and returns the first line of its answer.
    pub fn run(&self, words: &[&str]) -> String {
        let stream = TcpStream::connect(self.address()).expect("Redis listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        if let Some(password) = &self.password {
            (&stream).write_all(encode(&["AUTH", password]).as_bytes()).expect("Redis reads");
            reader.read_line(&mut line).expect("Redis answers");
            line.clear();
        }
        (&stream).write_all(encode(words).as_bytes()).expect("Redis reads");
        reader.read_line(&mut line).expect("Redis answers");
        assert!(!line.starts_with('-'), "{words:?}: {line}");
        line.trim_end().to_owned()
    }
}

fn encode(words: &[&str]) -> String {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    text
}
