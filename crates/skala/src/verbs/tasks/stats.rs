//! `tasks stats`: queues and their numbers.

use clap::Args;
use serde_json::Value;

use super::{Common, seconds, text};
use crate::client::encode;
use crate::exit::Outcome;
use crate::show::{say, table};

#[derive(Args)]
pub struct StatsArgs {
    #[command(flatten)]
    pub common: Common,
    /// Only this queue
    pub queue: Option<String>,
}

/// `skala tasks stats [QUEUE]`
pub fn run(args: &StatsArgs) -> Outcome {
    let api = args.common.api()?;
    let found = match &args.queue {
        Some(queue) => serde_json::json!({"queues": [api.get(&format!("/v1/queues/{}", encode(queue)))?]}),
        None => api.get("/v1/queues")?,
    };
    args.common.show(found, rows);
    Ok(())
}

fn rows(found: &Value) {
    let header =
        ["QUEUE", "READY", "WORKED ON", "DELAYED", "HELD", "PARKED", "OLDEST", "IN/S", "OUT/S", "MEAN", "DONE", "DEAD", "STATE"];
    let mut t = table(&header, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for q in found["queues"].as_array().into_iter().flatten() {
        let rate = |name: &str| q[name].as_f64().map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
        t.add_row([
            text(q, "name"),
            text(q, "ready"),
            text(q, "leased"),
            text(q, "delayed"),
            text(q, "held"),
            text(q, "parked"),
            seconds(&q["oldestAgeSeconds"]),
            rate("arrivalsPerSecond"),
            rate("completionsPerSecond"),
            seconds(&q["meanAttemptSeconds"]),
            text(q, "done"),
            text(q, "dead"),
            state(q),
        ]);
    }
    say(&t.to_string());
    for q in found["queues"].as_array().into_iter().flatten() {
        for ceiling in q["ceilings"].as_array().into_iter().flatten() {
            let [tasks, why, until] = ["tasks", "text", "until"].map(|name| text(ceiling, name));
            say(&format!("{}: {tasks} tasks are parked until {until}: {why}", text(q, "name")));
        }
    }
}

/// What is out of the ordinary.
fn state(queue: &Value) -> String {
    let mut all = Vec::new();
    if queue["paused"] == true {
        all.push("paused".to_owned());
    }
    if queue["alarm"] == true {
        all.push("alarm".to_owned());
    }
    if let Some(speed) = queue["speed"].as_f64().filter(|speed| *speed < 0.995) {
        all.push(format!("slowed to {:.0}%", speed * 100.0));
    }
    all.join(", ")
}
