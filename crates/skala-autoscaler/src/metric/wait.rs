//! Predicted wait: the size with which requests will be answered in time when replicas that are ordered now are ready.
//!
//! Decides: a size from the objective alone; there is no target to tune.
//! Inputs: the station's windows, the replicas and when they are expected, a forecast, what was learned.
//! Method: rate at the horizon = (rate now + damped trend) x learned growth, and no less than the forecast; size = the larger of
//!   what keeps the objective at that rate (`wait::staffing`) and what works off the backlog in time (`wait::backlog`). A replica
//!   that is not needed is kept for about the time that starting it again would take (ski rental).
//! Invariants: planning twice changes nothing; more load never asks for fewer; stale or missing windows fail.
//! Tested: `tests/decisions` rows `wait`.

use std::time::Duration;

use skala_types::Replicas;

use super::station::{demand_is_sane, usable};
use super::{Failure, MetricReport, Notes, Reading, Scene, Why, Window, failed, proposes, read};
use crate::math::{ceil_replicas, sane};
use crate::report::{InputName, Unit};
use crate::wait::{BudgetUse, Demand, Goal, Prediction, Supply, WaitMemory, Work, backlog_after, replicas};
use crate::{MetricName, MetricSpec, Phase};

/// Time from a look to the decision that follows from it.
const LOOK: Duration = Duration::from_secs(2);
/// Longest start-up that is reckoned with.
const LONGEST_START: Duration = Duration::from_secs(600);
/// A replica is kept at least this long: looks differ by chance, and a start costs CPU too.
const SHORTEST_KEEP: Duration = Duration::from_secs(30);
/// And at most this long.
const LONGEST_KEEP: Duration = Duration::from_secs(300);
/// A backlog is worked off in one horizon, within these bounds, seconds: slower than 45 s it would spoil another minute, and the replicas
/// go again as soon as nothing waits.
const DRAIN: (f64, f64) = (10.0, 45.0);
/// Most head-room that is bought for what may come. Jumps are larger, but too rare to pay for at all times: they are answered.
const MOST_GROWTH: f64 = 1.2;

/// The metric's settings.
#[derive(Clone, Copy)]
struct Promise {
    share: f64,
    bound: f64,
    concurrency: u32,
    patience: f64,
    room: f64,
    window: Duration,
}

pub(super) fn predicted_wait(scene: &Scene<'_>, spec: &MetricSpec, notes: &mut Notes) -> MetricReport {
    let MetricSpec::PredictedWait { quantile, latency, concurrency, patience, room, window } = *spec else {
        return failed(MetricName::PredictedWait, Unit::Seconds, 0.0, Failure::NoStation);
    };
    let bound = latency.as_secs_f64();
    let promise =
        Promise { share: quantile.share(), bound, concurrency, patience: patience.as_secs_f64(), room: f64::from(room), window };
    // What was learned stays, whatever the sample says.
    notes.wait.clone_from(&scene.state.wait);
    let windows = match usable(scene) {
        Ok(windows) if demand_is_sane(&windows.slow) => windows,
        Ok(_) => return failed(MetricName::PredictedWait, Unit::Seconds, bound, Failure::NotANumber),
        Err(failure) => return failed(MetricName::PredictedWait, Unit::Seconds, bound, failure),
    };
    let horizon = scene.state.startup_estimate(scene.policy).min(LONGEST_START) + LOOK;
    let mut memory = notes.wait.take().unwrap_or_else(|| Box::new(WaitMemory::starting(scene.now, windows)));
    memory.feed(scene.now, windows, horizon, promise.window);
    let age = scene.now.since(windows.slow.at);
    let input = super::input(InputName::ArrivalRate, windows.slow.arrival_rate(), Unit::PerSecond);
    notes.inputs.push(crate::report::Input { age: Some(age), window: Some(windows.slow.window), ..input });
    let report = evaluate(scene, promise, horizon, &mut memory, windows.slow.window);
    notes.wait = Some(memory);
    report
}

