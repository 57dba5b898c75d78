//! The real `skala` binary with a platform file of its own, under a test's control.
//!
//! Invariants: every process that it started is killed when the handle is dropped, also by a panic; no call waits longer than
//! [`PATIENCE`] without failing the test. Output goes to files, so that no full pipe can stop what is tested.

mod verb;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Client, Response};
use crate::processes::{self, Process};
use crate::wait::{try_until, until};

pub use verb::Ran;

/// How long a test waits for what takes a moment; wide, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A platform of one test.
pub struct Skala {
    binary: PathBuf,
    folder: TempDir,
    state: PathBuf,
    env: Vec<(String, String)>,
    prefix: Vec<String>,
    child: Option<Child>,
    runs: u32,
    log: PathBuf,
}

impl Skala {
    /// A folder with this platform file in it; nothing runs yet. The binary's folder comes first in the search path.
    pub fn new(binary: impl Into<PathBuf>, platform_file: &str) -> Skala {
        let binary = binary.into();
        let folder = tempfile::Builder::new().prefix("skala-e2e-").tempdir().expect("the temporary folder is writable");
        let state = folder.path().join(".skala");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", binary.parent().unwrap_or(Path::new(".")).display());
        let env = vec![("PATH".to_owned(), path), (processes::VARIABLE.to_owned(), folder.path().display().to_string())];
        let skala = Skala { binary, folder, state, env, prefix: Vec::new(), child: None, runs: 0, log: PathBuf::new() };
        skala.write("skala.yaml", platform_file);
        skala
    }

    /// Sets an environment variable of skala and so of its replicas.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Skala {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Uses another state folder than `.skala` beside the platform file.
    #[must_use]
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Skala {
        self.state = folder.into();
        self
    }

    /// Puts words before skala's own command line, such as `sh -c` with a limit.
    #[must_use]
    pub fn prefix(mut self, words: &[&str]) -> Skala {
        self.prefix = words.iter().map(|w| (*w).to_owned()).collect();
        self
    }

    /// Adds a folder to the front of the search path.
    #[must_use]
    pub fn path(self, folder: &Path) -> Skala {
        let rest = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
        self.env("PATH", format!("{}:{rest}", folder.display()))
    }

    /// The folder of the platform file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The state folder.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Writes a file beside the platform file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("the test's folder is writable");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut words: Vec<String> = self.prefix.clone();
        words.push(self.binary.display().to_string());
        let mut command = Command::new(&words[0]);
        for inherited in ["NO_COLOR", "SKALA_FILE", "SKALA_STATE", "SKALA_ENV", "SKALA_LOG", "SKALA_ADMIN_TOKEN"] {
            command.env_remove(inherited);
        }
        command.args(&words[1..]).args(args).current_dir(self.folder()).envs(self.env.iter().map(|(n, v)| (n, v)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end in the platform file's folder.
    pub fn run(&self, args: &[&str]) -> Ran {
        verb::run(self.command(&self.with_state(args)))
    }

    /// Names the state folder to the verbs that take one, where it is not the usual one.
    fn with_state<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let mut args = args.to_vec();
        let stateless = ["check", "schema", "explain", "load", "backend", "completions", "decide", "demo", "import"];
        if self.state != self.folder().join(".skala") && !args.first().is_some_and(|verb| stateless.contains(verb)) {
            args.extend(["--state", self.state.to_str().expect("test folders have plain names")]);
        }
        args
    }

    /// Starts a verb that goes on by itself; it is killed when the handle is dropped.
    pub fn follow(&mut self, args: &[&str]) -> Follower {
        self.runs += 1;
        let path = self.folder().join(format!("follow-{}.log", self.runs));
        let out = File::create(&path).expect("the test's folder is writable");
        let err = out.try_clone().expect("a file can be shared");
        let child = self.command(&self.with_state(args)).stdout(out).stderr(err).spawn().expect("the binary runs");
        Follower { child, path }
    }

    /// Runs a verb that must succeed and gives what it printed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        ran.stdout
    }

