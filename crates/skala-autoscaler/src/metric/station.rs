//! Requests per second and concurrency: totals at the station, shared by the replicas.
//!
//! Decides: the size that a total load asks for.
//! Inputs: the station's fast (1 s) and slow (10 s) windows; the current size, replicas that are starting included.
//! Method: `autoscaling/v2` External AverageValue: ratio = total / (target x current); within tolerance the size stays, else
//!   ceil(total / target). Growing needs an excess that chance does not explain, over one of three windows: the slow one, the
//!   fast one when it stands out (a jump needs less of an excess), or the average of the last minutes when the load is too small for ten seconds.
//! Invariants: proposals rise with the load; at size 0 the noise is judged against one replica.
//! Tested: `tests/decisions` rows `station`, seeded loads `steady`.

use std::time::Duration;

use skala_types::StationSample;

use super::noise::{self, AFTER_JUMP_DEVIATIONS, GAUGE_EXCESS, GROWTH_DEVIATIONS, JUMP_DEVIATIONS, WINDOW_DEVIATIONS};
use super::{Failure, MetricReport, Notes, Reading, Scene, Why, Window, failed, proposes, read, takeover};
use crate::math::{ceil_replicas, sane, within};
use crate::report::{Input, InputName, Unit};
use crate::state::Average;
use crate::{Direction, MetricName, StationWindows};

/// A slow window shorter than this says nothing yet.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// A value over a window, with its variance per mean.
#[derive(Clone, Copy)]
struct Load {
    value: f64,
    spread: f64,
    length: Duration,
}

/// One metric's view of the station.
struct View {
    name: MetricName,
    unit: Unit,
    target: f64,
    slow: Load,
    fast: Option<Load>,
    /// The highest fast value that the slow one explains.
    explained: f64,
    /// Spread of the average over a given time.
    spread_over: fn(f64, Duration) -> f64,
    /// Seconds that a request stays.
    sojourn: f64,
    age: Duration,
}

pub(super) fn requests_per_second(scene: &Scene<'_>, target: f64, notes: &mut Notes) -> MetricReport {
    let (name, unit) = (MetricName::RequestsPerSecond, Unit::PerSecond);
    let windows = match usable(scene) {
        Ok(windows) => windows,
        Err(failure) => return failed(name, unit, target, failure),
    };
    let load = |s: &StationSample| Load { value: s.arrival_rate(), spread: noise::spread_of_rate(s.window), length: s.window };
    let slow = load(&windows.slow);
    let fast = fresh_fast(scene, windows).map(load);
    // Chance around the slow window's rate, as seen through the fast window.
    let chance = fast.map_or(0.0, |f| WINDOW_DEVIATIONS * (slow.value * f.spread).sqrt());
    let view = View {
        name,
        unit,
        target,
        slow,
        fast,
        explained: slow.value + chance,
        spread_over: |_, length| noise::spread_of_rate(length),
        sojourn: 0.0,
        age: scene.now.since(windows.slow.at),
    };
    view.evaluate(scene, InputName::ArrivalRate, notes)
}

pub(super) fn concurrency(scene: &Scene<'_>, target: f64, notes: &mut Notes) -> MetricReport {
    let (name, unit) = (MetricName::Concurrency, Unit::Requests);
    let windows = match usable(scene) {
        Ok(windows) => windows,
        Err(failure) => return failed(name, unit, target, failure),
    };
    if !demand_is_sane(&windows.slow) {
        return failed(name, unit, target, Failure::NotANumber);
    }
    // Little's law: how long a request stays. Without arrivals the demand stands still: all of it is one snapshot.
    let rate = windows.slow.arrival_rate();
    let sojourn = if rate > 0.0 { windows.slow.demand() / rate } else { f64::MAX };
    let view = |taken: f64| {
        let load = |s: &StationSample| {
            let spread = noise::spread_of_concurrency(sojourn, s.window);
            Load { value: demand_without(s, taken), spread, length: s.window }
        };
        let slow = load(&windows.slow);
        View {
            name: name.clone(),
            unit,
            target,
            slow,
            fast: fresh_fast(scene, windows).filter(|s| demand_is_sane(s)).map(load),
            explained: slow.value * GAUGE_EXCESS,
            spread_over: noise::spread_of_concurrency,
            sojourn,
            age: scene.now.since(windows.slow.at),
        }
    };
    let report = view(0.0).evaluate(scene, InputName::Demand, notes);
    if report.proposal().is_none_or(|n| n.0 <= scene.current()) {
        return report;
    }
    let taken = taken_over(scene, &windows.slow);
    if taken <= 0.0 {
        return report;
    }
    takeover::note(taken.min(windows.slow.waiting_mean), unit, notes);
    // What is taken over buys nothing, and it gives nothing away either.
    let less = view(taken).evaluate(scene, InputName::Demand, &mut Notes::default());
    takeover::at_least(less, scene.current())
}

/// Waiting requests that young replicas will work off.
fn taken_over(scene: &Scene<'_>, slow: &StationSample) -> f64 {
    if slow.waiting_mean <= 0.0 {
        return 0.0;
    }
    let measured = Some(slow.service.mean).filter(|_| slow.service.count > 0);
    match measured.or(scene.state.service_seconds).filter(|s| sane(*s) && *s > 0.0) {
        Some(seconds) => takeover::work_off(scene, seconds),
        // Nobody has worked on a request yet: while the first replicas start, what waits says nothing about how many are needed.
        None if takeover::work_off(scene, 1.0) > 0.0 => f64::MAX,
        None => 0.0,
    }
}

