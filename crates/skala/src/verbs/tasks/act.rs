//! `tasks cancel|retry|purge|pause|resume`: orders about tasks and queues.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::{Value, json};

use super::api::path;
use super::{Common, text};
use crate::client::encode;
use crate::exit::{Exit, FAILED, Outcome, USAGE};
use crate::show::say;

#[derive(Args)]
pub struct TaskArgs {
    #[command(flatten)]
    pub common: Common,
    /// Task
    pub id: String,
}

#[derive(Args)]
pub struct QueueArgs {
    #[command(flatten)]
    pub common: Common,
    /// Queue
    pub queue: String,
}

#[derive(Args)]
pub struct RetryArgs {
    #[command(flatten)]
    pub common: Common,
    /// Task
    #[arg(required_unless_present = "dead", conflicts_with = "dead")]
    pub id: Option<String>,
    /// All dead letters of the queue, the newest first
    #[arg(long, requires = "queue")]
    pub dead: bool,
    /// The queue of --dead
    #[arg(long, requires = "dead")]
    pub queue: Option<String>,
    /// At most N of them
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

#[derive(Args)]
pub struct PurgeArgs {
    #[command(flatten)]
    pub common: Common,
    /// Queue
    pub queue: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// At most N
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<u64>,
}

/// `skala tasks cancel ID`
pub fn cancel(args: &TaskArgs) -> Outcome {
    let done = args.common.api()?.delete(&format!("/v1/tasks/{}", encode(&args.id)))?;
    args.common.show(done, |done| match done["cancelled"].as_u64() {
        Some(0) => say(&format!("{} was called off before", args.id)),
        Some(1) => say(&format!("{} is called off", args.id)),
        n => say(&format!("{} is called off, and {} that wait for it", args.id, n.unwrap_or(1).saturating_sub(1))),
    });
    Ok(())
}

/// `skala tasks retry ID`, `skala tasks retry --dead --queue QUEUE`
pub fn retry(args: &RetryArgs) -> Outcome {
    let api = args.common.api()?;
    let ids = match &args.id {
        Some(id) => vec![id.clone()],
        None => {
            let query =
                [("state", Some("dead".to_owned())), ("queue", args.queue.clone()), ("limit", Some(args.limit.to_string()))];
            let found = api.get(&path("/v1/tasks", &query))?;
            found["tasks"].as_array().into_iter().flatten().map(|task| text(task, "id")).collect()
        }
    };
    let (mut begun, mut failed) = (Vec::new(), Vec::new());
    for id in &ids {
        match api.post(&format!("/v1/tasks/{}/retry", encode(id)), None) {
            Ok(task) => begun.push(task),
            Err(error) if args.id.is_some() => return Err(error),
            Err(error) => failed.push(json!({"id": id, "error": error.message})),
        }
    }
    let (n, bad) = (begun.len(), failed.len());
    args.common.show(json!({"retried": begun, "failed": failed}), |_| say(&format!("{n} tasks begin anew")));
    if bad == 0 {
        return Ok(());
    }
    Err(Exit::new(FAILED, format!("{bad} tasks could not begin anew"), "with -o json each has its reason"))
}

/// `skala tasks purge QUEUE`
pub fn purge(args: &PurgeArgs) -> Outcome {
    let api = args.common.api()?;
    if !args.yes {
        let queue = api.get(&format!("/v1/queues/{}", encode(&args.queue)))?;
        let count = ["ready", "delayed", "held", "parked"].iter().filter_map(|name| queue[*name].as_u64()).sum::<u64>();
        confirm(&format!("forget {} tasks of {}", count.min(args.limit.unwrap_or(u64::MAX)), args.queue))?;
    }
    let limit = [("limit", args.limit.map(|n| n.to_string()))];
    let done = api.post(&path(&format!("/v1/queues/{}/purge", encode(&args.queue)), &limit), None)?;
    args.common.show(done, |done| say(&format!("{} tasks of {} are forgotten", text(done, "purged"), args.queue)));
    Ok(())
}

/// Asks on the terminal.
fn confirm(what: &str) -> Outcome {
    if !std::io::stdin().is_terminal() {
        return Err(Exit::new(USAGE, format!("nobody is there to ask whether to {what}"), "say --yes"));
    }
    eprint!("{what}? [y/N] ");
    // Without the question, the answer is still awaited.
    let _ = std::io::stderr().flush();
    let mut said = String::new();
    let read = std::io::stdin().lock().read_line(&mut said);
    if read.is_ok() && matches!(said.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Exit::new(FAILED, "nothing was done", "answer y, or say --yes"))
}

/// `skala tasks pause QUEUE`, `skala tasks resume QUEUE`
pub fn pause(args: &QueueArgs, paused: bool) -> Outcome {
    let verb = if paused { "pause" } else { "resume" };
    let done: Value = args.common.api()?.post(&format!("/v1/queues/{}/{verb}", encode(&args.queue)), None)?;
    args.common.show(done, |_| {
        say(&match paused {
            true => format!("{} gives out nothing until `skala tasks resume {}`", args.queue, args.queue),
            false => format!("{} gives out tasks", args.queue),
        });
    });
    Ok(())
}