fn evaluate(scene: &Scene<'_>, promise: Promise, horizon: Duration, memory: &mut WaitMemory, length: Duration) -> MetricReport {
    let windows = scene.observation.station.as_ref().expect("the caller has looked at it");
    let (name, unit) = (MetricName::PredictedWait, Unit::Seconds);
    let current = scene.current();
    let guessed = || scene.policy.spec().service_guess.map(|mean| Work::guessed(scene.now, mean));
    let known = memory.work.filter(|w| w.is_known(scene.now)).map(|w| w.unbiased(scene.now));
    let Some(work) = known.or_else(guessed) else {
        return before_the_first_answer(scene, promise, memory);
    };
    let goal = Goal { bound: promise.bound, allowed: 1.0 - promise.share, concurrency: promise.concurrency };
    let budget = memory.budget.judge(goal.allowed);
    let growth_quantile = head_room(budget);
    let growth = memory.growth.factor(growth_quantile).min(MOST_GROWTH);
    let mut predicted_rate = memory.rate.after(horizon) * growth;
    let forecast = scene.observation.forecast.as_ref();
    let forecast = forecast.filter(|f| scene.now.since(f.at) <= f.horizon && sane(f.rate) && f.rate > predicted_rate);
    if let Some(forecast) = forecast {
        predicted_rate = forecast.rate;
    }
    let demand = Demand { work: &work, dispersion: memory.rate.dispersion() };
    let (for_rate, feasible) = replicas(predicted_rate, demand, goal);

    let throughput = f64::from(promise.concurrency) / work.mean;
    let arriving = arriving(scene);
    let supply = Supply {
        ready: f64::from(scene.counts.ready),
        arriving: &arriving,
        throughput,
        patience: promise.patience,
        room: promise.room,
    };
    let rate = memory.rate.now();
    let backlog = backlog_after(horizon.as_secs_f64(), f64::from(windows.slow.waiting), rate, &supply);
    let replicas_then = f64::from(scene.counts.ready) + arriving.len() as f64;
    let wait = backlog / (replicas_then * throughput).max(throughput);
    // What waits no longer than the objective leaves room for is part of the stationary wait.
    let slack = (promise.bound - work.mean).max(0.0) * replicas_then * throughput;
    let excess = (backlog - slack).max(0.0);
    let for_backlog = if excess > 0.0 {
        ceil_replicas((rate + excess / horizon.as_secs_f64().clamp(DRAIN.0, DRAIN.1)) / throughput)
    } else {
        0
    };

    let needed = for_rate.max(for_backlog).min(crate::REPLICAS_CEILING.0);
    let keeps = horizon.clamp(SHORTEST_KEEP, LONGEST_KEEP);
    memory.needed.push(Replicas(for_rate), scene.now, keeps);
    let most = memory.needed.within(scene.now, keeps).map(|r| r.replicas.0).fold(needed, u32::max);
    // Replicas that were ordered for a backlog lower it at once on paper: nothing is taken back while it lasts.
    let settled = memory.knows(scene.now) && excess <= 0.0 && scene.counts.starting == 0;
    let kept = if settled { most } else { most.max(current) };
    let wanted = if needed >= current { needed } else { kept.min(current) };
    let why = match wanted {
        n if n > current => Why::AboveTarget,
        n if n < current => Why::BelowTarget,
        _ if scene.counts.starting > 0 => Why::StillStarting,
        _ if needed < current => Why::Kept,
        _ => Why::WithinTolerance,
    };
    let ratio = Some(f64::from(needed) / f64::from(current)).filter(|r| r.is_finite());
    let age = scene.now.since(windows.slow.at);
    let reading = Reading { value: wait, ratio, window: Window::Slow { length }, age };
    let prediction = Prediction {
        horizon,
        rate,
        predicted_rate,
        growth,
        growth_quantile,
        service: work.mean,
        dispersion: memory.rate.dispersion(),
        backlog,
        wait,
        for_rate: Replicas(for_rate),
        for_backlog: Replicas(for_backlog),
        kept: Replicas(most),
        keeps,
        budget,
        burn: memory.budget.burn(goal.allowed).0,
        forecast: forecast.map(|f| f.model.clone()),
        service_too_slow: !feasible,
    };
    let report = read(name, unit, promise.bound, reading, proposes(wanted, why));
    MetricReport { prediction: Some(Box::new(prediction)), ..report }
}

/// The share of past growth that the head-room covers: nine in ten, and less while the error budget has plenty to spare. More when
/// it burns, up to what [`MOST_GROWTH`] caps.
fn head_room(budget: BudgetUse) -> f64 {
    match budget {
        BudgetUse::Burning => 0.95,
        BudgetUse::Even | BudgetUse::Unknown => 0.9,
        BudgetUse::Spare => 0.8,
    }
}

/// Nobody has been answered yet, so that nobody knows how long it takes: one server per request that is here, but at most
/// twice the size at a time, and no more while replicas are starting.
fn before_the_first_answer(scene: &Scene<'_>, promise: Promise, memory: &WaitMemory) -> MetricReport {
    let current = scene.current();
    let slow = scene.observation.station.as_ref().map(|s| s.slow).unwrap_or_default();
    let here = f64::from(slow.waiting) + f64::from(slow.in_flight);
    let wanted = ceil_replicas(here / f64::from(promise.concurrency)).min((2 * current).max(1));
    let wanted = if scene.counts.starting > 0 { wanted.min(current) } else { wanted };
    let why = if current == 0 { Why::FromZero } else { Why::FewRequests { seen: 0 } };
    let reading =
        Reading { value: 0.0, ratio: None, window: Window::Slow { length: slow.window }, age: scene.now.since(slow.at) };
    let wanted = if here > 0.0 || !memory.knows(scene.now) { wanted.max(current) } else { wanted };
    read(MetricName::PredictedWait, Unit::Seconds, promise.bound, reading, proposes(wanted, why))
}

/// When the replicas that are starting are expected, seconds from now, rising. One that is late is expected a little later still.
fn arriving(scene: &Scene<'_>) -> Vec<f64> {
    let expected = scene.state.startup_estimate(scene.policy).min(LONGEST_START);
    let starting = scene.observation.replicas.iter().filter(|r| r.phase == Phase::Starting);
    let left = |r: &crate::ReplicaObservation| expected.saturating_sub(scene.now.since(r.started_at)).max(expected / 8);
    let mut times: Vec<f64> = starting.map(|r| left(r).as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    times
}
