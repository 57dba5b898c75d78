//! The rules once more, from their description: slow, with maps and rationals, no shared code.
//!
//! Pods are named, samples live in a map as they do upstream, a refilled map is evaluated by the same function as the first,
//! times are signed seconds with fractions, sums are exact. Only valid worlds come here: positive targets, loads not negative.

use std::collections::BTreeMap;

use skala_hpa::{
    Compat, MetricSpec, Phase, PodReadings, PolicyKind, Reading, ReadyStatus, Requests, ScalingRules, SelectPolicy, TargetKind,
};
use skala_types::Time;

use crate::worlds::{NOW, World};

#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) desired: i32,
    pub(crate) proposals: Vec<Option<i32>>,
    pub(crate) recommendations: Vec<(Time, i32)>,
    pub(crate) ups: Vec<(Time, i32)>,
    pub(crate) downs: Vec<(Time, i32)>,
}

fn minor(compat: Compat) -> u32 {
    compat.to_string()["hpa-1.".len()..].parse().expect("a release has a number")
}

fn secs(t: Time) -> i64 {
    (t.as_nanos() / 1_000_000_000) as i64
}

fn size_of(x: f64) -> i32 {
    if x >= 2147483647.0 { i32::MAX } else { x.ceil() as i32 }
}

pub(crate) fn reconcile(w: &World) -> Answer {
    let release = minor(w.settings.compat);
    let current = w.scale.spec_replicas;
    let min = w.spec.min_replicas.unwrap_or(1);
    let max = w.spec.max_replicas;
    let now = NOW as i64;
    let mut recs: Vec<(Time, i32)> = match &w.history {
        Some(h) => h.recommendations.iter().map(|r| (r.at, r.replicas)).collect(),
        None => vec![(Time::from_secs(NOW), current)],
    };
    let history = w.history.clone().unwrap_or_default();
    let mut ups: Vec<(Time, i32)> = history.scale_ups.iter().map(|e| (e.at, e.change)).collect();
    let mut downs: Vec<(Time, i32)> = history.scale_downs.iter().map(|e| (e.at, e.change)).collect();

    let outside = w.spec.metrics.iter().any(|m| matches!(m, MetricSpec::Object { .. } | MetricSpec::External { .. }));
    let gate = release >= 37 || w.spec.min_replicas == Some(0) || w.scaled_to_zero.is_some();
    let went_itself = release >= 36 && gate && w.scaled_to_zero == Some(true);
    let off = match release {
        ..36 => min != 0,
        _ => !went_itself || (min == 0 && !outside),
    };
    let mut proposals = vec![];
    let desired = if current == 0 && off {
        0
    } else if current > max {
        max
    } else if current != 0 && current < min {
        min
    } else {
        proposals = w.spec.metrics.iter().zip(&w.readings).map(|(m, r)| propose(w, m, r, release)).collect();
        let best = proposals.iter().flatten().max().copied();
        let any_failed = proposals.contains(&None);
        match best {
            None => current,
            Some(best) if any_failed && best < current => current,
            Some(best) => {
                let allowed = match &w.spec.behavior {
                    None => old_rules(w, best, current, min, max, now, &mut recs),
                    Some(_) => new_rules(w, best, current, min, max, now, &mut recs, &ups, &downs),
                };
                if current == 0 && went_itself { allowed.max(min) } else { allowed }
            }
        }
    };
    if desired != current
        && let Some(b) = &w.spec.behavior
    {
        let up = desired > current;
        let (log, rules) = if up { (&mut ups, &b.scale_up) } else { (&mut downs, &b.scale_down) };
        let longest = policies(rules.as_ref(), up).iter().map(|p| p.2).max().unwrap_or(0);
        put(log, (desired - current).abs(), |t| t < now - longest);
    }
    Answer { desired, proposals, recommendations: recs, ups, downs }
}

/// Into the last slot that may be reused, else at the end.
fn put(log: &mut Vec<(Time, i32)>, value: i32, reusable: impl Fn(i64) -> bool) {
    let mut slot = None;
    for (i, (t, _)) in log.iter().enumerate() {
        if reusable(secs(*t)) {
            slot = Some(i);
        }
    }
    let new = (Time::from_secs(NOW), value);
    match slot {
        Some(i) => log[i] = new,
        None => log.push(new),
    }
}

fn near_one(w: &World, r: f64, release: u32) -> bool {
    let cluster = w.settings.tolerance;
    if release < 33 {
        return (1.0 - r).abs() <= cluster;
    }
    let own = |rules: Option<&ScalingRules>| rules.and_then(|r| r.tolerance).unwrap_or(cluster);
    let b = w.spec.behavior.as_ref();
    let (down, up) = (own(b.and_then(|b| b.scale_down.as_ref())), own(b.and_then(|b| b.scale_up.as_ref())));
    1.0 - down <= r && r <= 1.0 + up
}

