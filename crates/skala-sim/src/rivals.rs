//! The autoscalers that users have today, as policies to compare with.
//!
//! Decides: what Kubernetes, KEDA and Knative would be told for the same service, by their own documentation's defaults.
//! Inputs: a [`Service`] as the platform file makes it: its bounds, start-up, service times and station stay as they are.
//! Method: `hpa` is `Mode::Hpa` on the file's own metrics that `autoscaling/v2` has, else CPU at 80 % (the default of
//!   `autoscaling/v2`); `keda` is the same loop on requests in service and waiting, one replica's concurrency as target; `kpa` is
//!   `Mode::Knative` with `config-autoscaler`'s defaults; `static-peak` is a fixed size.
//! Tested: `tests/it` rows `rivals`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use skala_autoscaler::knative::{Config, ConfigSpec};
use skala_autoscaler::{
    Behavior, HpaMode, MetricEntry, MetricSpec, Mode, Policy, PolicySpec, Repairs, ResourceRequests, ResourceTarget,
};
use skala_types::{Cores, Replicas, Utilisation};

use crate::{Scenario, Service, SimError};

/// CPU utilisation that `autoscaling/v2` aims at when a manifest names no metric, share of the request.
const HPA_CPU: f64 = 0.8;
/// Resolution of metrics-server, seconds: a CPU sample is a mean over it.
const METRICS_SERVER: Duration = Duration::from_secs(15);
/// KEDA's default `cooldownPeriod`: how long nothing must come before the last replica goes.
const KEDA_COOLDOWN: Duration = Duration::from_secs(300);
/// Requests per replica where the file states no concurrency: the default target of KEDA's HTTP add-on and of Knative.
const NO_CONCURRENCY: f64 = 100.0;

/// A built-in rival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rival {
    /// Kubernetes' HorizontalPodAutoscaler.
    Hpa,
    /// KEDA on the length of the queue, with the HorizontalPodAutoscaler that it drives.
    Keda,
    /// Knative's pod autoscaler.
    Kpa,
    /// The fixed size that carries the peak.
    StaticPeak,
}

impl Rival {
    /// All of them, in the order of tables.
    pub const ALL: [Rival; 4] = [Rival::Hpa, Rival::Keda, Rival::Kpa, Rival::StaticPeak];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Rival::Hpa => "hpa",
            Rival::Keda => "keda",
            Rival::Kpa => "kpa",
            Rival::StaticPeak => "static-peak",
        }
    }

    /// What it is, in a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Rival::Hpa => {
                "Kubernetes' HPA every 15 s on the file's metrics, else CPU at 80 % of the request; behavior as in the file"
            }
            Rival::Keda => "KEDA on requests in service and waiting, a replica's concurrency as target, behind an HPA every 15 s",
            Rival::Kpa => "Knative's autoscaler: 70 % of a replica's concurrency, stable window 60 s, panic window 6 s",
            Rival::StaticPeak => "the fixed size that suffices for 99.9 % of the time",
        }
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Rival {
    type Err = ();

    fn from_str(text: &str) -> Result<Rival, ()> {
        Rival::ALL.into_iter().find(|r| r.name() == text).ok_or(())
    }
}

/// The scenario with every service that scales left to a rival; and what had to be assumed, in sentences. `static_sizes` gives the
/// sizes of [`Rival::StaticPeak`], in the order of the services.
///
/// # Errors
/// When a rival refuses a service's bounds.
pub fn rival(scenario: &Scenario, rival: Rival, static_sizes: &[Replicas]) -> Result<(Scenario, Vec<String>), SimError> {
    let mut scenario = scenario.clone();
    let mut remarks = Vec::new();
    for (i, service) in scenario.services.iter_mut().enumerate() {
        let bounds = service.policy.spec();
        if bounds.min_replicas == bounds.max_replicas {
            continue;
        }
        service.policy = match rival {
            Rival::Hpa => hpa(service, &mut remarks)?,
            Rival::Keda => keda(service, &mut remarks)?,
            Rival::Kpa => kpa(service)?,
            Rival::StaticPeak => {
                let size = static_sizes.get(i).copied().unwrap_or(bounds.max_replicas).clamp(Replicas(1), bounds.max_replicas);
                service.initial = Some(size);
                Policy::fixed(size)
            }
        };
    }
    Ok((scenario, remarks))
}

