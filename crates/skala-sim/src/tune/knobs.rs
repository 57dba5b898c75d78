//! The settings that are searched: which there are for a policy, their values, and how one is applied.
//!
//! Decides: ranges and steps. `docs/tune.md` lists them.
//! Inputs: a service of the platform file.
//! Method: every knob's list has the file's own value among others, in order of size, so that "as it is" is a point of the search
//!   and neighbours in the list are alike. Values are those of the grammar, applied to the grammar's own types.
//! Invariants: no value outside the policy's own bounds: never above `maxReplicas`, never below two where the file has two or more,
//!   never to zero where it does not go there.
//! Tested: `tests/it/tune.rs`.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use skala_spec::model::{
    Aim, Autoscaling, Behavior, Measure, Metric, MetricEntry, Mode, Percentile, QueueGoal, QueueLength, QueueMeasure, QueueTime,
    Service,
};
use skala_spec::scalar::{CpuTarget, Dur, Positive, Ratio};

/// `minReplicas`: most values of its list; larger ranges have gaps.
const SIZES: u32 = 24;
/// Targets in percent of the request.
const PERCENTS: std::ops::RangeInclusive<u32> = 6..=19;
/// Percent between two of them.
const PERCENT_STEP: u32 = 5;
/// Other targets: this many steps below and above the file's.
const AROUND: i32 = 8;
/// From one such step to the next.
const RATIO: f64 = 1.12;
/// Tolerances, percent.
const TOLERANCES: [u32; 7] = [0, 2, 5, 10, 15, 20, 30];
/// Windows for growing, seconds.
const UP_WINDOWS: [u32; 6] = [0, 15, 30, 60, 120, 300];
/// Windows for shrinking, seconds.
const DOWN_WINDOWS: [u32; 11] = [0, 30, 60, 120, 180, 300, 450, 600, 900, 1800, 3600];
/// Growth per 15 s, percent.
const UP_PACES: [u32; 5] = [25, 50, 100, 200, 400];
/// Shrinking per minute, percent.
const DOWN_PACES: [u32; 5] = [5, 10, 25, 50, 100];

/// A value of a knob.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Replicas, or seconds.
    Whole(u32),
    /// A scalar of the grammar with its unit, such as `70%` or `350ms`.
    Text(String),
    /// A plain number.
    Number(f64),
    /// The policies of a direction.
    Pace(Pace),
}

/// One policy of `behavior`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// Percent of the replicas at the start of the period.
    pub percent: u32,
    /// Length of the period, seconds.
    pub period_seconds: u32,
}

impl Value {
    /// The value in words.
    pub fn told(&self) -> String {
        match self {
            Value::Pace(p) => told(p.percent, "%", p.period_seconds),
            value => value.yaml(),
        }
    }

    /// The value as YAML on one line.
    pub fn yaml(&self) -> String {
        match self {
            Value::Whole(n) => n.to_string(),
            Value::Text(text) => text.clone(),
            Value::Number(x) => x.to_string(),
            Value::Pace(p) => format!("[{{type: Percent, value: {}, periodSeconds: {}}}]", p.percent, p.period_seconds),
        }
    }
}

/// A pace in words: `25% per 15s`.
fn told(value: u32, unit: &str, seconds: u32) -> String {
    format!("{value}{unit} per {seconds}s")
}

/// A setting that is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// Its path below `autoscaling`: keys, and positions in lists.
    pub path: Vec<String>,
    /// Its values, in order; `None` is the file's own.
    pub values: Vec<Option<Value>>,
    /// What the file has now, in words.
    pub now: String,
}

impl Knob {
    /// Where the file stands.
    pub fn start(&self) -> usize {
        self.values.iter().position(Option::is_none).unwrap_or(0)
    }

    /// Its path in words: `behavior.scaleDown.policies`.
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// A value by its position, in words.
    pub fn told(&self, at: usize) -> String {
        match self.values.get(at) {
            Some(Some(value)) => value.told(),
            _ => self.now.clone(),
        }
    }
}

