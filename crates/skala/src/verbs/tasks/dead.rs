//! `tasks dead`: dead letters, with what they died of.

use clap::Args;
use serde_json::Value;

use super::api::path;
use super::{Common, text};
use crate::exit::Outcome;
use crate::show::say;

/// Log lines that are shown of each in the table.
const LINES: usize = 5;

#[derive(Args)]
pub struct DeadArgs {
    #[command(flatten)]
    pub common: Common,
    /// Only of this queue
    #[arg(long)]
    pub queue: Option<String>,
    /// Only of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// At most N, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// `skala tasks dead`
pub fn run(args: &DeadArgs) -> Outcome {
    let query = [
        ("state", Some("dead".to_owned())),
        ("queue", args.queue.clone()),
        ("tenant", args.tenant.clone()),
        ("limit", Some(args.limit.to_string())),
    ];
    let found = args.common.api()?.get(&path("/v1/tasks", &query))?;
    args.common.show(found, |found| {
        let dead = found["tasks"].as_array().into_iter().flatten();
        let shown: Vec<String> = dead.map(letter).collect();
        say(&if shown.is_empty() { "no dead letters".to_owned() } else { shown.join("\n\n") });
    });
    Ok(())
}

/// A dead letter for people.
fn letter(task: &Value) -> String {
    let death = &task["death"];
    let name = task["name"].as_str().map(|name| format!(" {name}")).unwrap_or_default();
    let (attempts, losses) = (text(task, "attempts"), text(task, "losses"));
    let spent = task["spent"].as_f64().map(|spent| format!(", cost {spent}")).unwrap_or_default();
    let mut all = vec![
        format!("{}   {}{name}   {}", text(task, "id"), text(task, "queue"), text(task, "ended")),
        format!("  died of: {}: {}", text(death, "cause"), text(death, "message")),
        format!("  attempts {attempts}, leases lost {losses}{spent}"),
    ];
    let log: Vec<&str> = death["log"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let last = log.iter().skip(log.len().saturating_sub(LINES));
    all.extend(last.map(|line| format!("  | {line}")));
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_tells_cause_attempts_cost_and_last_words() {
        let task = json!({
            "id": "01hm5k2v7q8r0", "queue": "mail", "name": "welcome", "ended": "2026-11-21T08:00:00.000Z", "attempts": 2, "losses": 4,
            "spent": 0.25, "death": {"cause": "lost", "message": "worker-3: killed by SIGKILL", "log": ["1", "2", "3", "4", "5", "6"]},
        });
        expect![[r#"
            01hm5k2v7q8r0   mail welcome   2026-11-21T08:00:00.000Z
              died of: lost: worker-3: killed by SIGKILL
              attempts 2, leases lost 4, cost 0.25
              | 2
              | 3
              | 4
              | 5
              | 6"#]]
        .assert_eq(&letter(&task));
    }
}
