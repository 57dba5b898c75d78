//! `down`: the orderly end of a running platform.

use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use skala_console::views::{Done, PauseOrder};

use crate::cli::DownArgs;
use crate::client::Client;
use crate::exit::{Exit, Outcome, TIMED_OUT};
use crate::instance::Instance;
use crate::show::say;

/// `skala down`
pub fn run(args: &DownArgs) -> Outcome {
    let state_dir = args.place.state_dir();
    let client = Client::find(&state_dir)?;
    let instance = Instance::read(&state_dir);
    let _: Done = client.post("/v1/shutdown", &PauseOrder::default())?;
    let Some(Ok(pid)) = instance.map(|i| i32::try_from(i.pid)) else { return Ok(()) };
    let deadline = Instant::now() + args.wait;
    while runs(pid) {
        if Instant::now() > deadline {
            let message = format!("skala (process {pid}) still drains its replicas after {:?}", args.wait);
            return Err(Exit::new(TIMED_OUT, message, "it goes on ending; wait longer with --wait"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    say("stopped");
    Ok(())
}

/// Whether a process still runs; one that has ended and that its parent has not asked about does not.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ended = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
    !ended && kill(Pid::from_raw(pid), None).is_ok()
}
