//! The optimum for single arrivals.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use skala_trace::{Item, TraceError};
use skala_types::Streams;

use super::grid::Grid;
use super::replay::{Fate, Replay};
use super::{Optimum, PASSES, Reopen, Schedule, Terms};
use crate::draw::Draw;
use crate::measure::{Ended, Recorder, Sizes};
use crate::{Need, Scenario, Service, SimError};

/// Arrivals that are kept in memory: 64 MiB.
const KEPT: usize = 1 << 22;

/// What happens to the service: a request with its service time, or a hole.
#[derive(Clone, Copy, Debug)]
enum Event {
    Request(u64, u64),
    Hole(Duration, Duration),
}

/// The arrivals of one service, as often as they are wanted.
struct Source<'a> {
    scenario: &'a Scenario,
    index: usize,
    open: Reopen<'a>,
    kept: Option<(Vec<Event>, Duration)>,
}

impl Source<'_> {
    /// Tells all events, and where the trace ends.
    fn each(&mut self, told: &mut dyn FnMut(Event)) -> Result<Duration, SimError> {
        if let Some((events, end)) = &self.kept {
            events.iter().for_each(|event| told(*event));
            return Ok(*end);
        }
        let mut seen = Some(Vec::new());
        let end = self.read(&mut |event| {
            told(event);
            if let Some(events) = seen.as_mut().filter(|s| s.len() < KEPT) {
                events.push(event);
            } else {
                seen = None;
            }
        })?;
        self.kept = seen.map(|events| (events, end));
        Ok(end)
    }

    /// Reads the trace as exact mode does, with the same draws.
    fn read(&mut self, told: &mut dyn FnMut(Event)) -> Result<Duration, SimError> {
        let service = &self.scenario.services[self.index];
        let streams = Streams::new(self.scenario.seed);
        let draw = Draw::try_new(&service.service_time, &format!("services.{}.serviceTime", service.name))?;
        let (mut rng, mut shares) = (streams.stream(&format!("service {}", service.name)), streams.stream("arrivals"));
        let before: f64 = self.scenario.services[..self.index].iter().map(|s| s.share).sum();
        let all_first = self.scenario.services.first().is_some_and(|s| s.share >= 1.0);
        let horizon = self.scenario.horizon.unwrap_or(Duration::MAX);
        let mut arrivals = (self.open)()?;
        let known = arrivals.end().unwrap_or(Duration::MAX);
        let (mut last, mut any) = (Duration::ZERO, false);
        while let Some(item) = arrivals.next()? {
            any = true;
            let (from, to) = match item {
                Item::Arrival(a) => (a.at, a.at),
                Item::Hole { from, to } => (from, to),
            };
            if from >= known.min(horizon) {
                break;
            }
            last = last.max(to + Duration::from_nanos(1));
            match item {
                Item::Hole { from, to } => told(Event::Hole(from, to)),
                Item::Arrival(a) => {
                    let mine = if all_first {
                        self.index == 0
                    } else {
                        let drawn: f64 = shares.random();
                        drawn >= before && drawn < before + service.share
                    };
                    if mine {
                        let nanos = u64::try_from(a.at.as_nanos()).unwrap_or(u64::MAX);
                        told(Event::Request(nanos, draw.nanos(&mut rng, a.input_tokens, a.output_tokens)));
                    }
                }
            }
        }
        if !any {
            return Err(TraceError::Empty.into());
        }
        Ok(if known == Duration::MAX { last } else { known }.min(horizon))
    }
}

pub(super) fn optimum(scenario: &Scenario, index: usize, open: Reopen<'_>) -> Result<Optimum, SimError> {
    let (service, terms) = Terms::of(scenario, index)?;
    let mut source = Source { scenario, index, open, kept: None };
    let (mut need, end, holes) = begin(&mut source, &terms)?;
    need.bridge(&holes);
    let mut schedule = Schedule::cheapest(&need, terms.start_up, terms.bounds, end);
    if terms.concurrency.is_some() {
        let mut missed = u64::MAX;
        for _ in 0..PASSES {
            let grid = trial(&mut source, service, &terms, &schedule)?;
            missed = grid.missed_minutes(&terms);
            if !grid.raise(&terms, &schedule, &mut need) {
                break;
            }
            need.bridge(&holes);
            schedule = Schedule::cheapest(&need, terms.start_up, terms.bounds, end);
        }
        // Where load hardly changes, growth in steps may come to more than a fixed size costs.
        let (least, fixed) = (terms.bounds.0.max(1), schedule.cheaper_fixed().min(terms.bounds.1));
        for size in (least..=fixed).rev().take(if missed == 0 { PASSES } else { 0 }) {
            let flat = Schedule::fixed(size, terms.start_up, end);
            if trial(&mut source, service, &terms, &flat)?.missed_minutes(&terms) > 0 {
                break;
            }
            schedule = flat;
            need.cap(size);
        }
    }
    let need = Arc::new(need);
    let mut recorder = Recorder::new(&Service { need: Some(Arc::clone(&need)), ..service.clone() });
    record(&mut source, service, &terms, &schedule, &mut recorder)?;
    Ok(Optimum { outcome: recorder.finish(end), schedule, need })
}

