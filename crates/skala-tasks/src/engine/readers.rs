//! Threads that read from the store, so that nobody else waits for a disk.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::TasksError;
use crate::store::{Reader, StoreError};

type Read = Box<dyn FnOnce(&mut dyn Reader) + Send>;

/// The threads' common list of work.
#[derive(Default)]
struct Work {
    reads: Mutex<(VecDeque<Read>, bool)>,
    arrived: Condvar,
}

/// Some threads with a reader each. They end when this is dropped.
pub(crate) struct Readers {
    work: Arc<Work>,
    most: usize,
}

impl Readers {
    /// One thread for each reader; at most so many reads wait.
    pub(crate) fn start(readers: Vec<Box<dyn Reader>>, most: usize) -> std::io::Result<Readers> {
        let work = Arc::<Work>::default();
        for reader in readers {
            let work = Arc::clone(&work);
            std::thread::Builder::new().name("tasks-reader".into()).spawn(move || work.run(reader))?;
        }
        Ok(Readers { work, most })
    }

    /// Reads in one of the threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, TasksError> {
        let (tell, told) = oneshot::channel();
        self.work.push(
            Box::new(move |reader| {
                if !tell.is_closed() {
                    let _ = tell.send(read(reader));
                }
            }),
            self.most,
        )?;
        told.await.map_err(|_| TasksError::Stopping)?.map_err(|e| TasksError::Read(e.to_string()))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.work.reads.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.work.arrived.notify_all();
    }
}

impl Work {
    fn push(&self, read: Read, most: usize) -> Result<(), TasksError> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if reads.0.len() >= most {
            return Err(TasksError::Bound(format!("{most} reads wait for the disk, as many as may; ask again in a second")));
        }
        reads.0.push_back(read);
        drop(reads);
        self.arrived.notify_one();
        Ok(())
    }

    fn run(&self, mut reader: Box<dyn Reader>) {
        while let Some(read) = self.next() {
            read(reader.as_mut());
        }
    }

    fn next(&self) -> Option<Read> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(read) = reads.0.pop_front() {
                return Some(read);
            }
            if reads.1 {
                return None;
            }
            reads = self.arrived.wait(reads).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
