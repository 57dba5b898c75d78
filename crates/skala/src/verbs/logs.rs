//! `logs`: what replicas printed, merged by time.

use std::time::Duration;

use anyhow::Context;
use skala_controller::platform::logs::{self, Follower, LogEntry};
use skala_types::{ServiceName, Time};

use crate::cli::LogsArgs;
use crate::exit::{Exit, FAILED, Outcome};
use crate::show::say;

/// How often new lines are looked for.
const POLL: Duration = Duration::from_millis(200);

/// `skala logs [-f] [SERVICE...]`
pub fn run(args: &LogsArgs) -> Outcome {
    let state_dir = args.place.state_dir();
    if !state_dir.join("logs").is_dir() {
        let message = format!("there are no logs in the state folder {}", state_dir.display());
        return Err(Exit::new(FAILED, message, "run the platform first with `skala up`, or name its folder with --state"));
    }
    let services: Vec<ServiceName> = args.services.iter().map(|s| s.as_str().into()).collect();
    let mut follower = if args.follow { Some(Follower::new(&state_dir, &services).context("follow the logs")?) } else { None };
    let mut shown = Time::ZERO;
    for entry in logs::tail(&state_dir, &services, args.tail).context("read the logs")? {
        shown = shown.max(entry.at);
        print(&entry);
    }
    while let Some(follower) = &mut follower {
        // The follower began before the tail was read, so that no line is missed; what both saw is shown once.
        for entry in follower.poll().context("follow the logs")?.into_iter().filter(|e| e.at > shown) {
            print(&entry);
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn print(entry: &LogEntry) {
    say(&format!("{} {}-{} {}  {}", entry.at, entry.service, entry.replica, entry.stream, entry.line));
}
