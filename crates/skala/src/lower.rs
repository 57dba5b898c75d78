//! From the platform file to what the edge crates take: processes, routes, upstreams, limits.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use skala_autoscaler::Directive;
use skala_balance::replica::Backoff;
use skala_controller::platform::{Amounts, LogRotation, ProcessSpec, Readiness, ReadyWhen, Size};
use skala_controller::probe::Check;
use skala_controller::{HealthCheck, ServiceConfig, Target, Upstreams, Vertical};
use skala_gateway::offload::Async;
use skala_gateway::{HostPattern, Limits, RouteSpec, RouteTable};
use skala_runtime::Station;
use skala_spec::model::{Probe, ResourceList, Route, Scale, Service, Work};
use skala_spec::scalar::HostPort;
use skala_spec::{Delivery, Platform};
use skala_types::{Bytes, Replicas, ServiceName};

/// How long a process lives before it counts as ready, where it has no probe and nobody sends it requests: a worker that cannot
/// reach its broker or misses a module mostly ends sooner.
const LIVES: Duration = Duration::from_secs(2);

/// The stations of a platform, by service.
pub type Stations = BTreeMap<ServiceName, Arc<Station>>;

/// The address to listen on.
pub fn listen(at: &HostPort) -> anyhow::Result<SocketAddr> {
    let mut found = (at.host(), at.port()).to_socket_addrs().with_context(|| format!("resolve {at}"))?;
    found.next().ok_or_else(|| anyhow!("{at} has no address"))
}

/// How to run a replica; `None` for upstreams. Relative folders are relative to the platform file's.
pub fn process(platform: &Platform, name: &ServiceName, service: &Service, folder: &Path) -> Option<ProcessSpec> {
    let Some(Work::Command(command)) = service.work() else { return None };
    let r = &service.readiness;
    let lives = r.tcp_socket.is_none() && !is_addressed(platform, name);
    Some(ProcessSpec {
        command: command.words().to_vec(),
        cwd: Some(service.working_dir.as_ref().map_or_else(|| folder.to_owned(), |dir| folder.join(dir))),
        env: service.env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        requests: amounts(&service.resources.requests),
        limits: amounts(&service.resources.limits),
        readiness: Readiness {
            when: match r.probe() {
                Probe::Http { path, .. } => ReadyWhen::Answers(Check::HttpGet { path: path.to_owned() }),
                Probe::Tcp { .. } if lives => ReadyWhen::Lives(LIVES.min(r.start_timeout.get() / 2)),
                Probe::Tcp { .. } => ReadyWhen::Answers(Check::Tcp),
                Probe::LogLine(text) => ReadyWhen::Logs(text.to_owned()),
            },
            port: probe_port(r),
            period: r.period.get(),
            timeout: r.timeout.get(),
            failure_threshold: r.failure_threshold,
            success_threshold: r.success_threshold,
            start_timeout: r.start_timeout.get(),
        },
        restart: Backoff {
            initial: service.restart.initial.get(),
            max: service.restart.max.get(),
            reset_after: service.restart.reset_after.get(),
            crash_loop_after: service.restart.crash_loop_after,
        },
        log: LogRotation { max_size: Bytes(service.logs.max_size.bytes()), keep: service.logs.keep },
    })
}

fn probe_port(readiness: &skala_spec::model::Readiness) -> Option<u16> {
    match readiness.probe() {
        Probe::Http { port, .. } | Probe::Tcp { port } => port,
        Probe::LogLine(_) => None,
    }
}

fn amounts(list: &ResourceList) -> Amounts {
    Amounts { cpu: list.cpu.map(|c| c.cores()), memory: list.memory.map(|m| Bytes(m.bytes())) }
}

