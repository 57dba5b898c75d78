//! `check`, `schema`, `explain`: the platform file itself.

use serde::Serialize;
use skala_console::views::SCHEMA_VERSION;
use skala_spec::{Problem, explain as explain_field, json_schema};

use crate::cli::{CheckArgs, ExplainArgs, Output};
use crate::exit::{Exit, FAILED, FINDINGS, Outcome};
use crate::{files, show};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u32,
    file: String,
    ok: bool,
    problems: &'a [Problem],
}

/// `skala check FILE`: exit 3 when something is wrong; warnings alone pass.
pub fn check(args: &CheckArgs) -> Outcome {
    let files::Read { text, loaded } = files::read(&args.file, args.env.as_deref())?;
    let errors = loaded.problems.iter().filter(|p| p.is_error()).count();
    match args.output {
        Output::Json => show::json(&Document {
            schema_version: SCHEMA_VERSION,
            file: args.file.display().to_string(),
            ok: errors == 0,
            problems: &loaded.problems,
        }),
        Output::Table => {
            files::show(&args.file, &text, &loaded.problems);
            let warnings = loaded.problems.len() - errors;
            let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
            let verdict = if errors == 0 { "ok" } else { "not usable" };
            show::say(&format!("{}: {verdict}, {}, {}", args.file.display(), count(errors, "error"), count(warnings, "warning")));
        }
    }
    if errors == 0 { Ok(()) } else { Err(Exit::silent(FINDINGS)) }
}

/// `skala schema`
pub fn schema() -> Outcome {
    show::json(&json_schema());
    Ok(())
}

/// `skala explain FIELD`
pub fn explain(args: &ExplainArgs) -> Outcome {
    match explain_field(&args.field) {
        Ok(explanation) => {
            show::say(explanation.to_string().trim_end());
            Ok(())
        }
        Err(error) => Err(Exit { code: FAILED, message: error.to_string(), help: None }),
    }
}
