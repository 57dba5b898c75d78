//! `tasks recover`: what can be read of a damaged store, as a new one in its place.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use skala_tasks::store;

use crate::cli::Output;
use crate::exit::{Exit, FAILED, Outcome};
use crate::show;

#[derive(Args)]
pub struct RecoverArgs {
    /// The store's file, such as .skala/tasks.db
    pub file: PathBuf,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// `skala tasks recover`
pub fn run(args: &RecoverArgs) -> Outcome {
    let found = store::recover(&args.file).map_err(|e| {
        let message = format!("{}: nothing was recovered: {e}", args.file.display());
        Exit::new(FAILED, message, "the file is as it was; move it away to begin with no tasks")
    })?;
    let kept = found.kept.display().to_string();
    match args.output {
        Output::Json => show::json(&super::versioned(json!({
            "tasks": found.tasks, "ended": found.ended, "refused": found.refused, "torn": found.torn, "kept": kept,
        }))),
        Output::Table => {
            let torn =
                if found.torn.is_empty() { String::new() } else { format!("; parts of {} are lost", found.torn.join(", ")) };
            show::say(&format!(
                "{} unfinished and {} ended tasks were recovered, {} were not whole{torn}. The damaged file is kept as {kept}",
                found.tasks, found.ended, found.refused
            ));
        }
    }
    Ok(())
}
