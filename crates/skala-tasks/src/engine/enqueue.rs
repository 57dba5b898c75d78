//! Taking tasks in.

use skala_queue::{Change, Enqueued, MOST_AT_ONCE, NewTask, Now, Parent, Refusal, TaskId};

use super::TasksError;
use super::shared::Shared;
use super::term::{Inner, Term};

/// How often the core is told of parents that it does not know: those that tasks name all at once, those that a batch knows by their
/// keys one by one.
const MOST_ROUNDS: usize = MOST_AT_ONCE;

/// Takes tasks in, all or none, together with other changes. Returns once they are on disk.
pub(crate) async fn enqueue(
    shared: &Shared,
    tasks: Vec<NewTask>,
    extra: impl FnOnce(&[Enqueued]) -> Vec<Change> + Send,
) -> Result<Vec<Enqueued>, TasksError> {
    let term = shared.leading()?;
    enqueue_in(&term, tasks, extra).await
}

/// As [`enqueue`], in one term.
pub(crate) async fn enqueue_in(
    term: &Term,
    mut tasks: Vec<NewTask>,
    extra: impl FnOnce(&[Enqueued]) -> Vec<Change> + Send,
) -> Result<Vec<Enqueued>, TasksError> {
    let mut extra = Some(extra);
    // Parents that ended long ago are in the store alone: the core is told of them, and asked again.
    let waits = tasks.iter().any(|task| !task.after.is_empty());
    let mut unknown = parents(&tasks);
    for _ in 0..if waits { MOST_ROUNDS } else { 0 } {
        let again = tasks.clone();
        let (taken, ticket) = term.call(|inner, now| take_in(inner, tasks, &mut extra, now));
        let Err(TasksError::Refused { refusal: Refusal::NoParent(parent), .. }) = &taken else {
            return on_disk(term, taken, ticket).await;
        };
        unknown.extend(parent.parse::<TaskId>());
        if !introduce(term, std::mem::take(&mut unknown)).await? {
            return taken;
        }
        tasks = again;
    }
    let (taken, ticket) = term.call(|inner, now| take_in(inner, tasks, &mut extra, now));
    on_disk(term, taken, ticket).await
}

async fn on_disk(term: &Term, taken: Result<Vec<Enqueued>, TasksError>, ticket: u64) -> Result<Vec<Enqueued>, TasksError> {
    let taken = taken?;
    term.on_disk(ticket).await?;
    Ok(taken)
}

fn take_in(
    inner: &mut Inner,
    tasks: Vec<NewTask>,
    extra: &mut Option<impl FnOnce(&[Enqueued]) -> Vec<Change>>,
    now: Now,
) -> Result<Vec<Enqueued>, TasksError> {
    inner.has_room()?;
    let taken = if tasks.is_empty() {
        Vec::new()
    } else {
        let answer = inner.core.enqueue(tasks, now).map_err(|(place, refusal)| TasksError::Refused { place, refusal })?;
        inner.out.add(answer)
    };
    if let Some(extra) = extra.take() {
        inner.out.extend(extra(&taken));
    }
    Ok(taken)
}

fn parents(tasks: &[NewTask]) -> Vec<TaskId> {
    let after = tasks.iter().flat_map(|t| &t.after);
    after.filter_map(|a| if let Parent::Id(id) = a.task { Some(id) } else { None }).collect()
}

/// Tells the core of tasks that have ended; whether there are any.
async fn introduce(term: &Term, parents: Vec<TaskId>) -> Result<bool, TasksError> {
    let read =
        move |reader: &mut dyn crate::store::Reader| parents.into_iter().map(|id| reader.task(id)).collect::<Result<Vec<_>, _>>();
    let found = term.readers.read(read).await?;
    let ended: Vec<_> = found.into_iter().flatten().filter(|stored| stored.ended.is_some()).collect();
    term.call(|inner, now| ended.iter().for_each(|stored| inner.core.restore_ended(&stored.row, now)));
    Ok(!ended.is_empty())
}
