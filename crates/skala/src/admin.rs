//! The admin API's answers, gathered from the parts of a running platform.

use std::collections::BTreeMap;
use std::time::Duration;

use skala_autoscaler::{Directive, Mode, SignalObservation};
use skala_autoscaler::{budget, coupling};
use skala_balance::EndpointState;
use skala_console::views::{
    BudgetStatus, Done, DownstreamStatus, Events, Percentiles, Recommendations, Replica, Replicas, SCHEMA_VERSION, ServiceStatus,
    SignalStatus, Status, Why,
};
use skala_console::{ApiError, Control};
use skala_controller::ServiceView;
use skala_controller::platform::{Phase, Platform as _, ReplicaStatus};
use skala_types::{Distribution, Money, Replicas as Count, ServiceName, Time};

use crate::engine::Shared;
use crate::{history, prom, recommend};

/// Sampling windows that rates and percentiles are shown over: ten seconds.
const WINDOWS: usize = 10 * skala_controller::LOOKS as usize;

impl Control for Shared {
    fn status(&self) -> Status {
        let replicas = self.local.replicas();
        let views: BTreeMap<ServiceName, ServiceView> =
            self.controller.services().into_iter().map(|v| (v.name.clone(), v)).collect();
        let ceilings = self.controller.ceilings();
        let services: Vec<_> = self.platform.services.keys().map(|name| self.service(name, views.get(name), &replicas)).collect();
        Status {
            schema_version: SCHEMA_VERSION,
            platform: self.platform.platform.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started_at: self.started.to_string(),
            at: self.clock.now().to_string(),
            gateway: self.gateway_addr.to_string(),
            currency: self.platform.cost.as_ref().map(|c| c.currency.clone()),
            problems: self.problems(&services, &replicas),
            services,
            queues: self.tasks.as_ref().map(|side| side.status()).unwrap_or_default(),
            budgets: ceilings.budgets.iter().map(|(name, v)| budget(name, v)).collect(),
            downstreams: ceilings.downstreams.iter().map(downstream).collect(),
        }
    }

    fn replicas(&self) -> Replicas {
        let draining: BTreeMap<_, _> = self.controller.services().into_iter().map(|v| (v.name, v.draining)).collect();
        let mut rows = Vec::new();
        for r in self.local.replicas() {
            let drains = draining.get(&r.service).is_some_and(|d| d.contains(&r.id)) && r.phase != Phase::Stopping;
            let load = self.stations[&r.service].endpoints().into_iter().find(|e| e.endpoint.replica == r.id);
            rows.push(Replica {
                name: format!("{}-{}", r.service, r.id),
                service: r.service.to_string(),
                id: r.id.0,
                phase: if drains { "draining".into() } else { r.phase.to_string() },
                address: r.addr.map(|a| a.to_string()),
                pid: r.pid,
                cpu_cores: r.usage.map_or(0.0, |u| u.value.cpu.0),
                memory_bytes: r.usage.map_or(0, |u| u.value.memory.0),
                in_flight: load.as_ref().map_or(0, |l| l.view.in_flight),
                served: load.as_ref().map_or(0, |l| l.view.served),
                restarts: r.restarts,
                started_at: r.started_at.to_string(),
                last_exit: r.last_exit,
            });
        }
        for (name, _) in self.platform.services.iter().filter(|(_, s)| s.upstreams.is_some()) {
            for e in self.stations[name].endpoints() {
                rows.push(Replica {
                    name: format!("{name}-{}", e.endpoint.replica),
                    service: name.to_string(),
                    id: e.endpoint.replica.0,
                    phase: if e.view.state == EndpointState::Ready { "ready".into() } else { "not ready".into() },
                    address: Some(e.endpoint.addr.to_string()),
                    in_flight: e.view.in_flight,
                    served: e.view.served,
                    started_at: self.started.to_string(),
                    ..Replica::default()
                });
            }
        }
        Replicas { schema_version: SCHEMA_VERSION, replicas: rows }
    }

    fn events(&self, service: Option<&str>, since: Option<Time>, limit: u32) -> Result<Events, ApiError> {
        if let Some(service) = service {
            self.known(service)?;
        }
        let reader = self.journal.reader().map_err(|e| ApiError::internal(e.to_string()))?;
        history::events(&reader, service, since, limit).map_err(|e| ApiError::internal(format!("{e:#}")))
    }

    fn why(&self, service: &str, at: Option<Time>) -> Result<Why, ApiError> {
        self.scaled(service)?;
        let reader = self.journal.reader().map_err(|e| ApiError::internal(e.to_string()))?;
        history::why(&reader, service, at.unwrap_or(Time::MAX), self.clock.now())
            .map_err(|e| ApiError::not_found(format!("{e:#}"), "skala events shows when it began"))
    }