/// Requests in service and waiting, without what is taken over, but never less than the arrivals keep busy (Little's law).
fn demand_without(s: &StationSample, taken: f64) -> f64 {
    if taken <= 0.0 {
        return s.demand();
    }
    let busy = s.arrival_rate() * if sane(s.service.mean) { s.service.mean } else { 0.0 };
    s.demand().min(s.in_flight_mean.max(busy) + (s.waiting_mean - taken).max(0.0))
}

impl View {
    fn evaluate(self, scene: &Scene<'_>, input: InputName, notes: &mut Notes) -> MetricReport {
        self.note_inputs(input, notes);
        let average = self.average(scene);

        let current = scene.current();
        let limit = self.target * f64::from(current.max(1));
        let (value, window, result) = match self.growth(scene, limit, &average) {
            Some((load, window)) => {
                let why = if current == 0 { Why::FromZero } else { Why::AboveTarget };
                (load.value, window, proposes(ceil_replicas(load.value / self.target).max(current), why))
            }
            None => {
                let (load, window) = self.standing_out().unwrap_or((self.slow, Window::Slow { length: self.slow.length }));
                let (replicas, why) = self.without_growth(scene, limit, load.value);
                (load.value, window, proposes(replicas, why))
            }
        };
        notes.averages.push(average);
        let ratio = (current > 0).then_some(value / limit).filter(|r| r.is_finite());
        let reading = Reading { value, ratio, window, age: self.age };
        read(self.name, self.unit, self.target, reading, result)
    }

    /// The load to grow for, when one of the windows shows an excess that chance does not explain.
    fn growth(&self, scene: &Scene<'_>, limit: f64, average: &Average) -> Option<(Load, Window)> {
        let enough = limit * (1.0 + scene.tolerance(Direction::Up));
        if !scene.repairs().noise {
            let slow = (self.slow, Window::Slow { length: self.slow.length });
            return (self.slow.value > enough).then_some(slow);
        }
        let above = |load: &Load, mark: f64, deviations| load.value > mark + noise::allowance(mark, load.spread, deviations);
        let exceeds = |load: &Load| load.value > enough && above(load, limit, GROWTH_DEVIATIONS);
        let jumps = |fast: &Load| {
            let changed = above(fast, self.slow.value, JUMP_DEVIATIONS);
            changed && fast.value > enough && above(fast, limit, AFTER_JUMP_DEVIATIONS)
        };
        let fast = self.standing_out().filter(|(fast, _)| exceeds(fast) || jumps(fast));
        let slow = exceeds(&self.slow).then_some((self.slow, Window::Slow { length: self.slow.length }));
        let length = average.filled;
        let sustained = Load { value: average.value, spread: (self.spread_over)(self.sojourn, length), length };
        // The slow window must agree, or the average would grow for a load that has already gone; the smaller of both counts.
        let agreed = Load { value: average.value.min(self.slow.value), ..sustained };
        let sustained = (self.slow.value > enough && exceeds(&sustained)).then_some((agreed, Window::Sustained { length }));
        // The largest, not the first: a load that lets one more window speak must not ask for less.
        [slow, fast, sustained].into_iter().flatten().reduce(|a, b| if b.0.value > a.0.value { b } else { a })
    }

    /// The fast window, when it shows more than the slow one explains. It never speaks for less.
    fn standing_out(&self) -> Option<(Load, Window)> {
        let fast = self.fast.filter(|f| f.value > self.explained)?;
        Some((fast, Window::Fast { length: fast.length, slow: self.slow.value, explained: self.explained }))
    }

    /// The proposal when nothing grows: the same size, or fewer.
    fn without_growth(&self, scene: &Scene<'_>, limit: f64, value: f64) -> (u32, Why) {
        let current = scene.current();
        if current == 0 {
            return (ceil_replicas(value / self.target).min(1), Why::FromZero);
        }
        let ratio = value / limit;
        if ratio <= 1.0 {
            return scene.shrink(value / self.target, ratio, self.target);
        }
        let inside = within(ratio, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up));
        (current, if inside { Why::WithinTolerance } else { Why::WithinNoise })
    }

    fn average(&self, scene: &Scene<'_>) -> Average {
        let (now, value, window) = (scene.now, self.slow.value, self.slow.length);
        let known = scene.state.averages.iter().find(|a| a.metric == self.name && sane(a.value));
        known.map_or_else(|| Average::starting(self.name.clone(), now, value, window), |a| a.fed(now, value, window))
    }

    fn note_inputs(&self, name: InputName, notes: &mut Notes) {
        let both = [Some(self.slow), self.fast];
        notes.inputs.extend(both.into_iter().flatten().map(|load| Input {
            age: Some(self.age),
            window: Some(load.length),
            ..super::input(name.clone(), load.value, self.unit)
        }));
    }
}

/// The windows, if they are young enough and long enough to say something.
pub(super) fn usable<'a>(scene: &Scene<'a>) -> Result<&'a StationWindows, Failure> {
    let windows = scene.observation.station.as_ref().ok_or(Failure::NoStation)?;
    let age = scene.now.since(windows.slow.at);
    if scene.is_stale(age) {
        return Err(Failure::Stale { age });
    }
    if windows.slow.window < SHORTEST_WINDOW {
        return Err(Failure::JustStarted { window: windows.slow.window });
    }
    Ok(windows)
}

fn fresh_fast<'a>(scene: &Scene<'_>, windows: &'a StationWindows) -> Option<&'a StationSample> {
    let fast = &windows.fast;
    (!fast.window.is_zero() && !scene.is_stale(scene.now.since(fast.at))).then_some(fast)
}

pub(super) fn demand_is_sane(s: &StationSample) -> bool {
    sane(s.in_flight_mean) && sane(s.waiting_mean) && sane(s.demand())
}
