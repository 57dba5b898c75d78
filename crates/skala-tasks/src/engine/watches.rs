//! Who follows which task.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use skala_queue::TaskId;
use tokio::sync::watch;

use super::TasksError;

/// Tasks that somebody follows: a number each, which grows with each piece of news.
#[derive(Debug)]
pub(crate) struct Watches {
    tasks: Mutex<HashMap<TaskId, watch::Sender<u64>>>,
    /// So that the many calls that nobody watches take no lock.
    count: AtomicUsize,
    most: usize,
}

impl Watches {
    /// At most so many tasks.
    pub(crate) fn new(most: usize) -> Watches {
        Watches { tasks: Mutex::default(), count: AtomicUsize::new(0), most }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, watch::Sender<u64>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody watches anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// How many tasks are watched, those whose watchers left not long ago included.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Follows a task.
    pub(crate) fn watch(&self, id: TaskId) -> Result<watch::Receiver<u64>, TasksError> {
        let mut tasks = self.lock();
        if let Some(tell) = tasks.get(&id) {
            return Ok(tell.subscribe());
        }
        if tasks.len() >= self.most {
            tasks.retain(|_, tell| tell.receiver_count() > 0);
        }
        if tasks.len() >= self.most {
            self.count.store(tasks.len(), Ordering::Release);
            return Err(TasksError::Bound(format!("{} tasks are watched, as many as may; ask without waiting", self.most)));
        }
        let told = tasks.entry(id).or_insert_with(|| watch::channel(0).0).subscribe();
        self.count.store(tasks.len(), Ordering::Release);
        Ok(told)
    }

    /// There is news of a task.
    pub(crate) fn tell(&self, id: TaskId) {
        let mut tasks = self.lock();
        let Some(tell) = tasks.get(&id) else { return };
        if tell.receiver_count() == 0 {
            tasks.remove(&id);
            self.count.store(tasks.len(), Ordering::Release);
            return;
        }
        tell.send_modify(|n| *n += 1);
    }
}
