//! Looking at tasks: what lies in the store, and what the core knows beyond.

use skala_queue::{Asked, Phase, TaskId, Why};

use super::shared::Shared;
use super::term::Term;
use super::{TaskView, TasksError};

/// One task.
pub(crate) async fn task(shared: &Shared, id: TaskId) -> Result<TaskView, TasksError> {
    let term = shared.leading()?;
    if let Some(view) = look(&term, id).await? {
        return Ok(view);
    }
    // It came or ended just now, and is on its way to the disk.
    term.on_disk(term.last_ticket()).await?;
    look(&term, id).await?.ok_or(TasksError::NoTask(id))
}

/// What is known; nothing while core and store do not agree.
async fn look(term: &Term, id: TaskId) -> Result<Option<TaskView>, TasksError> {
    let live = term.ask(|inner, now| inner.core.ask(id, now));
    let read = move |reader: &mut dyn crate::store::Reader| {
        let Some(stored) = reader.task(id)? else { return Ok(None) };
        let is_done = stored.row.progressed.phase == Phase::Done;
        let result = if is_done { reader.result(id)? } else { None };
        Ok(Some((stored, result)))
    };
    let Some((stored, result)) = term.readers.read(read).await? else { return Ok(None) };
    let has_ended = stored.ended.is_some();
    // Asked first: what the store says of an end is newer.
    let live: Option<Asked> = live.filter(|_| !has_ended);
    Ok((has_ended || live.is_some()).then_some(TaskView { stored, live, result }))
}

/// Why a task does not run now.
pub(crate) async fn why(shared: &Shared, id: TaskId) -> Result<Option<Why>, TasksError> {
    let term = shared.leading()?;
    match term.ask(|inner, now| inner.core.ask(id, now)) {
        Some(asked) => Ok(asked.why),
        None => task(shared, id).await.map(|view| view.live.and_then(|live| live.why)),
    }
}