    /// Runs a verb with `-o json`; its output must be one document with a `schemaVersion`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[args, &["-o", "json"]].concat());
        let document: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{args:?} printed no JSON ({e}): {out}"));
        assert_eq!(document["schemaVersion"], 1, "{args:?}: {out}");
        document
    }

    /// Drives load with `skala load` and gives its report. A generator that was late, as it is on a busy machine, is no failure: what
    /// counts here is what became of the requests.
    #[track_caller]
    pub fn load(&self, url: &str, args: &[&str]) -> Value {
        let ran = self.run(&[&["load", url], args, &["-o", "json"]].concat());
        assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("load printed no JSON ({e}): {ran:?}"))
    }

    /// Starts `skala up` without waiting for anything.
    pub fn spawn(&mut self, args: &[&str]) {
        self.runs += 1;
        self.log = self.folder().join(format!("up-{}.log", self.runs));
        let log = File::create(&self.log).expect("the test's folder is writable");
        let err = log.try_clone().expect("a file can be shared");
        let args = [&["up"], args].concat();
        let child = self.command(&self.with_state(&args)).stdout(log).stderr(err).spawn().expect("the binary runs");
        self.child = Some(child);
    }

    /// Starts `skala up` and waits until it runs; replicas may not be ready.
    #[track_caller]
    pub fn up(&mut self) -> &mut Skala {
        self.up_with(&[])
    }

    /// Starts `skala up` with further flags and waits until it runs.
    #[track_caller]
    pub fn up_with(&mut self, args: &[&str]) -> &mut Skala {
        self.spawn(args);
        let pid = self.pid();
        let running = try_until(PATIENCE, || {
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                return Some(Err(status));
            }
            (self.note()?["pid"] == pid).then_some(Ok(()))
        });
        match running {
            Some(Ok(())) => self,
            Some(Err(status)) => panic!("skala up ended with {status}: {}", self.said()),
            None => panic!("skala up does not get going: {}", self.said()),
        }
    }

    /// Starts `skala up` and waits until `service` has `n` replicas ready.
    #[track_caller]
    pub fn up_ready(&mut self, service: &str, n: u64) -> &mut Skala {
        self.up();
        self.await_ready(service, n);
        self
    }

    /// Waits until `service` has exactly `n` replicas ready.
    #[track_caller]
    pub fn await_ready(&self, service: &str, n: u64) {
        until(&format!("{n} ready replicas of {service}"), PATIENCE, || (self.service(service)["ready"] == n).then_some(()));
    }

    fn note(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.state.join("instance.json")).ok()?).ok()
    }

    fn address(&self, key: &str) -> SocketAddr {
        let note = self.note().unwrap_or_else(|| panic!("skala does not run: {}", self.said()));
        note[key].as_str().and_then(|a| a.parse().ok()).expect("the note has addresses")
    }

    /// Where the gateway listens.
    pub fn gateway(&self) -> SocketAddr {
        self.address("gateway")
    }

    /// Where the admin API listens.
    pub fn admin(&self) -> SocketAddr {
        self.address("admin")
    }

    /// GETs a path through the gateway, over a connection of its own.
    pub fn get(&self, path: &str) -> Response {
        get(self.gateway(), path)
    }

    /// GETs a document of the admin API.
    #[track_caller]
    pub fn admin_json(&self, path: &str) -> Value {
        let answer = get(self.admin(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("the admin API answers with JSON")
    }

    /// A service's part of the status.
    #[track_caller]
    pub fn service(&self, name: &str) -> Value {
        let status = self.admin_json("/v1/status");
        let all = status["services"].as_array().expect("a status has services");
        all.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no service {name}: {status}")).clone()
    }

    /// The replicas of a service.
    pub fn replicas(&self, service: &str) -> Vec<Value> {
        let all = self.admin_json("/v1/replicas");
        let rows = all["replicas"].as_array().expect("replicas are a list");
        rows.iter().filter(|r| r["service"] == service).cloned().collect()
    }

    /// Texts of events of one kind, oldest first; `service` empty for all.
    pub fn events(&self, service: &str, kind: &str) -> Vec<String> {
        let mut args = vec!["events", "-n", "10000"];
        args.extend((!service.is_empty()).then_some(service));
        let events = self.json(&args);
        let rows = events["events"].as_array().expect("events are a list").iter();
        rows.filter(|e| e["kind"] == kind).filter_map(|e| e["text"].as_str().map(str::to_owned)).collect()
    }

    /// skala's own process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("skala was started").id()
    }

    /// Every live process that came from this handle, verbs and a detached skala included.
    pub fn processes(&self) -> Vec<Process> {
        processes::marked(&self.folder().display().to_string())
    }

    /// Sends a signal to skala itself.
    pub fn signal(&self, signal: Signal) {
        processes::signal(self.pid(), signal);
    }

    /// Waits for skala's end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("skala was started");
        until("skala ends", PATIENCE, || child.try_wait().expect("a child can be waited for"))
    }

    /// Ends skala in order with `skala down`; nothing of it may be left.
    #[track_caller]
    pub fn down(&mut self) {
        self.ok(&["down"]);
        if self.child.is_some() {
            assert!(self.wait().success(), "{}", self.said());
        }
        until("no process is left", Duration::from_secs(5), || self.processes().is_empty().then_some(()));
    }

    /// What the latest `skala up` printed.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// A verb that goes on by itself.
pub struct Follower {
    child: Child,
    path: PathBuf,
}

impl Follower {
    /// What it printed so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.path).unwrap_or_default()).into_owned()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

impl Drop for Skala {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what skala said")]
            {
                eprintln!("--- skala up said:\n{}---", self.said());
            }
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill(); // it may have ended
            let _ = child.wait();
        }
        processes::kill_marked(&self.folder().display().to_string());
    }
}

/// GETs a path over a connection of its own.
///
/// # Panics
/// When there is no complete answer in time.
#[track_caller]
pub fn get(addr: SocketAddr, path: &str) -> Response {
    try_get(addr, path).unwrap_or_else(|e| panic!("GET {path} from {addr}: {e}"))
}

/// GETs a path over a connection of its own; waits up to [`PATIENCE`] for the answer.
///
/// # Errors
/// When nobody listens or the answer is not complete.
pub fn try_get(addr: SocketAddr, path: &str) -> std::io::Result<Response> {
    let mut client = Client::try_connect(addr)?;
    client.stream().set_read_timeout(Some(PATIENCE))?;
    client.request(&format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n"))
}