/// The knobs of a service; empty when its size is fixed.
pub fn knobs(service: &Service) -> Vec<Knob> {
    let Some(a) = service.autoscaling.as_ref() else { return Vec::new() };
    let mut knobs = vec![sizes(a)];
    if a.mode == Mode::Knative {
        return useful(knobs);
    }
    let metrics: Vec<_> = a.metrics().collect();
    knobs.extend(metrics.iter().filter_map(|(i, metric)| target(*i, metric, &a.metrics[*i], a.mode)));
    let measured = metrics.iter().any(|(_, m)| searched(&m.measure));
    let promised = a.mode == Mode::Default && service.promised_latency().is_some();
    // Without a metric of its own the service is scaled on predicted wait, whose growth waits for nothing.
    if measured {
        knobs.push(tolerance(a));
        knobs.push(window(a, "scaleUp", &UP_WINDOWS));
        knobs.push(pace(a, "scaleUp", &UP_PACES, 15));
    }
    if measured || promised {
        knobs.push(window(a, "scaleDown", &DOWN_WINDOWS));
        knobs.push(pace(a, "scaleDown", &DOWN_PACES, 60));
    }
    useful(knobs)
}

/// The metrics of a service whose targets are not searched, because a simulation has no numbers for them.
pub fn untouched(service: &Service) -> Vec<String> {
    let metrics = service.autoscaling.iter().flat_map(Autoscaling::metrics);
    metrics.filter(|(_, m)| !searched(&m.measure)).map(|(_, m)| m.measure.name()).collect()
}

fn searched(measure: &Measure) -> bool {
    !matches!(measure, Measure::Memory(_) | Measure::Outside(_))
}

/// Those with more than one value.
fn useful(knobs: Vec<Knob>) -> Vec<Knob> {
    knobs.into_iter().filter(|k| k.values.len() > 1).collect()
}

/// The list of a knob: values with their sizes, and the file's own among them, in its place.
fn knob(path: &[&str], values: impl IntoIterator<Item = (f64, Value)>, own: f64, now: String) -> Knob {
    let mut sized: Vec<(f64, Option<Value>)> = values.into_iter().filter(|(x, _)| *x != own).map(|(x, v)| (x, Some(v))).collect();
    sized.push((own, None));
    sized.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    sized.dedup_by(|(a, _), (b, _)| a == b);
    Knob { path: path.iter().map(|s| (*s).to_owned()).collect(), values: sized.into_iter().map(|(_, v)| v).collect(), now }
}

fn sizes(a: &Autoscaling) -> Knob {
    let (least, most) = (a.min_replicas.min(2), a.max_replicas.max(a.min_replicas));
    let steps = (most - least).clamp(1, SIZES);
    let value = |i: u32| {
        // Rounded between two sizes of at most 1000.
        let n = least + (f64::from(most - least) * f64::from(i) / f64::from(steps)).round() as u32;
        (f64::from(n), Value::Whole(n))
    };
    knob(&["minReplicas"], (0..=steps).map(value), f64::from(a.min_replicas), a.min_replicas.to_string())
}

fn target(i: usize, metric: &Metric<'_>, entry: &MetricEntry, mode: Mode) -> Option<Knob> {
    let position = i.to_string();
    let inside = |key: &'static str, full: bool| -> Vec<&str> {
        let path = ["metrics", position.as_str(), key, "target"];
        path[..if full { 4 } else { 3 }].to_vec()
    };
    // A target below the one for shrinking would be refused.
    let least = metric.scale_down_target.unwrap_or(0.0);
    match &metric.measure {
        Measure::Cpu(target) => {
            let path = inside("cpu", entry.cpu.as_ref()?.full().is_some());
            Some(match target {
                CpuTarget::Utilization(percent) => {
                    let values = PERCENTS.map(|p| p * PERCENT_STEP).map(|p| (f64::from(p), Value::Text(format!("{p}%"))));
                    let values = values.filter(|(p, _)| *p >= least * 100.0);
                    knob(&path, values, percent.percent(), percent.to_string())
                }
                CpuTarget::AverageValue(cores) => {
                    let text = |cores: f64| Value::Text(format!("{}m", (cores * 1000.0).round()));
                    let values = around(cores.cores().0, least).filter(|x| *x >= 0.01).map(|x| (x, text(x)));
                    knob(&path, values, cores.cores().0, target.to_string())
                }
            })
        }
        Measure::RequestsPerSecond(x) => {
            let path = inside("requestsPerSecond", entry.requests_per_second.as_ref()?.full().is_some());
            Some(number(&path, *x, least))
        }
        Measure::Concurrency(x) => {
            let path = inside("concurrency", entry.concurrency.as_ref()?.full().is_some());
            Some(number(&path, *x, least))
        }
        Measure::Latency(percentile, bound) if mode == Mode::Default => {
            entry.latency.as_ref()?;
            let percentile = percentile.to_string();
            let path = ["metrics", position.as_str(), "latency", percentile.as_str()];
            Some(milliseconds(&path, *bound, least))
        }
        Measure::Queue(QueueMeasure { goal, .. }) => {
            let long = match goal {
                QueueGoal::Length(_) => matches!(entry.queue_length.as_ref()?, QueueLength::Full(_)),
                QueueGoal::Age(_) => matches!(entry.queue_age.as_ref()?, QueueTime::Full(_)),
                QueueGoal::Wait(_) => matches!(entry.queue_wait.as_ref()?, QueueTime::Full(_)),
            };
            let inner = if matches!(goal, QueueGoal::Length(_)) { "perReplica" } else { "max" };
            let path = ["metrics", position.as_str(), goal.key(), inner];
            let path = &path[..if long { 4 } else { 3 }];
            Some(match goal {
                QueueGoal::Length(x) => number(path, *x, least),
                QueueGoal::Age(time) | QueueGoal::Wait(time) => milliseconds(path, *time, least),
            })
        }
        Measure::Latency(..) | Measure::Memory(_) | Measure::Outside(_) => None,
    }
}