fn propose(w: &World, metric: &MetricSpec, reading: &Reading, release: u32) -> Option<i32> {
    match (metric, reading) {
        (_, Reading::Failed(_)) => None,
        (MetricSpec::Resource { name, target } | MetricSpec::ContainerResource { name, target, .. }, Reading::Pods(p)) => {
            match target.average_value {
                Some(t) => per_pod(w, p, name == "cpu", Goal::Mean(t), release),
                None => per_pod(w, p, name == "cpu", Goal::Percent(target.average_utilization?), release),
            }
        }
        (MetricSpec::Pods { target, .. }, Reading::Pods(p)) => per_pod(w, p, false, Goal::Mean(target.average_value?), release),
        (MetricSpec::Object { target, .. }, Reading::Object(v)) => match target.kind {
            TargetKind::Value => by_total(w, *v, target.value?, release),
            _ => by_share(w, *v, target.average_value?, release),
        },
        (MetricSpec::External { target, .. }, Reading::External(vs)) => {
            let sum: i128 = vs.iter().map(|v| i128::from(*v)).sum();
            let sum = sum.min(i128::from(i64::MAX)) as i64;
            match target.average_value {
                Some(t) => by_share(w, sum, t, release),
                None => by_total(w, sum, target.value?, release),
            }
        }
        _ => None,
    }
}

fn by_total(w: &World, value: i64, target: i64, release: u32) -> Option<i32> {
    let r = value as f64 / target as f64;
    if w.scale.spec_replicas == 0 {
        return Some(size_of(r));
    }
    if near_one(w, r, release) {
        return Some(w.scale.spec_replicas);
    }
    if w.pods.is_empty() {
        return None;
    }
    let mut ready = 0;
    for p in &w.pods {
        if p.phase == Phase::Running && p.ready.map(|c| c.status) == Some(ReadyStatus::True) {
            ready += 1;
        }
    }
    Some(size_of(r * f64::from(ready)))
}

fn by_share(w: &World, value: i64, target: i64, release: u32) -> Option<i32> {
    let n = w.scale.status_replicas;
    if near_one(w, value as f64 / (target as f64 * f64::from(n)), release) {
        return Some(n);
    }
    Some(size_of(value as f64 / target as f64))
}

#[derive(Clone, Copy)]
enum Goal {
    Percent(i32),
    Mean(i64),
}

/// The ratio of a set of samples; pods are numbers, strangers are numbers from 1000 on.
fn ratio(set: &BTreeMap<usize, i128>, requests: &[i64], goal: Goal) -> Option<f64> {
    match goal {
        Goal::Percent(percent) => {
            let known: Vec<(i128, i128)> =
                set.iter().filter_map(|(pod, v)| Some((*v, i128::from(*requests.get(*pod)?)))).collect();
            let (used, asked) = known.iter().fold((0, 0), |(u, a), (v, r)| (u + v, a + r));
            if asked == 0 {
                return None;
            }
            let whole = (used * 100 / asked).min(i128::from(i32::MAX)) as i32;
            Some(f64::from(whole) / f64::from(percent))
        }
        Goal::Mean(target) => {
            let sum: i128 = set.values().sum();
            let mean = (sum / set.len() as i128).min(i128::from(i64::MAX)) as i64;
            Some(mean as f64 / target as f64)
        }
    }
}

fn per_pod(w: &World, readings: &PodReadings, cpu: bool, goal: Goal, release: u32) -> Option<i32> {
    if w.pods.is_empty() {
        return None;
    }
    let now = NOW as i64;
    let mut set: BTreeMap<usize, i128> = BTreeMap::new();
    for (i, s) in readings.samples.iter().enumerate() {
        if let Some(s) = s {
            set.insert(i, i128::from(s.value));
        }
    }
    for (i, v) in readings.strangers.iter().enumerate() {
        set.insert(1000 + i, i128::from(*v));
    }
    let (mut ready, mut unready, mut missing) = (0, vec![], vec![]);
    for (i, p) in w.pods.iter().enumerate() {
        let ended = p.phase == Phase::Failed || (release >= 38 && p.phase == Phase::Succeeded);
        if p.deleted || ended {
            set.remove(&i);
            continue;
        }
        if p.phase == Phase::Pending {
            unready.push(i);
            continue;
        }
        let Some(sample) = readings.samples[i] else {
            missing.push(i);
            continue;
        };
        let mut doubt = false;
        if cpu {
            match (p.ready, p.started_at) {
                (Some(c), Some(start)) => {
                    let (start, changed) = (secs(start), secs(c.last_transition));
                    let is_false = c.status == ReadyStatus::False;
                    doubt = if start + w.settings.cpu_initialization_period.as_secs() as i64 > now {
                        is_false || secs(sample.timestamp) < changed + sample.window.as_secs() as i64
                    } else {
                        is_false && start + w.settings.initial_readiness_delay.as_secs() as i64 > changed
                    };
                }
                _ => doubt = true,
            }
        }
        if doubt {
            unready.push(i);
        } else {
            ready += 1;
        }
    }
    for i in &unready {
        set.remove(i);
    }
    if set.is_empty() {
        return None;
    }
    let requests: &[i64] = match (&readings.requests, goal) {
        (Requests::Milli(r), _) => r,
        (Requests::Missing(_), Goal::Percent(_)) => return None,
        (Requests::Missing(_), Goal::Mean(_)) => &[],
    };
    let r = ratio(&set, requests, goal)?;
    let current = w.scale.spec_replicas;
    let damp = r > 1.0 && !unready.is_empty();
    if missing.is_empty() && !damp {
        return Some(if near_one(w, r, release) { current } else { size_of(r * f64::from(ready)) });
    }
    for i in missing {
        let fill = match goal {
            _ if r > 1.0 => Some(0),
            Goal::Percent(t) if r < 1.0 => {
                Some(i128::from(requests[i]) * i128::from(if release >= 26 { t.max(100) } else { 100 }) / 100)
            }
            Goal::Mean(t) if r < 1.0 => Some(i128::from(t)),
            Goal::Mean(_) if release < 28 => Some(0),
            _ => None,
        };
        if let Some(fill) = fill {
            set.insert(i, fill);
        }
    }
    if damp {
        for i in unready {
            set.insert(i, 0);
        }
    }
    let r2 = ratio(&set, requests, goal)?;
    if near_one(w, r2, release) || (r < 1.0 && r2 > 1.0) || (r > 1.0 && r2 < 1.0) {
        return Some(current);
    }
    let n = size_of(r2 * set.len() as f64);
    Some(if (r2 < 1.0 && n > current) || (r2 > 1.0 && n < current) { current } else { n })
}

