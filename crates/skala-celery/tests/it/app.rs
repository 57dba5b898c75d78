//! A Celery application under a test's control: its Redis, its workers, its Python.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use skala_celery::{Broker, BrokerSettings, Layout, Remote};
use skala_testkit::processes;
use skala_testkit::servers::Redis;
use skala_testkit::venv;
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An application.
pub(crate) struct App {
    pub(crate) redis: Redis,
    pub(crate) folder: TempDir,
    programs: PathBuf,
    environment: Vec<(String, String)>,
    layout: Layout,
}

/// A worker; killed when dropped.
pub(crate) struct Worker {
    child: Child,
    /// Its name in Celery.
    pub(crate) name: String,
    mark: String,
}

impl Worker {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it and its pool, as running out of memory does.
    pub(crate) fn kill(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        processes::kill_marked(&self.mark);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

impl App {
    /// The test's application with this release of Celery and these settings.
    pub(crate) fn new(release: &str, settings: &[(&str, &str)]) -> App {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
        let programs = venv::programs(&here.join(format!("celery{release}.txt")), Path::new(env!("CARGO_TARGET_TMPDIR")));
        let (redis, folder) = (Redis::start(), tempfile::tempdir().expect("the temporary folder is writable"));
        std::fs::copy(here.join("app.py"), folder.path().join("app.py")).expect("the temporary folder is writable");
        let get = |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        let mut layout = Layout::default();
        if let Some(seconds) = get("VISIBILITY").and_then(|s| s.parse().ok()) {
            layout.visibility_timeout = Duration::from_secs(seconds);
        }
        if let Some(steps) = get("STEPS") {
            layout.priority_steps = steps.split(',').filter_map(|s| s.parse().ok()).collect();
        }
        layout.prefix = get("PREFIX").unwrap_or_default().to_owned();
        let mut environment: Vec<_> = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        environment.push(("BROKER".to_owned(), format!("redis://{}/0", redis.address())));
        environment.push(("NOTES".to_owned(), folder.path().join("notes").display().to_string()));
        App { redis, folder, programs, environment, layout }
    }

    pub(crate) fn broker(&self) -> Broker {
        let url = format!("redis://{}/0", self.redis.address());
        Broker::new(BrokerSettings { url, ca: None, layout: self.layout.clone() }).expect("the address is right")
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.programs.join("python")
    }

    /// Starts a worker and waits until it answers.
    pub(crate) async fn worker(&self, name: &str, arguments: &[&str]) -> Worker {
        let mark = format!("celery-{}-{}-{name}", std::process::id(), self.redis.address());
        let log = File::create(self.folder.path().join(format!("{name}.log"))).expect("the temporary folder is writable");
        let mut command = Command::new(self.programs.join("celery"));
        command.args(["-A", "app", "worker", "-n", &format!("{name}@test"), "--without-gossip", "--without-mingle"]);
        command.args(arguments).current_dir(self.folder.path()).envs(self.environment.iter().cloned());
        command.env(processes::VARIABLE, &mark).env("C_FORCE_ROOT", "1").stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let worker = Worker { child: command.spawn().expect("celery runs"), name: format!("{name}@test"), mark };
        let remote = Remote::new(self.broker(), Duration::from_millis(300));
        self.until(&format!("{name} answers"), async || {
            remote.ping().await.ok().filter(|r| r.by_worker.contains_key(&worker.name))
        })
        .await;
        worker
    }

    /// Runs Python with the application imported as `app` and returns what the expression gives, as JSON.
    pub(crate) async fn eval(&self, before: &str, expression: &str) -> Value {
        let script = format!("import json\nfrom app import *\n{before}\nprint(json.dumps({expression}))");
        let mut command = tokio::process::Command::new(self.python());
        command.args(["-c", &script]).current_dir(self.folder.path()).envs(self.environment.iter().cloned()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("Python ends").expect("Python runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
        serde_json::from_slice(&output.stdout).expect("Python prints JSON")
    }

    /// What tasks noted.
    pub(crate) fn notes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Polls until there is a value.
    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if tokio::time::Instant::now() > deadline {
                panic!("waited in vain for: {what}\n{}", self.logs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn logs(&self) -> String {
        let files = std::fs::read_dir(self.folder.path()).expect("the folder is there").flatten();
        let logs = files.filter(|f| f.path().extension().is_some_and(|e| e == "log"));
        logs.map(|f| std::fs::read_to_string(f.path()).unwrap_or_default()).collect()
    }
}
