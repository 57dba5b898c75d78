//! Taking tasks in.

use skala_queue::{Change, Enqueued, NewTask, Now, Parent, Refusal, TaskId};

use super::TasksError;
use super::shared::Shared;
use super::term::{Inner, Term};

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
    let parents = parents(&tasks);
    // Parents that ended long ago are in the store alone: the core is told of them, and asked again.
    let again = if parents.is_empty() { None } else { Some(tasks.clone()) };
    let mut extra = Some(extra);
    let (mut taken, mut ticket) = term.call(|inner, now| take_in(inner, tasks, &mut extra, now));
    if let (Err(TasksError::Refused { refusal: Refusal::NoParent(_), .. }), Some(again)) = (&taken, again) {
        tasks = again;
        introduce(term, parents).await?;
        (taken, ticket) = term.call(|inner, now| take_in(inner, tasks, &mut extra, now));
    }
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

async fn introduce(term: &Term, parents: Vec<TaskId>) -> Result<(), TasksError> {
    let read =
        move |reader: &mut dyn crate::store::Reader| parents.into_iter().map(|id| reader.task(id)).collect::<Result<Vec<_>, _>>();
    let found = term.readers.read(read).await?;
    term.call(|inner, now| {
        for stored in found.iter().flatten().filter(|s| s.ended.is_some()) {
            inner.core.restore_ended(&stored.row, now);
        }
    });
    Ok(())
}
