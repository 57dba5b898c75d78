//! A queue: how long it is, how old its oldest task is, how long a task will wait.
//!
//! Decides: the size that the queue asks for.
//! Inputs: tasks that are ready, leased and soon due; the oldest one's age; arrivals and completions per second.
//! Method: length is a total, as a signal's `AverageValue`. Age is no total, so that it multiplies the ready replicas as
//!   latency does. Wait = backlog / (replicas x drain rate of one), turned round; and at least what the arrivals need. The
//!   last two shrink by half at most, because an empty queue does not say how few replicas would keep it empty.
//! Invariants: a queue with leased tasks does not ask for zero; what replicas that are starting will work off is no demand.
//! Tested: `tests/decisions` rows `queues`.

use std::time::Duration;

use skala_types::Time;

use super::latency::a_step_down;
use super::signal::{by_average, value};
use super::{Failure, MetricReport, Notes, Reading, Scene, Why, Window, failed, proposes, read, takeover};
use crate::math::{ceil_replicas, sane, within};
use crate::report::{Input, InputName, Unit};
use crate::{Direction, MetricName, QueueObservation, QueueTarget, Text};

/// A queue at a moment, all numbers usable.
struct Queue {
    tasks: QueueObservation,
    at: Time,
}

pub(super) fn queue(scene: &Scene<'_>, name: &Text, target: QueueTarget, notes: &mut Notes) -> MetricReport {
    let (metric, unit, goal) = match target {
        QueueTarget::Length(n) => (MetricName::QueueLength(name.clone()), Unit::Tasks, n),
        QueueTarget::Age(d) => (MetricName::QueueAge(name.clone()), Unit::Seconds, d.as_secs_f64()),
        QueueTarget::Wait(d) => (MetricName::QueueWait(name.clone()), Unit::Seconds, d.as_secs_f64()),
    };
    let queue = match Queue::of(scene, name) {
        Ok(queue) => queue,
        Err(failure) => return failed(metric, unit, goal, failure),
    };
    let answer = match target {
        QueueTarget::Length(_) => Ok(queue.length(scene, goal, notes)),
        QueueTarget::Age(_) => queue.age(scene, goal),
        QueueTarget::Wait(_) => queue.wait(scene, goal),
    };
    let (value, ratio, replicas, why) = match answer {
        Ok(answer) => answer,
        Err(failure) => return failed(metric, unit, goal, failure),
    };
    if !sane(value) || !sane(ratio) {
        return failed(metric, unit, goal, Failure::NotANumber);
    }
    let age = scene.now.since(queue.at);
    notes.inputs.push(Input { age: Some(age), ..super::input(InputName::Signal(name.clone()), queue.tasks.ready, Unit::Tasks) });
    let window = Window::Slow { length: Duration::ZERO };
    let reading = Reading { value, ratio: (scene.current() > 0).then_some(ratio), window, age };
    let active = Some(queue.all() > scene.options.activation.unwrap_or(0.0));
    MetricReport { active, ..read(metric, unit, goal, reading, proposes(replicas, why)) }
}

/// Value, ratio, size and reason.
type Answer = (f64, f64, u32, Why);

impl Queue {
    fn of(scene: &Scene<'_>, name: &Text) -> Result<Queue, Failure> {
        let (seen, sample) = value(scene, name)?;
        let bare = QueueObservation { ready: sample.value, ..QueueObservation::default() };
        let tasks = seen.queue.unwrap_or(bare);
        let rates = [tasks.arrival_rate, tasks.completion_rate].into_iter().flatten();
        let good = [tasks.ready, tasks.leased, tasks.due_soon].into_iter().chain(rates).all(sane);
        if good { Ok(Queue { tasks, at: sample.at }) } else { Err(Failure::NotANumber) }
    }

    fn all(&self) -> f64 {
        self.tasks.ready + self.tasks.leased + self.tasks.due_soon
    }

    /// Tasks that one replica finishes per second, as far as can be told from the ready ones.
    fn drain_of_one(&self, scene: &Scene<'_>) -> Option<f64> {
        let rate = self.tasks.completion_rate.filter(|r| *r > 0.0)?;
        (scene.counts.ready > 0).then(|| rate / f64::from(scene.counts.ready))
    }