    fn recommendations(&self, service: Option<&str>) -> Result<Recommendations, ApiError> {
        if let Some(service) = service {
            self.known(service)?;
        }
        let views = self.controller.services();
        let own = views.iter().filter(|v| service.is_none_or(|s| v.name.as_str() == s));
        let services: Vec<_> = own.filter_map(recommend::of).collect();
        if let Some(service) = service.filter(|_| services.is_empty()) {
            let help = "add `vertical: {mode: recommend}` to its `autoscaling:`";
            return Err(ApiError::bad_request(format!("what replicas of '{service}' use is not recorded"), help));
        }
        Ok(Recommendations { schema_version: SCHEMA_VERSION, services })
    }

    fn scale(&self, service: &str, replicas: u32, lasting: Option<Duration>) -> Result<Done, ApiError> {
        self.scaled(service)?;
        let most = skala_autoscaler::REPLICAS_CEILING.0;
        if replicas > most {
            return Err(ApiError::bad_request(format!("{replicas} replicas are too many"), format!("at most {most}")));
        }
        let until = self.until(lasting);
        self.controller.direct(service, Some(Directive::Hold { replicas: Count(replicas), until }));
        Ok(Done { message: format!("{service} is kept at {replicas} replicas {}", lasts(until)) })
    }

    fn pause(&self, service: &str, lasting: Option<Duration>) -> Result<Done, ApiError> {
        self.scaled(service)?;
        let until = self.until(lasting);
        self.controller.direct(service, Some(Directive::Pause { until }));
        Ok(Done { message: format!("{service} keeps its present size {}", lasts(until)) })
    }

    fn resume(&self, service: &str) -> Result<Done, ApiError> {
        self.scaled(service)?;
        self.controller.direct(service, None);
        Ok(Done { message: format!("{service} is scaled by its metrics again") })
    }

    fn shut_down(&self) {
        self.end.notify_one();
    }

    fn metrics(&self) -> String {
        prom::text(self)
    }
}

fn lasts(until: Option<Time>) -> String {
    until.map_or_else(|| "until `skala resume`".into(), |t| format!("until {t}"))
}

impl Shared {
    fn until(&self, lasting: Option<Duration>) -> Option<Time> {
        lasting.map(|d| self.clock.now() + d)
    }

    fn known(&self, service: &str) -> Result<(), ApiError> {
        if self.platform.services.contains_key(service) {
            return Ok(());
        }
        let names: Vec<_> = self.platform.services.keys().map(ServiceName::as_str).collect();
        Err(ApiError::not_found(format!("there is no service '{service}'"), format!("the platform has: {}", names.join(", "))))
    }

    fn scaled(&self, service: &str) -> Result<(), ApiError> {
        self.known(service)?;
        if self.platform.services.get(service).is_some_and(|s| s.upstreams.is_some()) {
            let help = "its size is not skala's to decide; change `upstreams:` in the platform file";
            return Err(ApiError::bad_request(format!("'{service}' consists of upstreams that somebody else runs"), help));
        }
        Ok(())
    }

    fn service(&self, name: &ServiceName, view: Option<&ServiceView>, replicas: &[ReplicaStatus]) -> ServiceStatus {
        let station = &self.stations[name];
        let sample = station.sample(WINDOWS);
        let own = || replicas.iter().filter(|r| r.service == *name);
        let drains = |r: &ReplicaStatus| r.phase == Phase::Stopping || view.is_some_and(|v| v.draining.contains(&r.id));
        let count = |test: &dyn Fn(&ReplicaStatus) -> bool| own().filter(|r| test(r)).count() as u32;
        let ready = match view {
            Some(_) => count(&|r| r.phase == Phase::Ready && !drains(r)),
            None => station.endpoints().iter().filter(|e| e.view.state == EndpointState::Ready).count() as u32,
        };
        let report = view.and_then(|v| v.last.as_ref()).map(|(_, d)| &d.report);
        ServiceStatus {
            name: name.to_string(),
            managed: view.is_some(),
            desired: view.map_or(ready, |v| v.desired.0),
            min_replicas: view.map_or(0, |v| v.bounds.0.0),
            max_replicas: view.map_or(0, |v| v.bounds.1.0),
            ready,
            starting: count(&|r| r.phase == Phase::Starting && !drains(r)),
            unhealthy: count(&|r| {
                matches!(r.phase, Phase::NotReady | Phase::Backoff { .. } | Phase::CrashLooping { .. }) && !drains(r)
            }),
            draining: count(&drains),
            directive: view.and_then(|v| v.directive).map(describe),
            mode: view.and_then(|v| mode(&v.mode)),
            signals: view.iter().flat_map(|v| &v.signals).map(|s| signal(s, self.clock.now())).collect(),
            ceilings: view
                .iter()
                .flat_map(|v| &v.ceilings)
                .map(|c| format!("at most {} replicas: {}", c.replicas, c.by))
                .collect(),
            windows: report.and_then(|r| r.bounds.as_ref()).map(ToString::to_string),
            flapping: report.and_then(|r| r.flapping.as_ref()).map(ToString::to_string),
            requests_per_second: sample.arrival_rate(),
            in_flight: sample.in_flight,
            waiting: sample.waiting,
            error_ratio: if sample.completions > 0 { sample.errors as f64 / sample.completions as f64 } else { 0.0 },
            refused: station.totals().refused,
            latency_ms: percentiles(&sample.latency),
            cpu_cores: own().filter_map(|r| r.usage).map(|u| u.value.cpu.0).sum::<f64>() + 0.0,
            memory_bytes: own().filter_map(|r| r.usage).map(|u| u.value.memory.0).sum(),
            start_up_ms: view.map_or(0.0, |v| v.start_up.as_secs_f64() * 1000.0),
            replica_seconds: view.map_or(0.0, |v| v.replica_seconds),
            cost_per_hour: self.cost_per_hour(name, own().count()),
            last_decision: view.and_then(|v| v.last.as_ref()).map(|(_, d)| d.report.headline()),
        }
    }

