//! `logs`: what replicas printed, merged by time.

use std::time::Duration;

use anyhow::Context;
use skala_controller::platform::logs::{self, Follower, LogEntry};
use skala_types::ServiceName;

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
    for entry in logs::tail(&state_dir, &services, args.tail).context("read the logs")? {
        print(&entry);
    }
    while let Some(follower) = &mut follower {
        for entry in follower.poll().context("follow the logs")? {
            print(&entry);
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn print(entry: &LogEntry) {
    say(&entry.to_string());
}
