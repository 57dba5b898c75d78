//! `tune`: better settings for a policy, searched on one part of a trace and judged on the other.
//!
//! Decides: nothing of its own: `skala_sim::tune` searches, orders and judges; here are files, threads and forms of output.
//! Tested: `tests/e2e/tune.rs`, through the binary; parts in their modules.

pub mod args;
mod diff;
mod file;
mod ground;
mod report;
mod table;
mod work;

use std::sync::Arc;

pub use args::TuneArgs;
use skala_sim::tune::{Limits, Verdict};

use crate::cli::Output;
use crate::exit::{Exit, FAILED, FINDINGS, INTERRUPTED, Outcome, THRESHOLD};
use crate::files;
use crate::show;
use crate::verbs::simulate::runs::Stop;
use crate::verbs::simulate::traces::{self, Reading};
use ground::Ground;
use report::{PartReport, Report, SCHEMA_VERSION};
use work::Work;

/// `skala tune PLATFORM --trace T`.
pub fn run(args: &TuneArgs) -> Outcome {
    let read = files::read(&args.file, args.env.as_deref())?;
    files::show(&args.file, &read.text, &read.loaded.problems);
    let platform = read.loaded.platform.ok_or_else(|| Exit::silent(FINDINGS))?;
    let limits = Limits { missed_share: args.allow_missed, extra_cost: args.allow_cost };
    let names = work::services(args, &platform)?;
    let prepared = names.iter().map(|name| Work::try_new(args, &platform, name, limits)).collect::<Result<Vec<_>, Exit>>()?;

    let reading = Reading {
        step: args.trace_step,
        service: args.services.first().cloned(),
        scale: args.scale,
        from: args.from,
        until: args.until,
        seed: args.seed,
    };
    let mut sources = traces::open_all(args.trace.as_slice(), args.generate.as_slice(), &reading)?;
    let ground = ground::split(args, sources.remove(0))?;

    let stop = Arc::new(Stop::default());
    let stopped = Arc::clone(&stop);
    crate::verbs::load::ctrl_c(move || stopped.stop())?;
    let mut report = head(args, limits, &ground);
    let (mut wanted, mut changes) = (platform.clone(), Vec::new());
    for work in &prepared {
        let done = work.run(args, &ground, &stop)?;
        report.remarks.extend(done.remarks);
        report.currency = report.currency.or(done.currency);
        if done.report.verdict == Verdict::Better {
            if let Some(service) = wanted.services.get_mut(&work.name) {
                service.autoscaling = done.autoscaling;
            }
            changes.extend(done.changes);
        }
        report.interrupted |= done.interrupted;
        report.services.push(done.report);
        if stop.stopped() {
            break;
        }
    }
    if !changes.is_empty() {
        propose(args, &read.text, &wanted, &changes, &mut report)?;
    }
    match args.output {
        Output::Json => show::json(&report),
        Output::Table => show::say(&table::render(&report)),
    }
    let refused = report.services.iter().any(|s| s.verdict == Verdict::Overfitted);
    match (stop.stopped(), refused) {
        (true, _) => Err(Exit { code: INTERRUPTED, message: "interrupted: this is the best so far".into(), help: None }),
        (false, true) => Err(Exit::silent(THRESHOLD)),
        (false, false) => Ok(()),
    }
}

fn head(args: &TuneArgs, limits: Limits, ground: &Ground) -> Report {
    let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let part = |p: &ground::Part| PartReport {
        from_ms: ms(p.from),
        length_ms: ms(p.length),
        mode: if matches!(p.mode, skala_sim::Mode::Exact) { "exact" } else { "fluid" }.to_owned(),
    };
    Report {
        schema_version: SCHEMA_VERSION,
        seed: args.seed,
        goal: args.goal.into(),
        limits,
        trace: ground.name.clone(),
        searched: part(&ground.searched),
        held_back: part(&ground.held_back),
        currency: None,
        services: Vec::new(),
        diff: None,
        paste: Vec::new(),
        written: false,
        interrupted: false,
        remarks: Vec::new(),
    }
}

/// The diff, or what to paste; and the file itself, when that is wanted.
fn propose(args: &TuneArgs, text: &str, wanted: &skala_spec::Platform, changes: &[file::Change], report: &mut Report) -> Outcome {
    let Some(edited) = file::edited(&args.file, args.env.as_deref(), text, changes, wanted) else {
        let named = report.services.iter().filter(|s| changes.iter().any(|c| c.service == s.service));
        report.paste = named.map(|s| file::block(&s.service, changes)).collect();
        if args.write {
            report.remarks.push("Nothing was written: the file cannot be edited in place.".into());
        }
        return Ok(());
    };
    report.diff = Some(diff::unified(&args.file.display().to_string(), text, &edited));
    if args.write && !report.interrupted {
        let failed = |e: std::io::Error| {
            let message = format!("cannot write {}: {e}", args.file.display());
            Exit::new(FAILED, message, "make it writable, or run without --write and apply the diff")
        };
        std::fs::write(&args.file, &edited).map_err(failed)?;
        report.written = true;
    }
    Ok(())
}