    /// Price x replicas.
    fn cost_per_hour(&self, name: &ServiceName, replicas: usize) -> Option<f64> {
        let service = self.platform.services.get(name.as_str())?;
        let price = self.platform.price_per_hour(service).map(units);
        // With prices in the file, what asks for nothing costs nothing.
        let price = price.or_else(|| self.platform.cost.as_ref().map(|_| 0.0))?;
        Some(price * replicas as f64)
    }

    fn problems(&self, services: &[ServiceStatus], replicas: &[ReplicaStatus]) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(failure) = self.journal.status().failure {
            problems.push(format!("the journal cannot be written, decisions go on unrecorded: {failure}"));
        }
        for r in replicas.iter().filter(|r| matches!(r.phase, Phase::CrashLooping { .. })) {
            let exit = r.last_exit.as_deref().unwrap_or("unknown");
            problems.push(format!("{}-{} is in a crash loop: {exit} (skala events {})", r.service, r.id, r.service));
        }
        for s in services {
            if s.managed && s.waiting > 0 && s.desired >= s.max_replicas {
                problems
                    .push(format!("{} is at its largest size and {} requests wait (skala why {})", s.name, s.waiting, s.name));
            }
            for signal in s.signals.iter().filter(|signal| signal.error.is_some()) {
                let error = signal.error.as_deref().unwrap_or_default();
                problems
                    .push(format!("{} of {} cannot be read, {} times in a row: {error}", signal.name, s.name, signal.failures));
            }
            if let Some(flapping) = &s.flapping {
                problems.push(format!("{} flaps: {flapping} (skala why {})", s.name, s.name));
            }
            if !s.managed && s.ready == 0 {
                problems.push(format!("no upstream of {} is healthy (skala events {})", s.name, s.name));
            }
        }
        for (name, error) in self.numbers.failing_databases() {
            problems.push(format!("the connections of {name} cannot be counted: failed to {error}"));
        }
        problems
    }
}

fn mode(mode: &Mode) -> Option<String> {
    match mode {
        Mode::Default => None,
        Mode::Hpa(_) => Some("hpa".into()),
        Mode::Knative(_) => Some("knative".into()),
    }
}

fn signal(seen: &SignalObservation, now: Time) -> SignalStatus {
    let millis = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    SignalStatus {
        name: seen.name.to_string(),
        value: seen.value.map(|v| v.value),
        age_ms: seen.value.map(|v| millis(v.age(now))),
        failures: seen.failures,
        error: seen.error.as_ref().map(ToString::to_string),
    }
}

/// Micro-units as a number.
fn units(money: Money) -> f64 {
    money.micros as f64 / 1e6
}

fn budget(name: &str, verdict: &budget::Verdict) -> BudgetStatus {
    BudgetStatus {
        name: name.to_owned(),
        currency: verdict.ceiling.currency.to_string(),
        ceiling: units(verdict.ceiling),
        spent: units(verdict.spent),
        limit_per_hour: units(verdict.limit_per_hour),
        wanted_per_hour: units(verdict.wanted_per_hour),
        allowed_per_hour: units(verdict.allowed_per_hour),
        projected: units(verdict.projected),
        refused_replicas: verdict.refused,
        saved: units(verdict.forgone),
        until: verdict.until.to_string(),
    }
}

fn downstream(usage: &coupling::Usage) -> DownstreamStatus {
    // Quotas are counted in thousandths.
    let scale = if usage.unit == coupling::Unit::Connections { 1.0 } else { 1000.0 };
    let number = |n: u64| n as f64 / scale;
    DownstreamStatus {
        name: usage.name.clone(),
        limit: number(usage.available.limit),
        used: number(usage.used),
        for_services: number(usage.available.for_services()),
        text: usage.to_string(),
    }
}

fn percentiles(d: &Distribution) -> Percentiles {
    Percentiles { p50: d.p50 * 1000.0, p95: d.p95 * 1000.0, p99: d.p99 * 1000.0 }
}

fn describe(directive: Directive) -> String {
    match directive {
        Directive::Pause { until } => format!("size is kept {}", lasts(until)),
        Directive::Hold { replicas, until } => format!("{replicas} replicas by hand {}", lasts(until)),
    }
}