/// A policy of another mode within the service's bounds.
fn base(service: &Service) -> PolicySpec {
    let own = service.policy.spec();
    PolicySpec {
        min_replicas: own.min_replicas,
        max_replicas: own.max_replicas,
        behavior: own.behavior.clone(),
        requests: own.requests,
        windows: own.windows.clone(),
        repairs: Repairs::all(false),
        ..PolicySpec::default()
    }
}

/// Kubernetes' loop. A manifest without `behavior` has no rate policies: at most double per look, one window for shrinking.
fn loop_of(service: &Service) -> Mode {
    let without_behavior = service.policy.spec().behavior == Behavior::default();
    Mode::Hpa(HpaMode { without_behavior, ..HpaMode::default() })
}

fn hpa(service: &mut Service, remarks: &mut Vec<String>) -> Result<Policy, SimError> {
    let own = service.policy.spec();
    let has = |m: &&MetricEntry| {
        matches!(
            m.what,
            MetricSpec::Cpu { .. }
                | MetricSpec::RequestsPerSecond { .. }
                | MetricSpec::Concurrency { .. }
                | MetricSpec::Signal { .. }
        )
    };
    let mut metrics: Vec<MetricEntry> = own.metrics.iter().filter(has).map(|m| m.what.clone().into()).collect();
    if metrics.is_empty() {
        metrics.push(MetricSpec::Cpu { target: ResourceTarget::Utilisation(Utilisation(HPA_CPU)) }.into());
    }
    let mut spec = PolicySpec { metrics, metric_window: METRICS_SERVER, mode: loop_of(service), ..base(service) };
    if spec.metrics.iter().any(|m| matches!(m.what, MetricSpec::Cpu { .. })) {
        spec.requests = cpu(service, spec.requests, remarks);
    }
    checked(service, spec)
}

/// What a replica requests and uses, so that there is a CPU to scale on.
fn cpu(service: &mut Service, requests: ResourceRequests, remarks: &mut Vec<String>) -> ResourceRequests {
    let (name, busy, asked) = (&service.name, service.busy_cores, requests.cpu.map(|c| c.0));
    let cores = busy.or(asked).unwrap_or(1.0);
    if busy.is_none() {
        remarks.push(format!(
            "hpa: {name} says nothing of CPU: a replica whose servers are all busy is taken to use 100 % of its request"
        ));
    }
    service.busy_cores = Some(cores);
    ResourceRequests { cpu: Some(Cores(asked.unwrap_or(cores))), ..requests }
}

fn keda(service: &Service, remarks: &mut Vec<String>) -> Result<Policy, SimError> {
    let target = service.station.concurrency.map_or(NO_CONCURRENCY, f64::from);
    if service.station.concurrency.is_none() {
        remarks
            .push(format!("keda: {} states no concurrency: the target is {NO_CONCURRENCY} requests per replica", service.name));
    }
    let metrics = vec![MetricSpec::Concurrency { target }.into()];
    let mode = loop_of(service);
    checked(service, PolicySpec { metrics, cooldown: Some(KEDA_COOLDOWN), mode, ..base(service) })
}

fn kpa(service: &Service) -> Result<Policy, SimError> {
    let base = base(service);
    let config = ConfigSpec {
        container_concurrency: service.station.concurrency.unwrap_or(0),
        min_scale: base.min_replicas.0,
        max_scale: base.max_replicas.0,
        enable_scale_to_zero: base.min_replicas.0 == 0,
        ..ConfigSpec::default()
    };
    let target = f64::from(service.station.concurrency.unwrap_or(0)).max(1.0);
    let refused = |problems: Vec<_>| SimError::Setting { field: field(service), reason: joined(&problems) };
    let config = Config::try_new(config).map_err(refused)?;
    let metrics = vec![MetricSpec::Concurrency { target }.into()];
    // Knative has windows of its own; `behavior` is not read.
    let mode = Mode::Knative(Box::new(config));
    checked(service, PolicySpec { metrics, mode, behavior: Behavior::default(), windows: Vec::new(), ..base })
}

fn checked(service: &Service, spec: PolicySpec) -> Result<Policy, SimError> {
    Policy::try_new(spec).map_err(|problems| SimError::Setting { field: field(service), reason: joined(&problems) })
}

fn field(service: &Service) -> String {
    format!("services.{}.autoscaling", service.name)
}

fn joined(problems: &[impl fmt::Display]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
