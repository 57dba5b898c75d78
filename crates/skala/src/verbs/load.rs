//! `load`: a thin shell over `skala_load`.

pub mod knee;
mod write;

use std::io::{IsTerminal, Write};

use skala_load::{Arrivals, LoadError, LoadPlan, Progress, RequestBody, Stop, Threshold, render, run as drive};

use crate::cli::{LoadArgs, Output, Spacing};
use crate::exit::{Exit, FAILED, INTERRUPTED, Outcome, USAGE};
use crate::show;

/// `skala load URL`: exit 4 when a `--fail-if` holds, 5 when the measurement is invalid.
pub fn run(args: &LoadArgs) -> Outcome {
    let plan = plan(args)?;
    let stop = Stop::new();
    let stopped = stop.clone();
    ctrl_c(move || stopped.stop())?;
    if args.knee.find_knee {
        return knee::run(&args.knee, plan, args.rate.as_deref(), args.output, &stop);
    }
    let tty = std::io::stderr().is_terminal();
    let progress = |p: &Progress| {
        if tty {
            eprint!("\r\x1b[2K{p}");
            let _ = std::io::stderr().flush();
        }
    };
    let report = drive(&plan, progress, &stop).map_err(|e| failure(&e))?;
    if tty {
        eprintln!();
    }
    match args.output {
        Output::Json => show::json(&report),
        Output::Table => show::say(render(&report).trim_end()),
    }
    match report.verdict.exit_code() {
        0 if report.stopped => Err(Exit::silent(INTERRUPTED)),
        0 => Ok(()),
        code => Err(Exit::silent(code)),
    }
}

fn failure(error: &LoadError) -> Exit {
    let code = if matches!(error, LoadError::Plan(_) | LoadError::Target(_)) { USAGE } else { FAILED };
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message += &format!(": {cause}");
        source = cause.source();
    }
    Exit { code, message, help: None }
}

fn plan(args: &LoadArgs) -> Result<LoadPlan, Exit> {
    let usage = |e: &dyn std::fmt::Display| Exit { code: USAGE, message: e.to_string(), help: None };
    let arrivals = match (&args.rate, &args.trace) {
        // The search has its own rates.
        _ if args.knee.find_knee => Arrivals::Rate("1".parse().map_err(|e| usage(&e))?),
        (Some(rate), _) => Arrivals::Rate(rate.parse().map_err(|e| usage(&e))?),
        (None, Some(path)) => Arrivals::Trace { path: path.clone(), scale: args.scale },
        (None, None) => return Err(usage(&"one of --rate, --trace and --find-knee is needed")),
    };
    let mut plan = LoadPlan::new(&args.url, arrivals);
    plan.method.clone_from(&args.method);
    for header in &args.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Exit::new(USAGE, format!("'{header}' is not a header"), "write 'name: value'"))?;
        plan.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    plan.body = match (&args.body, &args.body_file) {
        (Some(text), _) => RequestBody::Text(text.clone()),
        (None, Some(path)) => RequestBody::File(path.clone()),
        (None, None) => RequestBody::None,
    };
    plan.duration = args.duration;
    plan.spacing = match args.spacing {
        Spacing::Poisson => skala_load::Spacing::Poisson,
        Spacing::Constant => skala_load::Spacing::Constant,
    };
    plan.seed = args.seed;
    plan.timeout = args.timeout;
    plan.max_in_flight = args.max_in_flight;
    plan.bound = args.bound;
    plan.warm_up = args.warm_up;
    plan.connections = args.connections;
    plan.keep_alive = !args.no_keep_alive;
    plan.threads = args.threads;
    plan.lag_bound = args.lag_bound;
    for condition in &args.fail_if {
        plan.thresholds.push(condition.parse::<Threshold>().map_err(|e| usage(&e))?);
    }
    Ok(plan)
}

/// Runs `act` at the first Ctrl-C; a second one ends the process as usual.
pub(super) fn ctrl_c(act: impl FnOnce() + Send + 'static) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| Exit {
        code: FAILED,
        message: format!("start the signal handler: {e}"),
        help: None,
    })?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                act();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(INTERRUPTED));
            }
        });
    });
    Ok(())
}