    fn length(&self, scene: &Scene<'_>, target: f64, notes: &mut Notes) -> Answer {
        let current = scene.current();
        let ask = |tasks: f64| {
            let ratio = tasks / target / f64::from(current.max(1));
            let (replicas, why) = by_average(scene, tasks / target, ratio, target);
            (tasks, ratio, if self.all() > 0.0 { replicas.max(1) } else { replicas }, why)
        };
        let full = ask(self.all());
        if full.2 <= current {
            return full;
        }
        let taken = self.drain_of_one(scene).map_or(0.0, |drain| takeover::work_off(scene, 1.0 / drain)).min(self.tasks.ready);
        if taken <= 0.0 {
            return full;
        }
        takeover::note(taken, Unit::Tasks, notes);
        let (_, ratio, replicas, why) = ask(self.all() - taken);
        if replicas > current { (self.all(), ratio, replicas, why) } else { (self.all(), ratio, current, Why::StillStarting) }
    }

    fn age(&self, scene: &Scene<'_>, target: f64) -> Result<Answer, Failure> {
        let age = match self.tasks.oldest_age {
            Some(age) => age.as_secs_f64(),
            None if self.tasks.ready == 0.0 => 0.0,
            None => return Err(Failure::NoAge),
        };
        let (current, ratio) = (scene.current(), age / target);
        if ratio <= 1.0 || current == 0 {
            let (replicas, why) = self.feel_down(scene, ratio * f64::from(scene.counts.ready), ratio, target);
            return Ok((age, ratio, replicas, why));
        }
        if within(ratio, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up)) {
            return Ok((age, ratio, current, Why::WithinTolerance));
        }
        let wanted = ceil_replicas(ratio * f64::from(scene.serving(scene.counts.ready)));
        let why = if wanted <= current && scene.counts.starting > 0 { Why::StillStarting } else { Why::AboveTarget };
        Ok((age, ratio, wanted.max(current), why))
    }

    fn wait(&self, scene: &Scene<'_>, target: f64) -> Result<Answer, Failure> {
        let (current, backlog) = (scene.current(), self.tasks.ready + self.tasks.due_soon);
        let drain = match self.drain_of_one(scene) {
            Some(drain) => drain,
            // Nothing waits, or nobody is there yet to measure.
            None if backlog == 0.0 || current == 0 => {
                let (replicas, why) = self.feel_down(scene, 0.0, 0.0, target);
                return Ok((0.0, 0.0, replicas, why));
            }
            None => return Err(Failure::NoDrainRate),
        };
        let wait = backlog / (drain * f64::from(scene.counts.ready));
        // With arrivals the queue must also not grow; an idle queue's completions say little about what one replica could do.
        let steady = if backlog > 0.0 { self.tasks.arrival_rate.unwrap_or(0.0) / drain } else { 0.0 };
        let needed = (backlog / drain / target).max(if wait > target { steady } else { 0.0 });
        // Replicas that are starting will drain too.
        let ratio = needed / f64::from(current.max(1));
        let inside = within(ratio, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up));
        let (replicas, why) = if ratio <= 1.0 {
            self.feel_down(scene, needed, ratio, target)
        } else if inside {
            (current, Why::WithinTolerance)
        } else {
            (ceil_replicas(needed).max(current), Why::AboveTarget)
        };
        Ok((wait, ratio, replicas, why))
    }

    /// Not above target: fewer, by half at most; one from zero while there are tasks.
    fn feel_down(&self, scene: &Scene<'_>, needed: f64, ratio: f64, target: f64) -> (u32, Why) {
        let current = scene.current();
        let least = u32::from(self.all() > 0.0);
        if current == 0 {
            return (least, Why::FromZero);
        }
        let (replicas, why) = scene.shrink(needed, ratio, target);
        if replicas < current && scene.shows_an_old_size(self.at, Duration::ZERO) {
            return (current, Why::Settling);
        }
        let floor = if least == 0 { 0 } else { a_step_down(current) };
        (replicas.max(floor).max(least).min(current), why)
    }
}