fn old_rules(w: &World, want: i32, current: i32, min: i32, max: i32, now: i64, recs: &mut Vec<(Time, i32)>) -> i32 {
    let cut = now - w.settings.downscale_stabilization.as_secs() as i64;
    let held = recs.iter().filter(|(t, _)| secs(*t) >= cut).map(|r| r.1).fold(want, i32::max);
    put(recs, want, |t| t < cut);
    let step = (w.settings.scale_up_limit_factor * f64::from(current)).max(w.settings.scale_up_limit_minimum) as i32;
    held.min(step.min(max)).max(min)
}

/// (is percent, value, period).
fn policies(rules: Option<&ScalingRules>, up: bool) -> Vec<(bool, i32, i64)> {
    match rules.and_then(|r| r.policies.clone()) {
        Some(list) => list.iter().map(|p| (p.kind == PolicyKind::Percent, p.value, i64::from(p.period_seconds))).collect(),
        None if up => vec![(false, 4, 15), (true, 100, 15)],
        None => vec![(true, 100, 15)],
    }
}

#[expect(clippy::too_many_arguments, reason = "a description in one place")]
fn new_rules(
    w: &World,
    want: i32,
    current: i32,
    min: i32,
    max: i32,
    now: i64,
    recs: &mut Vec<(Time, i32)>,
    ups: &[(Time, i32)],
    downs: &[(Time, i32)],
) -> i32 {
    let b = w.spec.behavior.as_ref().expect("the caller looked");
    let window = |r: &Option<ScalingRules>, default: i64| {
        r.as_ref().and_then(|r| r.stabilization_window_seconds).map_or(default, i64::from)
    };
    let up_cut = now - window(&b.scale_up, 0);
    let down_cut = now - window(&b.scale_down, w.settings.downscale_stabilization.as_secs() as i64);
    let lowest = recs.iter().filter(|(t, _)| secs(*t) > up_cut).map(|r| r.1).fold(want, i32::min);
    let highest = recs.iter().filter(|(t, _)| secs(*t) > down_cut).map(|r| r.1).fold(want, i32::max);
    put(recs, want, |t| t < up_cut && t < down_cut);
    let mut size = current;
    if size < lowest {
        size = lowest;
    }
    if size > highest {
        size = highest;
    }
    let up = size > current;
    if size == current {
        return size;
    }
    let rules = if up { b.scale_up.as_ref() } else { b.scale_down.as_ref() };
    let select = rules.and_then(|r| r.select_policy).unwrap_or(SelectPolicy::Max);
    let mut limits = vec![];
    for (percent, value, period) in policies(rules, up) {
        let sum = |log: &[(Time, i32)]| log.iter().filter(|(t, _)| secs(*t) > now - period).map(|e| e.1).sum::<i32>();
        let both = minor(w.settings.compat) >= 25;
        let added = if up || both { sum(ups) } else { 0 };
        let removed = if !up || both { sum(downs) } else { 0 };
        let base = f64::from(current - added + removed);
        limits.push(match (percent, up) {
            (false, true) => base + f64::from(value),
            (false, false) => base - f64::from(value),
            (true, true) => (base * (1.0 + f64::from(value) / 100.0)).ceil(),
            (true, false) => (base * (1.0 - f64::from(value) / 100.0)).trunc(),
        } as i32);
    }
    let limit = match (select, up) {
        (SelectPolicy::Disabled, _) => Some(current),
        (SelectPolicy::Max, true) | (SelectPolicy::Min, false) => limits.into_iter().max(),
        (SelectPolicy::Min, true) | (SelectPolicy::Max, false) => limits.into_iter().min(),
    };
    let limit = limit.unwrap_or(current);
    if up { size.min(max.min(limit.max(current))) } else { size.max(min.max(limit.min(current))) }
}
