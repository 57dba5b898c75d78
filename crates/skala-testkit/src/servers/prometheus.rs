//! Prometheus.

use std::net::SocketAddr;

use super::{Process, certificate, program};

/// A Prometheus of its own that scrapes one target; stops when dropped.
pub struct Prometheus {
    process: Process,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of a target, four times a second.
    pub fn start(target: SocketAddr) -> Prometheus {
        Prometheus::begin(target, "")
    }

    /// Starts one that speaks TLS alone and knows these users: names and bcrypt hashes.
    pub fn with_tls(target: SocketAddr, users: &[(&str, &str)]) -> Prometheus {
        let users: String = users.iter().map(|(name, hash)| format!("  {name}: {hash}\n")).collect();
        let web = format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users:\n{users}");
        Prometheus::begin(target, &web)
    }

    fn begin(target: SocketAddr, web: &str) -> Prometheus {
        let mut prometheus = Prometheus { process: Process::new() };
        let process = &prometheus.process;
        let config = format!(
            "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n\
             scrape_configs:\n- job_name: test\n  static_configs: [{{targets: [\"{target}\"]}}]\n"
        );
        process.write("prometheus.yml", &config);
        process.write("web.yml", web);
        if !web.is_empty() {
            let (key, cert) = certificate(process.folder());
            process.own(&key);
            process.own(&cert);
        }
        prometheus.restart();
        prometheus
    }

    /// Starts it again with what it had scraped.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        let mut command = process.command(&program("prometheus", "prometheus", &[]));
        let file = |name: &str| process.folder().join(name).display().to_string();
        command.arg(format!("--config.file={}", file("prometheus.yml"))).arg(format!("--web.config.file={}", file("web.yml")));
        command
            .arg(format!("--storage.tsdb.path={}", file("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{}", process.port()));
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

    /// The certificate in PEM.
    pub fn certificate(&self) -> String {
        std::fs::read_to_string(self.process.folder().join("cert.pem")).expect("it was started with TLS")
    }
}