fn milliseconds(path: &[&str], own: Duration, least: f64) -> Knob {
    let text = |x: f64| Value::Text(format!("{}ms", (x * 1000.0).round()));
    let values = around(own.as_secs_f64(), least).filter(|x| *x >= 0.001).map(|x| (x, text(x)));
    knob(path, values, own.as_secs_f64(), format!("{}ms", own.as_millis()))
}

fn number(path: &[&str], own: f64, least: f64) -> Knob {
    knob(path, around(own, least).map(|x| (x, Value::Number(x))), own, own.to_string())
}

/// Numbers around one, two digits each, not below `least`.
fn around(own: f64, least: f64) -> impl Iterator<Item = f64> {
    (-AROUND..=AROUND).map(move |k| two_digits(own * RATIO.powi(k))).filter(move |x| *x > 0.0 && *x >= least)
}

/// Rounded to two digits: 0.137 to 0.14, 1370 to 1400.
fn two_digits(x: f64) -> f64 {
    let rounded = format!("{x:.1e}").parse().unwrap_or(x);
    if f64::is_finite(rounded) { rounded } else { x }
}

fn tolerance(a: &Autoscaling) -> Knob {
    let values = TOLERANCES.map(|p| (f64::from(p) / 100.0, Value::Text(format!("{p}%"))));
    knob(&["tolerance"], values, a.tolerance.as_f64(), a.tolerance.to_string())
}

fn written<'a>(a: &'a Autoscaling, direction: &str) -> Option<&'a skala_spec::model::ScalingRules> {
    if direction == "scaleUp" { a.behavior.scale_up.as_ref() } else { a.behavior.scale_down.as_ref() }
}

fn window(a: &Autoscaling, direction: &str, values: &[u32]) -> Knob {
    let rules = if direction == "scaleUp" { a.behavior.scale_up() } else { a.behavior.scale_down() };
    let own = rules.stabilization_window_seconds;
    let path = ["behavior", direction, "stabilizationWindowSeconds"];
    let given = written(a, direction).and_then(|r| r.stabilization_window_seconds);
    let values = values.iter().map(|s| (f64::from(*s), Value::Whole(*s)));
    match given {
        Some(own) => knob(&path, values, f64::from(own), own.to_string()),
        // Saying the default is no change for metrics, and one for predicted wait: both are searched, "not given" beside its number.
        None => knob(&path, values, f64::from(own) - 0.5, format!("not given ({own})")),
    }
}

fn pace(a: &Autoscaling, direction: &str, values: &[u32], period: u32) -> Knob {
    let rules = if direction == "scaleUp" { a.behavior.scale_up() } else { a.behavior.scale_down() };
    // Percent per period at ten replicas, to find its place among the others.
    let rate = |p: &skala_spec::model::Policy| {
        let percent = match p.kind {
            skala_spec::model::PolicyType::Percent => f64::from(p.value),
            skala_spec::model::PolicyType::Pods => f64::from(p.value) * 10.0,
        };
        percent * f64::from(period) / f64::from(p.period_seconds.max(1))
    };
    let own = rules.policies.iter().map(rate).fold(0.0, f64::max);
    let now = match written(a, direction).and_then(|r| r.policies.as_ref()) {
        Some(policies) => policies.iter().map(in_words).collect::<Vec<_>>().join(", "),
        None => "not given".to_owned(),
    };
    let values = values.iter().map(|p| (f64::from(*p), Value::Pace(Pace { percent: *p, period_seconds: period })));
    knob(&["behavior", direction, "policies"], values, own + 0.5, now)
}

