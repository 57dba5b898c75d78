//! The real servers that skala reads from, each started for one test: on a free port, with its files in a temporary folder, and
//! stopped with everything it started when the test ends.
//!
//! Method: a server carries a mark in its environment; stopping kills all that carry it, daemons included. It can be stopped and
//! started again on the same port with the same files. The programs come from Debian's packages; `scripts/test` installs them.

mod kafka;
mod nats;
mod postgres;
mod prometheus;
mod rabbitmq;
mod redis;

use std::fs::{self, File};
use std::net::TcpStream;
use std::ops::Not;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

pub use kafka::Kafka;
pub use nats::Nats;
pub use postgres::Postgres;
pub use prometheus::Prometheus;
pub use rabbitmq::Rabbitmq;
pub use redis::Redis;

use crate::port::Reserved;
use crate::processes::{self, VARIABLE};
use crate::wait;

/// How long a server may take to start; RabbitMQ on a busy machine is the slowest.
const START: Duration = Duration::from_secs(60);
/// How long a server may take to end when it is asked to.
const END: Duration = Duration::from_secs(10);
/// Users that a server runs as when the tests run as root, which some servers refuse; the first that exists.
const USERS: [&str; 2] = ["postgres", "nobody"];

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A server's folder, port and processes.
struct Process {
    folder: TempDir,
    port: Reserved,
    mark: String,
    child: Option<Child>,
}

impl Process {
    fn new() -> Process {
        let mark = format!("server-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::Builder::new().prefix("skala-server-").tempdir().expect("the temporary folder is writable");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let process = Process { folder, port: Reserved::new(), mark, child: None };
        process.own(process.folder.path());
        process
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn port(&self) -> u16 {
        self.port.port()
    }

    /// Writes a file that the server can read.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, text).expect("the temporary folder is writable");
        self.own(&path);
        path
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = server_user() {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root can give files away");
        }
    }

    /// A command that runs as the server's user, with its mark and files.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env(VARIABLE, &self.mark).env("HOME", self.folder()).current_dir(self.folder());
        if let Some((user, group)) = server_user() {
            command.gid(group).uid(user);
        }
        command
    }

    /// Starts the server and waits until `ready`.
    fn start(&mut self, mut command: Command, ready: impl Fn() -> bool) {
        let log = File::create(self.folder().join("log")).expect("the temporary folder is writable");
        let errors = log.try_clone().expect("a file can be shared");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}"));
        let child = self.child.insert(child);
        let up = wait::try_until(START, || match child.try_wait() {
            Ok(None) => ready().then_some(true),
            _ => Some(false),
        });
        if up != Some(true) {
            let log = fs::read_to_string(self.folder().join("log")).unwrap_or_default();
            self.kill();
            panic!("{command:?} did not start:\n{log}");
        }
    }

    /// Asks the server with a signal to end at once, and waits until it has; for servers whose processes hide their mark.
    fn end(&mut self, signal: Signal) {
        let Some(child) = &mut self.child else { return };
        processes::signal(child.id(), signal);
        wait::try_until(END, || matches!(child.try_wait(), Ok(None)).not().then_some(()));
    }

    /// Kills the server and all that it started, as a crash would.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Gone already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
        processes::kill_marked(&self.mark);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(1)).is_ok()
}

/// User and group for servers, when the tests run as root.
fn server_user() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user = USERS.iter().find_map(|name| nix::unistd::User::from_name(name).ok().flatten())?;
    Some((user.uid.as_raw(), user.gid.as_raw()))
}

/// A program in `PATH` or in one of `folders`.
///
/// # Panics
/// When it is not there; the message names the package that has it.
fn program(name: &str, package: &str, folders: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/bin"].map(PathBuf::from);
    let all = folders.iter().cloned().chain(std::env::split_paths(&path)).chain(usual);
    let found = all.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("`{name}` is not installed: install Debian's package {package}, or run scripts/test, which does")
    })
}

/// A key and a certificate for `localhost` and 127.0.0.1 in `folder`, made with OpenSSL; the certificate is its own authority.
///
/// # Panics
/// When OpenSSL is missing or fails.
pub fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (key, certificate) = (folder.join("key.pem"), folder.join("cert.pem"));
    let mut command = Command::new(program("openssl", "openssl", &[]));
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]);
    command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    run(&mut command);
    (key, certificate)
}

/// Runs a command to its end and returns what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
