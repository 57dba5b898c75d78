//! Schedules: the runner answers.

use http::StatusCode;
use serde_json::json;

use super::super::answer::{Answer, document};
use super::super::problem::Problem;
use super::super::routes::Call;
use super::Asked;
use crate::{ScheduleCall, TasksError};

/// Occurrences that are shown when nobody says how many, and at most.
const SHOWN: usize = 20;
const MOST_SHOWN: usize = 1000;

/// Asks the runner of schedules.
pub(super) async fn answer(call: Call, asked: &Asked<'_>) -> Result<Answer, Problem> {
    let shared = asked.tasks.shared();
    shared.leading().map_err(|e| asked.failed(e))?;
    let name = asked.part.to_owned();
    let call = match call {
        Call::Schedule => ScheduleCall::Show(name),
        Call::History => ScheduleCall::History(name, limit(asked)?),
        Call::RunSchedule => ScheduleCall::Run(name),
        Call::PauseSchedule => ScheduleCall::Pause(name, true),
        Call::ResumeSchedule => ScheduleCall::Pause(name, false),
        _ => ScheduleCall::List,
    };
    let Some(runner) = shared.schedules.load_full() else {
        return match call {
            ScheduleCall::List => Ok(document(StatusCode::OK, &json!({"schedules": []}))),
            _ => Err(asked.failed(TasksError::NoSchedule(asked.part.to_owned()))),
        };
    };
    let doc = runner.call(call).await.map_err(|e| asked.failed(e))?;
    Ok(document(StatusCode::OK, &doc))
}

fn limit(asked: &Asked<'_>) -> Result<usize, Problem> {
    let mut most = SHOWN;
    for (_, value) in asked.parameters(&["limit"])? {
        let limit = value.parse().ok().filter(|n| (1..=MOST_SHOWN).contains(n));
        most = limit.ok_or_else(|| Problem::field("limit", format!("is from 1 to {MOST_SHOWN}")))?;
    }
    Ok(most)
}
