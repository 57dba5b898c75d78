//! The optimum for load by steps, with the station of fluid mode.

use std::sync::Arc;
use std::time::Duration;

use super::grid::Grid;
use super::{Hole, Optimum, ReopenSteps, Schedule, Terms};
use crate::fluid::law::Law;
use crate::fluid::load::Cutter;
use crate::fluid::points::Points;
use crate::fluid::station::{Served, Span, Station, Turn, peakedness, thinned};
use crate::fluid::waiting::Waiting;
use crate::measure::{Flow, Recorder, Sizes};
use crate::quantile::share;
use crate::{Mode, Need, Scenario, Service, SimError};

/// Most trials: a fortnight takes a second or two each.
const PASSES: usize = 6;

pub(super) fn optimum(scenario: &Scenario, index: usize, open: ReopenSteps<'_>) -> Result<Optimum, SimError> {
    let (service, terms) = Terms::of(scenario, index)?;
    let law = Law::try_new(&service.service_time, &format!("services.{}.serviceTime", service.name))?;
    let (mut need, end, holes) = begin(scenario, service, &terms, &law, &mut *open()?)?;
    need.bridge(&holes);
    let mut schedule = Schedule::cheapest(&need, terms.start_up, terms.bounds, end);
    for _ in 0..PASSES {
        let grid = run(scenario, service, &terms, &schedule, None, &mut *open()?)?;
        if terms.concurrency.is_none() || !grid.raise(&terms, &schedule, &mut need) {
            break;
        }
        need.bridge(&holes);
        schedule = Schedule::cheapest(&need, terms.start_up, terms.bounds, end);
    }
    let need = Arc::new(need);
    let mut recorder = Recorder::new(&Service { need: Some(Arc::clone(&need)), ..service.clone() });
    let grid = run(scenario, service, &terms, &schedule, Some(&mut recorder), &mut *open()?)?;
    let mut outcome = recorder.finish(end);
    // Who knows the arrivals beforehand does not miss a minute by chance.
    outcome.missed_minutes = service.objective.map(|_| grid.missed_minutes(&terms));
    Ok(Optimum { outcome, schedule, need })
}

fn grid_step(scenario: &Scenario) -> Duration {
    match scenario.mode {
        Mode::Fluid { step } => step,
        Mode::Exact => scenario.interval,
    }
}

/// What the formula asks for, by step of the need, the end of the trace, and its holes.
fn begin(
    scenario: &Scenario,
    service: &Service,
    terms: &Terms,
    law: &Law,
    steps: &mut dyn skala_trace::Steps,
) -> Result<(Need, Duration, Vec<Hole>), SimError> {
    let mut load = Cutter::new(steps, grid_step(scenario), scenario.horizon);
    let mut need = Need::new(Duration::from_secs(terms.step));
    let mut staffing = Staffing { terms, law, chances: Waiting::default(), points: Points::new() };
    let (mut index, mut sum, mut end) = (0, Sum::default(), Duration::ZERO);
    let mut holes: Vec<Hole> = Vec::new();
    while let Some(slice) = load.next()? {
        let at = slice.from.as_secs() / terms.step;
        if at != index {
            need.raise(index, staffing.replicas(&sum));
            (index, sum) = (at, Sum::default());
        }
        let secs = (slice.to - slice.from).as_secs_f64();
        let requests = slice.rate.unwrap_or(0.0) * service.share * secs;
        sum.seconds += secs;
        sum.requests += requests;
        sum.work += requests * law.mean(slice.tokens);
        sum.gap_scv += thinned(slice.gap_scv, service.share) * secs;
        end = slice.to;
        match holes.last_mut().filter(|_| slice.rate.is_none()) {
            Some(hole) if hole.1 == slice.from => hole.1 = slice.to,
            _ if slice.rate.is_none() => holes.push((slice.from, slice.to)),
            _ => {}
        }
    }
    need.raise(index, staffing.replicas(&sum));
    Ok((need, end, holes))
}

/// Load of a step of the need.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    seconds: f64,
    requests: f64,
    work: f64,
    gap_scv: f64,
}

/// The fewest replicas by formula.
struct Staffing<'a> {
    terms: &'a Terms,
    law: &'a Law,
    chances: Waiting,
    points: Points,
}