/// What the controller needs of a service that it scales; `None` for upstreams.
pub fn scaled(
    platform: &Platform,
    name: &ServiceName,
    service: &Service,
    station: &Arc<Station>,
) -> anyhow::Result<Option<ServiceConfig>> {
    let Some(policy) = service.policy() else { return Ok(None) };
    let policy = policy.map_err(|problems| {
        let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow!("services.{name}.autoscaling: {}", all.join("; "))
    })?;
    let standing = match service.scale() {
        Scale::Fixed(0) => Some(Directive::Hold { replicas: Replicas(0), until: None }),
        Scale::Auto(a) if a.paused => Some(Directive::Pause { until: None }),
        _ => None,
    };
    let station = Arc::clone(station);
    let price = platform.price_per_hour(service).map_or(0, |price| price.micros);
    let priority = i32::try_from(service.priority).unwrap_or(i32::MAX);
    let vertical = match service.vertical() {
        None => None,
        Some(Ok(axis)) => Some(Vertical {
            apply: axis.apply,
            resources: axis.resources,
            config: axis.config,
            size: Size { requests: amounts(&service.resources.requests), limits: amounts(&service.resources.limits) },
        }),
        Some(Err(problems)) => return Err(anyhow!("services.{name}.autoscaling.vertical: {}", problems.join("; "))),
    };
    let name = name.clone();
    Ok(Some(ServiceConfig { name, station, policy, drain: service.drain.get(), standing, price, priority, vertical }))
}

/// A service of upstreams; `None` for one that skala runs.
pub fn upstreams(service: &Service, station: &Arc<Station>) -> Option<Upstreams> {
    let Some(Work::Upstreams(addresses)) = service.work() else { return None };
    let r = &service.readiness;
    let target = |at: &HostPort| Target { host: at.host().to_owned(), port: at.port() };
    Some(Upstreams {
        station: Arc::clone(station),
        targets: addresses.iter().map(|u| target(&u.address)).collect(),
        health: HealthCheck {
            check: match r.probe() {
                Probe::Http { path, .. } => Check::HttpGet { path: path.to_owned() },
                Probe::Tcp { .. } | Probe::LogLine(_) => Check::Tcp,
            },
            port: probe_port(r),
            period: r.period.get(),
            timeout: r.timeout.get(),
            failure_threshold: r.failure_threshold,
            success_threshold: r.success_threshold,
        },
    })
}

/// The gateway's routes.
pub fn routes(platform: &Platform, stations: &Stations) -> anyhow::Result<RouteTable> {
    let specs = platform.routes().into_iter().map(|route| spec(platform, &route, stations));
    RouteTable::try_new(specs.collect::<anyhow::Result<_>>()?).context("routes")
}

fn spec(platform: &Platform, route: &Route, stations: &Stations) -> anyhow::Result<RouteSpec> {
    let missing = || anyhow!("the route {} names a service '{}' that is not there", route.path, route.service);
    let service = platform.services.get(&route.service).ok_or_else(missing)?;
    let station = stations.get(&route.service).ok_or_else(missing)?;
    Ok(RouteSpec {
        host: route.host.as_ref().map(|h| HostPattern::parse(&h.to_string())).transpose()?,
        timeout: route.timeout.get(),
        max_body: route.max_body.bytes(),
        upstream_keep_alive: service.keep_alive.get(),
        offload: route.offload.as_ref().and_then(|o| offload(platform, &o.queue)),
        ..RouteSpec::new(&route.path, Arc::clone(station))
    })
}

/// The queue that a route's requests may go to.
fn offload(platform: &Platform, queue: &str) -> Option<Async> {
    let max_body = platform.queues.get(queue)?.max_body.bytes();
    Some(Async { queue: queue.into(), max_body })
}

/// Whether anybody sends requests to a service: by a route, or by pushing tasks.
fn is_addressed(platform: &Platform, name: &ServiceName) -> bool {
    let queues = platform.task_queues();
    let pushed = queues.iter().any(|q| matches!(&q.delivery, Delivery::Push { service, .. } if service == name));
    let pulls = queues.iter().any(|q| match &q.delivery {
        Delivery::Pull { service } | Delivery::Celery { service, .. } => service == name,
        Delivery::Push { .. } | Delivery::Command { .. } => false,
    });
    // A file without routes sends everything to its only service, which a worker does not wait for.
    let routed = platform.routes().iter().any(|r| r.service == *name) && (platform.routes.is_some() || !pulls);
    pushed || routed
}

/// The gateway's bounds.
pub fn limits(platform: &Platform) -> Limits {
    let g = &platform.gateway;
    Limits {
        max_header_bytes: usize::try_from(g.max_header_size.bytes()).unwrap_or(usize::MAX),
        header_timeout: g.header_timeout.get(),
        keep_alive: g.idle_timeout.get(),
        ..Limits::default()
    }
}
