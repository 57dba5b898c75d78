//! The skala binary: one file per verb; composes everything; exit codes.
#![expect(unreachable_pub, reason = "nothing outside can reach into a binary")]
#![expect(clippy::print_stderr, reason = "messages for people go to stderr")]

mod admin;
mod backend;
mod cli;
mod client;
mod engine;
mod exit;
mod files;
mod history;
mod instance;
mod lower;
mod outside;
mod prom;
mod recommend;
mod show;
mod tasks;
mod verbs;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Verb};
use crate::exit::{Exit, FAILED, Outcome};

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(&cli.verb);
    let whole = |()| match show::lost() {
        None => Ok(()),
        Some(why) => {
            Err(Exit::new(FAILED, format!("cannot write to stdout: {why}"), "what is there is not complete; write it elsewhere"))
        }
    };
    match run(&cli.verb).and_then(whole) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            exit.show();
            ExitCode::from(exit.code)
        }
    }
}

fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::Up(args) => verbs::up::run(&args.clone().resolved()),
        Verb::Down(args) => verbs::down::run(args),
        Verb::Status(args) => verbs::query::status(args),
        Verb::Ps(args) => verbs::query::ps(args),
        Verb::Logs(args) => verbs::logs::run(args),
        Verb::Scale(args) => verbs::orders::scale(args),
        Verb::Pause(args) => verbs::orders::pause(args),
        Verb::Resume(args) => verbs::orders::resume(args),
        Verb::Events(args) => verbs::query::events(args),
        Verb::Why(args) => verbs::query::why(args),
        Verb::Recommend(args) => verbs::query::recommend(args),
        Verb::Tasks(args) => verbs::tasks::run(args),
        Verb::Schedules(args) => verbs::schedules::run(args),
        Verb::Replay(args) => verbs::replay::run(args),
        Verb::Decide(args) => verbs::decide::run(args),
        Verb::Import(args) => verbs::import::run(args),
        Verb::Check(args) => verbs::check::check(args),
        Verb::Schema => verbs::check::schema(),
        Verb::Explain(args) => verbs::check::explain(args),
        Verb::Controller(args) => verbs::controller::run(args),
        Verb::Export(args) => verbs::export::run(args),
        Verb::Load(args) => verbs::load::run(args),
        Verb::Plan(args) => verbs::plan::run(args),
        Verb::Simulate(args) => verbs::simulate::run(args),
        Verb::Tune(args) => verbs::tune::run(args),
        Verb::Trace(args) => verbs::trace::run(args),
        Verb::Demo(args) => verbs::demo::run(args),
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "skala", &mut std::io::stdout());
            Ok(())
        }
        Verb::Backend(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
            Ok(runtime.block_on(backend::run(args.clone()))?)
        }
        Verb::Guardian => skala_controller::platform::guardian_main(),
    }
}

/// skala's own messages: what happens to services with `up`, warnings with other verbs; `SKALA_LOG` says otherwise.
fn log_to_stderr(verb: &Verb) {
    let usual = if matches!(verb, Verb::Up(_) | Verb::Controller(_)) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("SKALA_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(color).with_target(false).init();
}
