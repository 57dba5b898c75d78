//! What a trial left behind: per minute who was late, per step where they stood, and which needs grow because of it.

use std::time::Duration;

use super::{Schedule, Terms};
use crate::Need;
use crate::quantile::share;

/// Requests of a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    arrivals: f64,
    late: f64,
    lost: f64,
    /// Late whatever the wait: by the service time alone.
    hopeless: f64,
    masked: bool,
}

/// Results of a trial by minute and by step.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    step: u64,
    minutes: Vec<Minute>,
    /// Late requests that waited, by the step in which they arrived.
    waited: Vec<f32>,
}

impl Grid {
    pub(super) fn new(step: u64) -> Grid {
        Grid { step: step.max(1), ..Grid::default() }
    }

    fn minute(&mut self, at: Duration) -> &mut Minute {
        let index = (at.as_secs() / 60) as usize;
        if index >= self.minutes.len() {
            self.minutes.resize(index + 1, Minute::default());
        }
        &mut self.minutes[index]
    }

    /// Requests that ended: how many of them late, refused, and late by their service time alone.
    pub(super) fn ended(&mut self, arrived: Duration, requests: f64, late: f64, lost: f64, hopeless: f64) {
        let minute = self.minute(arrived);
        minute.arrivals += requests;
        minute.late += late;
        minute.lost += lost;
        minute.hopeless += hopeless;
        if late > hopeless {
            let index = (arrived.as_secs() / self.step) as usize;
            if index >= self.waited.len() {
                self.waited.resize(index + 1, 0.0);
            }
            self.waited[index] += (late - hopeless) as f32;
        }
    }

    pub(super) fn mask(&mut self, from: Duration, to: Duration) {
        if to > from {
            self.minute(from).masked = true;
            self.minute(to - Duration::from_nanos(1)).masked = true;
        }
    }

    /// The missed minutes.
    fn missed(&self, terms: &Terms) -> impl Iterator<Item = (usize, &Minute)> {
        let (slow, lost) = allowed(terms);
        let missed =
            move |m: &Minute| m.late > m.arrivals * slow + 1e-9 || lost.is_some_and(|l| m.lost > (m.arrivals * l).max(1.0));
        self.minutes.iter().enumerate().filter(move |(_, m)| m.arrivals > 0.0 && !m.masked && missed(m))
    }

    /// How many minutes are missed.
    pub(super) fn missed_minutes(&self, terms: &Terms) -> u64 {
        self.missed(terms).count() as u64
    }

    /// Raises the need where more replicas would have saved a missed minute. Whether there was such a place.
    pub(super) fn raise(&self, terms: &Terms, schedule: &Schedule, need: &mut Need) -> bool {
        let (slow, _) = allowed(terms);
        let per_minute = (60 / self.step).max(1) as usize;
        let mut raised = false;
        for (at, minute) in self.missed(terms) {
            if minute.hopeless > minute.arrivals * slow && minute.lost <= 1.0 {
                continue;
            }
            let steps = at * per_minute..((at + 1) * per_minute).min(self.waited.len());
            let worst = self.waited.get(steps.clone()).unwrap_or_default().iter().copied().fold(0.0, f32::max);
            for step in steps.filter(|s| worst > 0.0 && self.waited[*s] >= worst / 2.0) {
                for index in [step.saturating_sub(1), step] {
                    raised |= self.grow(terms, schedule, need, index as u64);
                }
            }
        }
        raised
    }

    fn grow(&self, terms: &Terms, schedule: &Schedule, need: &mut Need, index: u64) -> bool {
        let now = schedule.at(Duration::from_secs(index * self.step));
        if now >= terms.bounds.1 {
            return false;
        }
        need.raise(index, (now + 1 + now / 32).min(terms.bounds.1));
        true
    }
}

/// Shares of a minute's requests that may be late, and that may be lost.
fn allowed(terms: &Terms) -> (f64, Option<f64>) {
    (1.0 - share(terms.objective.quantile), terms.objective.availability.map(|a| 1.0 - a))
}
