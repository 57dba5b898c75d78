//! Where tasks come from: what delivery needs of [`Tasks`].

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skala_queue::{Ack, Nack, Now, QueueId, QueueSettings};
use skala_types::Time;
use tokio::sync::Notify;

use crate::{Each, Extend, ExtendedEach, Job, TakeAsk, Tasks, TasksError};

/// A server of tasks, as those who deliver see it.
pub trait Source: Send + Sync + 'static {
    /// Both clocks.
    fn now(&self) -> Now;
    /// When a time of the monotonic clock will be.
    fn instant(&self, at: Time) -> Instant;
    /// A queue's settings.
    fn settings(&self, queue: QueueId) -> Option<Arc<QueueSettings>>;
    /// Wakes whoever delivers tasks of a queue.
    fn wakes(&self, queue: QueueId) -> Arc<Notify>;
    /// Ready tasks, without waiting.
    fn take(&self, ask: &TakeAsk) -> impl Future<Output = Result<Vec<Job>, TasksError>> + Send;
    /// Extends leases.
    ///
    /// # Errors
    /// When this process does not lead.
    fn extend(&self, extends: &[Extend]) -> Result<ExtendedEach, TasksError>;
    /// Tasks are done.
    fn ack(&self, acks: Vec<Ack>) -> impl Future<Output = Result<Each<()>, TasksError>> + Send;
    /// Attempts failed.
    fn nack(&self, nacks: Vec<Nack>) -> impl Future<Output = Result<Each<()>, TasksError>> + Send;
    /// What a queue's workers call has no capacity.
    fn slow(&self, queue: QueueId, retry_after: Option<Duration>);
}

impl Source for Tasks {
    fn now(&self) -> Now {
        self.clock().now()
    }

    fn instant(&self, at: Time) -> Instant {
        self.clock().instant(at)
    }

    fn settings(&self, queue: QueueId) -> Option<Arc<QueueSettings>> {
        Tasks::settings(self, queue)
    }

    fn wakes(&self, queue: QueueId) -> Arc<Notify> {
        Tasks::wakes(self, queue)
    }

    async fn take(&self, ask: &TakeAsk) -> Result<Vec<Job>, TasksError> {
        Tasks::take(self, ask, Duration::ZERO).await
    }

    fn extend(&self, extends: &[Extend]) -> Result<ExtendedEach, TasksError> {
        Tasks::extend(self, extends)
    }

    async fn ack(&self, acks: Vec<Ack>) -> Result<Each<()>, TasksError> {
        Tasks::ack(self, acks).await
    }

    async fn nack(&self, nacks: Vec<Nack>) -> Result<Each<()>, TasksError> {
        Tasks::nack(self, nacks).await
    }

    fn slow(&self, queue: QueueId, retry_after: Option<Duration>) {
        Tasks::slow(self, queue, retry_after);
    }
}
