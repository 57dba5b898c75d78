//! `schedules`: when tasks come by themselves. `next` also works without a running skala: the file says it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use skala_runtime::Clock;

use super::tasks::Common;
use super::tasks::api::{Api, path};
use crate::client::encode;
use crate::exit::{Exit, FAILED, Outcome};
use crate::files;
use crate::show::{say, table};

/// Arguments of `schedules`.
#[derive(Args)]
pub struct SchedulesArgs {
    #[command(subcommand)]
    verb: SchedulesVerb,
}

#[derive(Subcommand)]
enum SchedulesVerb {
    /// List schedules
    List(Common),
    /// Show when schedules fire next, from the platform file: skala need not run
    Next(NextArgs),
    /// Fire now, beside the timetable
    Run(NameArgs),
    /// Fire no more
    Pause(NameArgs),
    /// Fire again
    Resume(NameArgs),
    /// Show when a schedule fired and what came of it
    History(HistoryArgs),
}

#[derive(Args)]
struct NextArgs {
    #[command(flatten)]
    common: Common,
    /// Schedule; all when absent
    name: Option<String>,
    /// Environment whose overlay applies
    #[arg(short, long, value_name = "NAME", env = "SKALA_ENV")]
    env: Option<String>,
    /// Times of each
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// From this time on (RFC 3339); now when absent
    #[arg(long, value_name = "TIME")]
    from: Option<skala_types::Time>,
}

#[derive(Args)]
struct NameArgs {
    #[command(flatten)]
    common: Common,
    /// Schedule
    name: String,
}

#[derive(Args)]
struct HistoryArgs {
    #[command(flatten)]
    common: Common,
    /// Schedule
    name: String,
    /// At most N, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// `skala schedules ...`
pub fn run(args: &SchedulesArgs) -> Outcome {
    match &args.verb {
        SchedulesVerb::List(common) => {
            let found = api(common)?.get("/v1/schedules")?;
            common.show(found, |found| rows(&found["schedules"]));
            Ok(())
        }
        SchedulesVerb::Next(args) => next(args),
        SchedulesVerb::Run(args) => order(args, "run", "fires now"),
        SchedulesVerb::Pause(args) => order(args, "pause", "fires no more until `skala schedules resume`"),
        SchedulesVerb::Resume(args) => order(args, "resume", "fires again"),
        SchedulesVerb::History(args) => {
            let base = format!("/v1/schedules/{}/history", encode(&args.name));
            let found = api(&args.common)?.get(&path(&base, &[("limit", Some(args.limit.to_string()))]))?;
            args.common.show(found, |found| rows(first_list(found)));
            Ok(())
        }
    }
}

fn api(common: &Common) -> Result<Api, Exit> {
    Api::find(&common.place.state_dir())
}

fn order(args: &NameArgs, verb: &str, done: &str) -> Outcome {
    let answer = api(&args.common)?.post(&format!("/v1/schedules/{}/{verb}", encode(&args.name)), None)?;
    args.common.show(answer, |_| say(&format!("{} {done}", args.name)));
    Ok(())
}

/// The next times by the file alone.
fn next(args: &NextArgs) -> Outcome {
    let platform = files::platform(&args.common.place.file, args.env.as_deref())?;
    let from = args.from.unwrap_or_else(|| Clock::system().now());
    let mut all = Vec::new();
    for schedule in platform.task_schedules() {
        let settings = &schedule.settings;
        if args.name.as_ref().is_some_and(|name| *name != *settings.name.as_str()) {
            continue;
        }
        all.push(json!({
            "name": settings.name.as_str(),
            "queue": schedule.queue.as_str(),
            "timetable": settings.timetable.text(),
            "paused": settings.paused,
            "next": settings.timetable.next_shown(from, args.limit as usize),
        }));
    }
    if let (Some(name), true) = (&args.name, all.is_empty()) {
        let names: Vec<_> = platform.schedules.keys().map(String::as_str).collect();
        let help = match names.is_empty() {
            true => "the file has no `schedules:`".to_owned(),
            false => format!("the file has: {}", names.join(", ")),
        };
        return Err(Exit::new(FAILED, format!("there is no schedule {name}"), help));
    }
    args.common.show(json!({"schedules": all}), |found| {
        for schedule in found["schedules"].as_array().into_iter().flatten() {
            let paused = if schedule["paused"] == true { "   paused" } else { "" };
            let timetable = schedule["timetable"].as_str().unwrap_or_default();
            say(&format!("{}   {timetable}{paused}", schedule["name"].as_str().unwrap_or_default()));
            let times = schedule["next"].as_array().into_iter().flatten().filter_map(Value::as_str);
            times.for_each(|time| say(&format!("  {time}")));
        }
    });
    Ok(())
}

/// The list in a document that has one.
fn first_list(document: &Value) -> &Value {
    document.as_object().and_then(|fields| fields.values().find(|value| value.is_array())).unwrap_or(&Value::Null)
}

/// A list of documents as a table: a column per field of the first.
fn rows(list: &Value) {
    let Some(first) = list.as_array().and_then(|list| list.first()).and_then(Value::as_object) else {
        return say("none");
    };
    let names: Vec<&String> = first.keys().collect();
    let header: Vec<String> = names.iter().map(|name| heading(name)).collect();
    let mut t = table(&header.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    for item in list.as_array().into_iter().flatten() {
        let cell = |name: &&String| match &item[name.as_str()] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join("\n"),
            other => other.to_string(),
        };
        t.add_row(names.iter().map(cell).collect::<Vec<_>>());
    }
    say(&t.to_string());
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `lastRun` as `LAST RUN`.
fn heading(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_uppercase() { vec![' ', c] } else { vec![c.to_ascii_uppercase()] }).collect()
}
