//! From a platform file to its queues, schedules, providers and databases.

use std::time::Duration;

use skala_queue::Retry;
use skala_spec::model::{self, QueueCapacity};
use skala_spec::{Delivery, Platform, TaskSchedule};
use skala_types::ServiceName;

use super::{dist, setting};
use crate::{Calls, Dist, Network, Pool, PoolCall, Provider, ProviderCall, Schedule, Service, SimError, TaskQueue};

/// How long a provider takes where the file says nothing.
const PROVIDER_TIME: Dist = Dist::Exponential { mean: 1.0 };
/// Seconds of quota that may be used at once where the file says nothing.
const BURST: f64 = 10.0;

/// The part of a trace's arrivals that are tasks of queues.
pub(super) fn share_of_queues(platform: &Platform) -> f64 {
    let queues = platform.capacity.iter().flat_map(|c| c.queues.values());
    queues.filter_map(|q| q.share).map(|s| s.ratio()).sum::<f64>().min(1.0)
}

/// Everything beside the services.
pub(super) fn network(platform: &Platform, services: &[Service], remarks: &mut Vec<String>) -> Result<Network, SimError> {
    let mut network = Network::default();
    for queue in platform.task_queues().into_iter().filter(|queue| !queue.hidden) {
        network.queues.extend(task_queue(platform, queue, services, remarks)?);
    }
    for schedule in platform.task_schedules() {
        fill(schedule, &mut network, remarks);
    }
    for (name, database) in &platform.databases {
        let connections = database.max_connections.saturating_sub(database.reserved_connections);
        network.pools.push(Pool { name: name.clone(), connections });
    }
    for name in platform.providers.keys() {
        network.providers.push(provider(platform, name, remarks)?);
    }
    for service in services {
        network.calls.push(calls(platform, &service.name)?);
    }
    silent(&network, remarks);
    Ok(network)
}

/// Queues to which nothing comes.
fn silent(network: &Network, remarks: &mut Vec<String>) {
    for (i, queue) in network.queues.iter().enumerate() {
        let fed = queue.share > 0.0 || !queue.produced_by.is_empty() || network.schedules.iter().any(|s| s.queue == i);
        if !fed {
            let name = &queue.settings.name;
            remarks
                .push(format!("Nothing comes to the queue {name}: add capacity.queues.{name}.share or madeBy, or a schedule."));
        }
    }
}

/// A schedule that fills a queue of the network.
fn fill(schedule: TaskSchedule, network: &mut Network, remarks: &mut Vec<String>) {
    let name = &schedule.settings.name;
    if schedule.request.is_some() {
        return remarks.push(format!("The schedule {name} calls a service itself: its requests are left out."));
    }
    let queue = network.queues.iter().position(|q| q.settings.name == schedule.queue);
    let (Some(queue), false) = (queue, schedule.settings.paused) else {
        return remarks.push(format!("The schedule {name} is left out: it is paused, or its queue is."));
    };
    let TaskSchedule { settings, tasks, tenant, .. } = schedule;
    network.schedules.push(Schedule { settings, queue, tasks, tenant });
}

/// A queue as the live core has it, with what the file says of its load.
fn task_queue(
    platform: &Platform,
    queue: skala_spec::TaskQueue,
    services: &[Service],
    remarks: &mut Vec<String>,
) -> Result<Option<TaskQueue>, SimError> {
    let skala_spec::TaskQueue { settings, delivery, .. } = queue;
    let name = settings.name.clone();
    let (service, holds_server) = match &delivery {
        Delivery::Push { service, .. } => (service, true),
        Delivery::Pull { service } | Delivery::Celery { service, .. } => (service, false),
        Delivery::Command { .. } => {
            remarks.push(format!("The queue {name} runs commands, which are no service's replicas: it is left out."));
            return Ok(None);
        }
    };
    let index = |of: &ServiceName| services.iter().position(|s| s.name == *of);
    let worker = index(service);
    let worker = worker.ok_or_else(|| setting(&format!("queues.{name}.deliver.service"), "names no service that skala runs"))?;
    let none = QueueCapacity::default();
    let said = platform.capacity.as_ref().and_then(|c| c.queues.get(name.as_str())).unwrap_or(&none);
    let task_time = match &said.task_time {
        Some(times) => dist(&format!("capacity.queues.{name}.taskTime"), times, 1.0)?,
        None => {
            remarks.push(format!(
                "capacity.queues.{name}.taskTime is not set: a task is taken to last as long as a request of {service}."
            ));
            services[worker].service_time
        }
    };
    Ok(Some(TaskQueue {
        settings,
        service: worker,
        holds_server,
        share: said.share.map_or(0.0, |s| s.ratio()),
        produced_by: said.made_by.iter().filter_map(|(s, n)| Some((index(s)?, n.get()))).collect(),
        task_time,
        delay: said.delay.map_or(Duration::ZERO, |d| d.get()),
        failures: said.failures.map_or(0.0, |f| f.ratio()),
        objective: None,
    }))
}

fn provider(platform: &Platform, name: &str, remarks: &mut Vec<String>) -> Result<Provider, SimError> {
    let capacity = platform.capacity.as_ref();
    let said = capacity.and_then(|c| c.providers.get(name));
    let called = capacity.is_some_and(|c| c.services.values().any(|s| s.calls.providers.contains_key(name)));
    let time = match said.and_then(|p| p.token_times.as_ref()) {
        Some(times) => super::by_tokens(times),
        None => match said.and_then(|p| p.time.as_ref()) {
            Some(times) => dist(&format!("capacity.providers.{name}.time"), times, 1.0)?,
            None if !called => PROVIDER_TIME,
            None => {
                remarks.push(format!("capacity.providers.{name} has no time: a call is taken to last 1s with cv 1."));
                PROVIDER_TIME
            }
        },
    };
    let quota = &platform.providers[name];
    Ok(Provider {
        name: name.to_owned(),
        requests_per_minute: quota.requests_per_minute.map(|n| n.get()),
        tokens_per_minute: quota.tokens_per_minute.map(|n| n.get()),
        burst: said.and_then(|p| p.burst).map_or(BURST, |b| b.get().as_secs_f64()),
        in_flight: said.and_then(|p| p.max_in_flight),
        time,
    })
}

fn calls(platform: &Platform, service: &ServiceName) -> Result<Calls, SimError> {
    let mut calls = Calls::default();
    let Some(said) = platform.capacity.as_ref().and_then(|c| c.services.get(service)) else { return Ok(calls) };
    let at = format!("capacity.services.{service}.calls");
    for (name, call) in &said.calls.databases {
        let field = format!("{at}.databases.{name}");
        let pool = platform.databases.get_index_of(name).ok_or_else(|| setting(&field, "names no database"))?;
        let times = model::Times { mean: call.time, cv: Some(call.cv) };
        calls.pools.push(PoolCall { pool, time: dist(&field, &times, 1.0)? });
    }
    for (name, call) in &said.calls.providers {
        let provider = platform.providers.get_index_of(name);
        calls.providers.push(ProviderCall {
            provider: provider.ok_or_else(|| setting(&format!("{at}.providers.{name}"), "names no provider"))?,
            per_request: call.per_request,
            tokens: (call.input_tokens, call.output_tokens),
            max_output: call.max_output_tokens.unwrap_or(call.output_tokens),
            retry: Retry {
                initial: call.retry.initial.get(),
                max: call.retry.max.get(),
                attempts: call.retry.attempts,
                losses: 0,
            },
        });
    }
    Ok(calls)
}
