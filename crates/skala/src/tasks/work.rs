//! What replicas hold of the tasks, for the controller: whom to choose when a service shrinks, and what to wait for.
//!
//! Decides: which of a replica's tasks its station does not count already.
//! Method: a pushed task is a request of the station; one that was taken by the API is not.

use skala_controller::{Held, Work};
use skala_spec::Delivery;
use skala_tasks::deliver::{instance, worker_name};
use skala_types::{ReplicaId, ServiceName};

use super::TaskSide;

impl TaskSide {
    fn pulls(&self, service: &ServiceName) -> bool {
        self.of(service.as_str()).any(|(routed, _)| matches!(routed.queue.delivery, Delivery::Pull { .. }))
    }

    fn pushes(&self, service: &ServiceName) -> bool {
        self.of(service.as_str()).any(|(routed, _)| matches!(routed.queue.delivery, Delivery::Push { .. }))
    }
}

impl Work for TaskSide {
    fn held_by(&self, service: &ServiceName, replica: ReplicaId) -> Held {
        let (pulls, pushes) = (self.pulls(service), self.pushes(service));
        if !pulls && !pushes {
            return self.celery.held_by(service, replica);
        }
        let (tasks, left) = self.tasks.held_by(instance(service.as_str(), replica));
        // A service that gets tasks both ways counts the pushed ones twice, which only makes it look busier.
        Held { tasks: if pulls { tasks } else { 0 }, left: (tasks > 0).then_some(left) }
    }

    fn drain(&self, service: &ServiceName, replica: ReplicaId) {
        self.tasks.drain_instance(instance(service.as_str(), replica), true);
        self.celery.drain(service, replica);
    }

    fn gone(&self, service: &ServiceName, replica: ReplicaId, why: &str, last_lines: &[String]) {
        self.celery.gone(service, replica);
        self.tasks.drain_instance(instance(service.as_str(), replica), false);
        let worker = worker_name(service.as_str(), replica);
        match self.tasks.worker_died(worker.as_str(), &format!("{worker}: {why}"), last_lines) {
            Ok(0) => {}
            Ok(n) => tracing::info!(target: "skala::events", "{worker} {why} with {n} tasks, which are given to others"),
            // Whoever leads finds out by the leases.
            Err(error) => tracing::debug!(%error, "the end of {worker} could not be told"),
        }
    }
}
