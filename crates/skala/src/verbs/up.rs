//! `up`: runs the platform in the foreground, or in the background with `--detach`.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use skala_console::views::Status;
use skala_runtime::private;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::UpArgs;
use crate::client::Client;
use crate::engine::{Engine, Options};
use crate::exit::{Exit, FAILED, Outcome, TIMED_OUT};
use crate::instance::Instance;
use crate::{files, show};

/// Where a detached skala writes its own messages, in the state folder.
const OWN_LOG: &str = "skala.log";

/// `skala up`
pub fn run(args: &UpArgs) -> Outcome {
    let platform = files::platform(&args.place.file, args.env.as_deref())?;
    if args.detach {
        return detach(args);
    }
    if args.own_session {
        // It fails only for the leader of a process group, which then has a session of its own or wants none.
        let _ = nix::unistd::setsid();
    }
    let options = Options { platform, folder: args.place.folder(), state_dir: args.place.state_dir() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("skala")
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(foreground(options))
}

async fn foreground(options: Options) -> Outcome {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let engine = Engine::start(options).await?;
    let shared = Arc::clone(&engine.shared);
    eprintln!("gateway http://{}   admin http://{}   Ctrl-C ends it", shared.gateway_addr, shared.admin_addr);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = shared.end.notified() => {}
    }
    eprintln!("ending: open requests finish, replicas drain (once more Ctrl-C kills them)");
    let again = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let is_clean = engine.stop(again).await;
    if let Some(why) = shared.failure.get() {
        let help = "what was acknowledged is in the store: once the cause is gone, `skala up` goes on with it";
        return Err(Exit::new(FAILED, format!("the store of tasks cannot be used any longer: {why}"), help));
    }
    if is_clean { Ok(()) } else { Err(Exit::new(FAILED, "some replicas had to be killed", "skala events tells which")) }
}

/// Starts the same command without `--detach` in a session of its own and waits until it is ready.
fn detach(args: &UpArgs) -> Outcome {
    let state_dir = args.place.state_dir();
    private::make_folder(&state_dir).with_context(|| format!("make the state folder {}", state_dir.display()))?;
    let log = state_dir.join(OWN_LOG);
    let own_log = private::to_append().open(&log).with_context(|| format!("open {}", log.display()))?;
    let begin = own_log.metadata().map_or(0, |m| m.len());
    let before = Instance::read(&state_dir);
    let mut command = Command::new(std::env::current_exe().context("find skala's own program")?);
    command.arg("up").arg("--own-session").arg("--file").arg(&args.place.file).arg("--state").arg(&state_dir);
    if let Some(env) = &args.env {
        command.args(["--env", env]);
    }
    let err = own_log.try_clone().context("share the log")?;
    command.stdin(Stdio::null()).stdout(own_log).stderr(err);
    let mut child = command.spawn().context("start skala in the background")?;
    let deadline = Instant::now() + args.wait;
    loop {
        if let Some(status) = child.try_wait().context("watch skala in the background")? {
            let said = std::fs::read(&log).unwrap_or_default();
            let said = String::from_utf8_lossy(said.get(usize::try_from(begin).unwrap_or(0)..).unwrap_or_default()).into_owned();
            eprint!("{said}");
            let code = status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(FAILED);
            return Err(Exit { code, message: "skala ended while it started".into(), help: None });
        }
        if Instance::read(&state_dir).is_some_and(|i| before.as_ref() != Some(&i) && i.pid == child.id())
            && let Ok(status) = Client::find(&state_dir)?.get::<Status>("/v1/status")
            && is_ready(&status)
        {
            show::say(&format!("platform {} runs: gateway http://{}, process {}", status.platform, status.gateway, status.pid));
            return Ok(());
        }
        if Instant::now() > deadline {
            let help = format!("it runs on; `skala status` and {} tell more, `skala down` ends it", log.display());
            return Err(Exit::new(TIMED_OUT, format!("not every service was ready after {:?}", args.wait), help));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_ready(status: &Status) -> bool {
    status.services.iter().all(|s| s.ready >= s.min_replicas)
}
