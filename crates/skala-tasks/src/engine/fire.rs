//! What the runner of schedules needs of the core: to write for one term alone, and to know which tasks have ended.

use skala_queue::{Change, Enqueued, NewTask, TaskId};

use super::{Tasks, TasksError, enqueue};

impl Tasks {
    /// As [`Tasks::enqueue_with`], but only while this process leads with `epoch`: what was decided in an earlier term may have been
    /// decided by somebody else since.
    ///
    /// # Errors
    /// As for [`Tasks::enqueue`].
    pub async fn enqueue_in(
        &self,
        epoch: u32,
        tasks: Vec<NewTask>,
        extra: impl FnOnce(&[Enqueued]) -> Vec<Change> + Send,
    ) -> Result<Vec<Enqueued>, TasksError> {
        let term = self.shared.leading()?;
        if term.epoch != epoch {
            return Err(TasksError::Unavailable { leader: None });
        }
        enqueue::enqueue_in(&term, tasks, extra).await
    }

    /// Keeps of some tasks those that have not ended.
    ///
    /// # Errors
    /// When this process does not lead.
    pub fn keep_unfinished(&self, tasks: &mut Vec<TaskId>) -> Result<(), TasksError> {
        self.shared.leading()?.ask(|inner, now| tasks.retain(|task| inner.core.ask(*task, now).is_some()));
        Ok(())
    }
}