/// The need that the busy work of each minute asks for, the end of the trace, and its holes.
fn begin(source: &mut Source<'_>, terms: &Terms) -> Result<(Need, Duration, Vec<(Duration, Duration)>), SimError> {
    const MINUTE: u64 = 60_000_000_000;
    let (mut work, mut holes): (Vec<f64>, Vec<(Duration, Duration)>) = (Vec::new(), Vec::new());
    let end = source.each(&mut |event| {
        let (at, service) = match event {
            Event::Request(at, service) => (at, service),
            Event::Hole(from, to) => return holes.push((from, to)),
        };
        let mut from = at;
        let until = at.saturating_add(service);
        loop {
            let minute = from / MINUTE;
            let to = until.min((minute + 1) * MINUTE);
            // Work beyond a day after its arrival belongs to no minute that anybody will look at.
            if minute > at / MINUTE + 1440 {
                return;
            }
            if work.len() <= minute as usize {
                work.resize(minute as usize + 1, 0.0);
            }
            work[minute as usize] += (to - from) as f64;
            if to >= until {
                return;
            }
            from = to;
        }
    })?;
    let mut need = Need::new(Duration::from_secs(terms.step));
    let per_minute = 60 / terms.step;
    for (minute, busy) in work.iter().enumerate().filter(|(m, busy)| **busy > 0.0 && Duration::from_secs(*m as u64 * 60) < end) {
        let replicas = terms.concurrency.map_or(1.0, |c| (busy / MINUTE as f64 / f64::from(c)).ceil().max(1.0));
        let first = minute as u64 * per_minute;
        (first..first + per_minute).for_each(|step| need.raise(step, replicas as u32));
    }
    holes.iter_mut().for_each(|hole| hole.1 = hole.1.min(end));
    Ok((need, end, holes))
}

/// Sizes in servers by nanoseconds.
fn servers(schedule: &Schedule, terms: &Terms) -> Vec<(u64, u64)> {
    let each = u64::from(terms.concurrency.unwrap_or(u32::MAX));
    let nanos = |at: Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    schedule.ready().iter().map(|(at, replicas)| (nanos(*at), u64::from(*replicas) * each)).collect()
}

/// Runs a schedule and keeps what is needed to improve it.
fn trial(source: &mut Source<'_>, service: &Service, terms: &Terms, schedule: &Schedule) -> Result<Grid, SimError> {
    let changes = servers(schedule, terms);
    let mut replay = Replay::new(&changes, &service.station);
    let mut grid = Grid::new(terms.step);
    let bound = u64::try_from(terms.objective.latency.as_nanos()).unwrap_or(u64::MAX);
    let told = |grid: &mut Grid, fate: Fate| {
        let (late, lost, hopeless) = match fate.service {
            None => (true, true, false),
            Some(service) => (fate.wait.saturating_add(service) > bound, false, service > bound),
        };
        let one = |b: bool| f64::from(u8::from(b));
        grid.ended(Duration::from_nanos(fate.arrived), 1.0, one(late), one(lost), one(hopeless));
    };
    source.each(&mut |event| match event {
        Event::Request(at, service) => replay.arrive(at, service, &mut |fate| told(&mut grid, fate)),
        Event::Hole(from, to) => grid.mask(from, to),
    })?;
    replay.until(u64::MAX - 1, &mut |fate| told(&mut grid, fate));
    Ok(grid)
}

/// Runs a schedule and measures it as any other run.
fn record(
    source: &mut Source<'_>,
    service: &Service,
    terms: &Terms,
    schedule: &Schedule,
    recorder: &mut Recorder,
) -> Result<(), SimError> {
    let changes = servers(schedule, terms);
    let mut replay = terms.concurrency.map(|_| Replay::new(&changes, &service.station));
    let told = |recorder: &mut Recorder, fate: Fate| {
        let (arrived, wait) = (Duration::from_nanos(fate.arrived), Duration::from_nanos(fate.wait));
        match fate.service {
            Some(service) => recorder.ended(arrived, wait, wait + Duration::from_nanos(service), Ended::Answered),
            None => recorder.ended(arrived, wait, wait, Ended::Refused),
        }
    };
    schedule.each_size(|at, ready, total| {
        recorder.sizes(at, Sizes { ready, total, desired: total, waiting: 0.0 });
    });
    schedule.moves().for_each(|(from, to)| recorder.scaled(from, to));
    source.each(&mut |event| match event {
        Event::Request(at, service) => {
            recorder.arrived(Duration::from_nanos(at));
            match &mut replay {
                Some(replay) => replay.arrive(at, service, &mut |fate| told(recorder, fate)),
                None => told(recorder, Fate { arrived: at, wait: 0, service: Some(service) }),
            }
        }
        Event::Hole(from, to) => recorder.mask(from, to),
    })?;
    if let Some(replay) = &mut replay {
        replay.until(u64::MAX - 1, &mut |fate| told(recorder, fate));
    }
    Ok(())
}