fn in_words(p: &skala_spec::model::Policy) -> String {
    let unit = if p.kind == skala_spec::model::PolicyType::Percent { "%" } else { "" };
    told(p.value, unit, p.period_seconds)
}

/// Sets one value; `false` for a path that is no knob's, or a value that it cannot have.
#[must_use]
pub fn apply(a: &mut Autoscaling, path: &[String], value: &Value) -> bool {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    match (steps.as_slice(), value) {
        (["minReplicas"], Value::Whole(n)) => a.min_replicas = *n,
        (["tolerance"], Value::Text(text)) => match text.parse::<Ratio>() {
            Ok(tolerance) => a.tolerance = tolerance,
            Err(_) => return false,
        },
        (["behavior", direction @ ("scaleUp" | "scaleDown"), setting], value) => {
            return pace_of(&mut a.behavior, direction, setting, value);
        }
        (["metrics", i, key, ..], value) => {
            let entry = i.parse::<usize>().ok().and_then(|i| a.metrics.get_mut(i));
            return entry.is_some_and(|entry| aim(entry, key, steps.last().copied().unwrap_or_default(), value).is_some());
        }
        _ => return false,
    }
    true
}

fn pace_of(behavior: &mut Behavior, direction: &str, setting: &str, value: &Value) -> bool {
    let rules = if direction == "scaleUp" { &mut behavior.scale_up } else { &mut behavior.scale_down };
    let rules = rules.get_or_insert_default();
    match (setting, value) {
        ("stabilizationWindowSeconds", Value::Whole(s)) => rules.stabilization_window_seconds = Some(*s),
        ("policies", Value::Pace(p)) => {
            let policy = skala_spec::model::Policy {
                kind: skala_spec::model::PolicyType::Percent,
                value: p.percent,
                period_seconds: p.period_seconds,
            };
            rules.policies = Some(vec![policy]);
        }
        _ => return false,
    }
    true
}

fn aim(entry: &mut MetricEntry, key: &str, last: &str, value: &Value) -> Option<()> {
    match (key, value) {
        ("cpu", Value::Text(text)) => *targeted(entry.cpu.as_mut()?) = text.parse().ok()?,
        ("requestsPerSecond", Value::Number(x)) => *targeted(entry.requests_per_second.as_mut()?) = positive(*x)?,
        ("concurrency", Value::Number(x)) => *targeted(entry.concurrency.as_mut()?) = positive(*x)?,
        ("queueLength", Value::Number(x)) => match entry.queue_length.as_mut()? {
            QueueLength::PerReplica(target) => *target = positive(*x)?,
            QueueLength::Full(full) => full.per_replica = positive(*x)?,
        },
        ("queueAge", Value::Text(text)) => *longest(entry.queue_age.as_mut()?) = text.parse().ok()?,
        ("queueWait", Value::Text(text)) => *longest(entry.queue_wait.as_mut()?) = text.parse().ok()?,
        ("latency", Value::Text(text)) => {
            let latency = entry.latency.as_mut()?;
            let bounds = [
                (Percentile::P50, &mut latency.p50),
                (Percentile::P90, &mut latency.p90),
                (Percentile::P95, &mut latency.p95),
                (Percentile::P99, &mut latency.p99),
            ];
            let bound: Dur = text.parse().ok()?;
            let (_, place) = bounds.into_iter().find(|(p, _)| p.to_string() == last)?;
            *place = (bound.get() > Duration::ZERO).then_some(bound);
        }
        _ => return None,
    }
    Some(())
}

fn targeted<T>(aim: &mut Aim<T>) -> &mut T {
    match aim {
        Aim::Target(target) => target,
        Aim::Full(full) => &mut full.target,
    }
}

fn longest(aim: &mut QueueTime) -> &mut Dur {
    match aim {
        QueueTime::Max(max) => max,
        QueueTime::Full(full) => &mut full.max,
    }
}

fn positive(x: f64) -> Option<Positive> {
    serde_json::from_value(json!(x)).ok()
}