impl Staffing<'_> {
    fn replicas(&mut self, sum: &Sum) -> u32 {
        if sum.requests <= 0.0 || sum.seconds <= 0.0 {
            return 0;
        }
        let Some(concurrency) = self.terms.concurrency else { return 1 };
        let (per_replica, service) = (f64::from(concurrency), sum.work / sum.requests);
        let offered = sum.work / sum.seconds;
        let bound = self.terms.objective.latency.as_secs_f64();
        let alone = self.law.survival(bound, service);
        // Where service times alone are too slow, waiting may add a tenth to the late ones.
        let allowed = (1.0 - share(self.terms.objective.quantile)).max(1.1 * alone);
        let most = f64::from(self.terms.bounds.1);
        let mut replicas = (offered / per_replica).floor() + 1.0;
        while replicas < most && self.late(replicas * per_replica, offered, service, sum, bound) > allowed {
            replicas += (replicas / 64.0).floor().max(1.0);
        }
        replicas.min(most) as u32
    }

    fn late(&mut self, servers: f64, offered: f64, service: f64, sum: &Sum, bound: f64) -> f64 {
        let rho = offered / servers;
        let gap_scv = sum.gap_scv / sum.seconds;
        let variability = f64::midpoint(gap_scv, self.law.scv());
        let alike = (servers / peakedness(gap_scv, offered)).max(1.0);
        let turn = Turn {
            chance: self.chances.chance(alike as u64, rho),
            tail: variability * service / (servers * (1.0 - rho)).max(1e-9),
            service,
            ..Turn::default()
        };
        let served = Served { arrived: 0.0, count: 1.0, waits: (0.0, 0.0) };
        self.points.late(self.law, &turn, &served, bound)
    }
}

/// Runs a schedule, for the grid and for a recorder.
fn run(
    scenario: &Scenario,
    service: &Service,
    terms: &Terms,
    schedule: &Schedule,
    mut recorder: Option<&mut Recorder>,
    steps: &mut dyn skala_trace::Steps,
) -> Result<Grid, SimError> {
    let law = Law::try_new(&service.service_time, &format!("services.{}.serviceTime", service.name))?;
    let mut station = Station::new(law, service.station.max_wait.as_secs_f64());
    let (mut turn, mut points, mut grid) = (Turn::default(), Points::new(), Grid::new(terms.step));
    let mut load = Cutter::new(steps, grid_step(scenario), scenario.horizon);
    let bound = terms.objective.latency.as_secs_f64();
    if let Some(r) = recorder.as_deref_mut() {
        schedule.each_size(|at, ready, total| r.sizes(at, Sizes { ready, total, desired: total, waiting: 0.0 }));
        schedule.moves().for_each(|(from, to)| r.scaled(from, to));
    }
    let mut cursor = 0;
    while let Some(slice) = load.next()? {
        let servers = schedule.at_from(slice.from, &mut cursor);
        let servers = f64::from(servers) * terms.concurrency.map_or(f64::INFINITY, f64::from);
        let servers = if servers.is_nan() { 0.0 } else { servers };
        let capacity = servers / station.law().mean(slice.tokens) * service.station.max_wait.as_secs_f64();
        let span = Span {
            now: slice.from.as_secs_f64(),
            lasts: (slice.to - slice.from).as_secs_f64(),
            rate: slice.rate.unwrap_or(0.0) * service.share,
            gap_scv: thinned(slice.gap_scv, service.share),
            tokens: slice.tokens,
            servers,
            room: capacity.min(service.station.max_waiting as f64),
        };
        station.step(&span, &mut turn);
        if slice.rate.is_none() {
            grid.mask(slice.from, slice.to);
        }
        for served in &turn.served {
            let late = points.late(station.law(), &turn, served, bound) * served.count;
            let hopeless = (station.law().survival(bound, turn.service) * served.count).min(late);
            grid.ended(secs(served.arrived), served.count, late, 0.0, hopeless);
        }
        for (arrived, count, _) in &turn.refused {
            grid.ended(secs(*arrived), *count, *count, *count, 0.0);
        }
        if let Some(r) = recorder.as_deref_mut() {
            r.came(slice.from, turn.arrivals);
            r.busy(turn.busy);
            if slice.rate.is_none() {
                r.mask(slice.from, slice.to);
            }
            told(r, &station, &turn, &mut points, bound);
        }
    }
    Ok(grid)
}

fn told(recorder: &mut Recorder, station: &Station, turn: &Turn, points: &mut Points, bound: f64) {
    for served in &turn.served {
        points.fill(station.law(), turn, served);
        let late = points.late(station.law(), turn, served, bound);
        recorder.step(&Flow {
            arrived: secs(served.arrived),
            answered: served.count,
            late: late * served.count,
            latency: &points.latency,
            wait: &points.wait,
            worst_wait: served.waits.0.max(served.waits.1),
            ..Flow::default()
        });
    }
    for (arrived, count, wait) in &turn.refused {
        recorder.step(&Flow { arrived: secs(*arrived), refused: *count, worst_wait: *wait, ..Flow::default() });
    }
}

fn secs(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
