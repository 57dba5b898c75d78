//! RabbitMQ with its management plugin.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Process, program};
use crate::http::Client;
use crate::port::Reserved;

/// `guest:guest`.
const LOGIN: &str = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=";

/// A RabbitMQ of its own, with the user `guest`; stops when dropped.
pub struct Rabbitmq {
    process: Process,
    management: Reserved,
    distribution: Reserved,
    names: Reserved,
}

impl Rabbitmq {
    /// Starts one that gathers its figures every second.
    pub fn start() -> Rabbitmq {
        let mut rabbitmq = Rabbitmq {
            process: Process::new(),
            management: Reserved::new(),
            distribution: Reserved::new(),
            names: Reserved::new(),
        };
        rabbitmq.restart();
        rabbitmq
    }

    /// Starts it again with the durable queues that it held.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        let (port, management) = (process.port(), self.management.port());
        process.write("enabled_plugins", "[rabbitmq_management].\n");
        process.write(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.default = 127.0.0.1:{port}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
                 collect_statistics_interval = 1000\n"
            ),
        );
        // The wrapper in /usr/sbin insists on its own user and folders.
        let mut command =
            process.command(&program("rabbitmq-server", "rabbitmq-server", &[PathBuf::from("/usr/lib/rabbitmq/bin")]));
        let folder = process.folder();
        command.env("RABBITMQ_CONF_ENV_FILE", folder.join("none")).env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"));
        command
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"));
        command.env("RABBITMQ_LOG_BASE", folder.join("logs")).env("RABBITMQ_NODENAME", format!("skala{port}@localhost"));
        command.env("RABBITMQ_DIST_PORT", self.distribution.port().to_string());
        command.env("ERL_EPMD_PORT", self.names.port().to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none");
        let addr = SocketAddr::from(([127, 0, 0, 1], management));
        process.start(command, || {
            Client::try_connect(addr).is_ok_and(|mut c| {
                let request = format!("GET /api/overview HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{LOGIN}\r\n\r\n");
                c.request(&request).is_ok_and(|r| r.status == 200)
            })
        });
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// `host:port` of the management plugin.
    pub fn management(&self) -> String {
        format!("127.0.0.1:{}", self.management.port())
    }

    /// Asks the management plugin, as `guest`, and returns the body of its answer.
    pub fn api(&self, method: &str, path: &str, body: &str) -> String {
        let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], self.management.port())));
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{LOGIN}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let response = client.request(&request).expect("RabbitMQ answers");
        assert!((200..300).contains(&response.status), "{method} {path}: {} {}", response.status, response.text());
        response.text()
    }
}
