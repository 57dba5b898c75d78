//! Postgres.

use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::{Process, certificate, program, run};

/// A Postgres of its own, with the user `postgres`; stops when dropped.
pub struct Postgres {
    process: Process,
    password: String,
    tls: bool,
}

impl Postgres {
    /// Starts one with this password.
    pub fn start(password: &str) -> Postgres {
        Postgres::begin(password, false)
    }

    /// Starts one that also speaks TLS.
    pub fn with_tls(password: &str) -> Postgres {
        Postgres::begin(password, true)
    }

    fn begin(password: &str, tls: bool) -> Postgres {
        let process = Process::new();
        let secret = process.write("password", password);
        let mut initdb = process.command(&program("initdb", "postgresql", &folders()));
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8", "--pwfile"]);
        run(initdb.arg(secret).arg("--pgdata").arg(process.folder().join("data")));
        if tls {
            let (key, cert) = certificate(process.folder());
            process.own(&key);
            process.own(&cert);
        }
        let mut postgres = Postgres { process, password: password.to_owned(), tls };
        postgres.restart();
        postgres
    }

    /// Starts it again with what it held.
    pub fn restart(&mut self) {
        let process = &mut self.process;
        let mut command = process.command(&program("postgres", "postgresql", &folders()));
        command.arg("-D").arg(process.folder().join("data")).args(["-p", &process.port().to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
        if self.tls {
            let file = |name: &str| process.folder().join(name).display().to_string();
            command.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={}", file("cert.pem"))]);
            command.args(["-c", &format!("ssl_key_file={}", file("key.pem"))]);
        }
        // It listens before it takes connections; the file says when it does.
        let pid_file = process.folder().join("data/postmaster.pid");
        process.start(command, || std::fs::read_to_string(&pid_file).is_ok_and(|t| t.contains("ready")));
    }

    /// Ends it without a farewell: Postgres' immediate shutdown, which waits for nothing and ends every process of it. (They write
    /// their titles over their environment, and with it the mark.)
    pub fn kill(&mut self) {
        self.process.end(Signal::SIGQUIT);
        self.process.kill();
        // A killed server leaves the file in which it says that it is ready.
        let _ = std::fs::remove_file(self.process.folder().join("data/postmaster.pid"));
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.process.port())
    }

    /// The URL with user and password.
    pub fn url(&self) -> String {
        format!("postgres://postgres:{}@{}/postgres", self.password, self.address())
    }

    /// The certificate in PEM.
    pub fn certificate(&self) -> String {
        std::fs::read_to_string(self.process.folder().join("cert.pem")).expect("it was started with TLS")
    }

    /// Runs SQL with psql and returns what it prints.
    pub fn run(&self, sql: &str) -> String {
        let mut psql = self.process.command(&program("psql", "postgresql-client", &folders()));
        psql.env("PGPASSWORD", &self.password).args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.process.port().to_string(),
            "-U",
            "postgres",
        ]);
        run(psql.args(["--no-psqlrc", "-qtAX", "-v", "ON_ERROR_STOP=1", "-c", sql])).trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where Debian puts the programs of each version, newest first.
fn folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut folders: Vec<PathBuf> = versions.flatten().map(|v| v.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}
