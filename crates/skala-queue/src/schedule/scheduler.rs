//! Which occurrences of which schedules come about now.
//!
//! Decides: for each occurrence, once: it fires, it waits for the one before it, or it is left out, and why.
//! Inputs: timetables and rules, what is remembered of each schedule ([`ScheduleRow`]), whether tasks of earlier occurrences have not
//!   ended, the wall clock.
//! Method: `through` says up to when occurrences are dealt with; it only grows, and is committed together with the tasks. An
//!   occurrence that is dealt with within [`LATE`] after its time is on time; later ones were missed, and `misfire` says what
//!   becomes of them.
//! Invariants: no occurrence fires twice, whichever way the clock steps, and whoever leads; with `misfire: {all: n}` none of the last
//!   `n` missed within `catchUp` is left out, unless `overlap` says so; the work of a call is bounded, however long nobody asked.
//! Tested: `tests` below.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skala_types::{Text, Time};
use thiserror::Error;

use super::Timetable;
use crate::{Firing, FiringOutcome, Occurrence, ScheduleRow};

/// Up to so long after its time an occurrence is on time: it covers a change of leaders.
pub const LATE: Duration = Duration::from_secs(10);
/// Most missed occurrences that `misfire: {all: n}` makes up for.
pub const MOST_BACKFILL: u32 = 1000;
/// Missed occurrences that are written down one by one; those before are dealt with by `through` alone.
pub const MOST_MISSED: usize = 16;
/// The longest `catchUp`.
pub const LONGEST_CATCH_UP: Duration = Duration::from_secs(366 * 86_400);
/// A paused schedule's `through` is written down at most this often.
const PAUSED_EVERY: Duration = Duration::from_secs(60);
/// The least time there is.
const TICK: Duration = Duration::from_nanos(1);
/// Occurrences by hand are at least so far apart.
const MILLI: Duration = Duration::from_millis(1);
/// How soon a waiting occurrence is looked at again, if nobody says that the one before it has ended.
const BUFFERED_EVERY: Duration = Duration::from_secs(1);

/// One schedule.
#[derive(Clone, Debug)]
pub struct ScheduleSettings {
    /// Its name.
    pub name: Text,
    /// When.
    pub timetable: Timetable,
    /// What becomes of missed occurrences.
    pub misfire: Misfire,
    /// Missed occurrences older than this are left out.
    pub catch_up: Duration,
    /// What becomes of an occurrence while a task of the one before it has not ended.
    pub overlap: Overlap,
    /// Whether its file says that it pauses.
    pub paused: bool,
}

/// What becomes of missed occurrences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// The last one fires, unless one is on time now.
    #[default]
    Once,
    /// The last so many fire, in their order.
    All(u32),
}

/// What becomes of an occurrence while a task of the one before it has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// It is left out.
    Skip,
    /// One waits until then; further ones are left out.
    Buffer,
    /// The tasks of the one before are called off.
    Cancel,
    /// It fires all the same.
    #[default]
    Allow,
}

/// What is to be done for a schedule, in one transaction: call off, make tasks, write down.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "what it says must be committed"]
pub struct Step {
    /// Whose, by its place among the settings.
    pub schedule: usize,
    /// Its name.
    pub name: Text,
    /// The tasks of earlier occurrences are called off first.
    pub cancel: bool,
    /// The occurrence for which tasks are made, and how its firing is written down ([`Firing::tasks`] is the caller's to fill, and
    /// [`FiringOutcome::Refused`] its to say).
    pub fire: Option<Firing>,
    /// Occurrences that are left out, or wait from now on, to be written down. One that waits stands here first, and comes again with
    /// its outcome.
    pub left_out: Vec<Firing>,
    /// What is remembered from now on.
    pub row: ScheduleRow,
}

/// A schedule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Two have one name.
    #[error("two schedules are called {0}")]
    Twice(Text),
    /// None has the name.
    #[error("there is no schedule {0}")]
    Unknown(String),
}

/// How a schedule stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleState {
    /// Whether it pauses, by its file or by hand.
    pub paused: bool,
    /// The next occurrence; none while it pauses, or when there is no more.
    pub next: Option<Time>,
    /// An occurrence that waits for the one before it.
    pub buffered: Option<Time>,
    /// The wall clock was ahead once: occurrences up to then were dealt with, and nothing fires before.
    pub ahead: Option<Time>,
}

/// All schedules of a platform.
#[derive(Clone, Debug, Default)]
pub struct Scheduler {
    schedules: Vec<Entry>,
    /// Where the next call begins, so that none waits behind another's backlog.
    from: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    settings: ScheduleSettings,
    row: ScheduleRow,
    /// The first occurrence after `through`.
    next: Option<Time>,
    /// Missed occurrences that are made up for.
    backlog: VecDeque<Time>,
    /// One that waited, and does no longer.
    dropped: Option<Time>,
    last_manual: Time,
    /// The row differs from the one that was written down, which happened then.
    dirty: bool,
    written: Time,
}

impl Scheduler {
    /// Schedules, with what is remembered of them. One that is new, or whose timetable has changed, begins now.
    ///
    /// # Errors
    /// When two have one name.
    pub fn new(
        settings: Vec<ScheduleSettings>,
        remembered: &BTreeMap<Text, ScheduleRow>,
        now: Time,
    ) -> Result<Scheduler, ScheduleError> {
        let mut names = BTreeSet::new();
        if let Some(twice) = settings.iter().find(|s| !names.insert(&s.name)) {
            return Err(ScheduleError::Twice(twice.name.clone()));
        }
        let entry = |s: ScheduleSettings| {
            let row = remembered.get(&s.name).copied();
            Entry::new(s, row, now)
        };
        Ok(Scheduler { schedules: settings.into_iter().map(entry).collect(), from: 0 })
    }

    /// Replaces the settings; what is remembered stays.
    ///
    /// # Errors
    /// When two have one name; nothing is replaced.
    pub fn set(&mut self, settings: Vec<ScheduleSettings>, now: Time) -> Result<(), ScheduleError> {
        let row = |entry: &Entry| ScheduleRow { through: entry.through_at(now), ..entry.row };
        let remembered = self.schedules.iter().map(|entry| (entry.settings.name.clone(), row(entry))).collect();
        *self = Scheduler::new(settings, &remembered, now)?;
        Ok(())
    }

    /// What is to be done now, in order; at most one step of each schedule and at most `most` in all. Ask again until nothing comes:
    /// `unfinished` says of a schedule's name whether a task of its earlier occurrences has not ended, those of the last step included.
    pub fn due(&mut self, now: Time, most: usize, mut unfinished: impl FnMut(&str) -> bool) -> Vec<Step> {
        let (count, mut steps) = (self.schedules.len(), Vec::new());
        for _ in 0..count {
            if steps.len() >= most {
                break;
            }
            let place = self.from % count;
            self.from = place + 1;
            steps.extend(self.schedules[place].due(place, now, &mut unfinished));
        }
        steps
    }

    /// When [`Scheduler::due`] has something to do, by the wall clock; not later than `now` when it has now. Ask it also when a
    /// schedule's tasks have ended.
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        self.schedules.iter().filter_map(|entry| entry.next_wake(now)).min()
    }

    /// An occurrence by hand, at once, paused or not, whatever overlaps; with [`Overlap::Cancel`] earlier tasks are called off.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub fn run_now(&mut self, name: &str, now: Time) -> Result<Step, ScheduleError> {
        let place = self.place(name)?;
        Ok(self.schedules[place].by_hand(place, now))
    }

    /// Pauses or resumes a schedule. Occurrences of a pause are not made up for. One that its file pauses stays so.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub fn pause(&mut self, name: &str, paused: bool, now: Time) -> Result<Step, ScheduleError> {
        let place = self.place(name)?;
        let entry = &mut self.schedules[place];
        entry.move_to(entry.through_at(now));
        entry.row.paused = paused;
        if paused {
            entry.dropped = entry.row.buffered.take();
            entry.backlog.clear();
        }
        let left_out = entry.take_dropped(now);
        Ok(Step { left_out, ..entry.step(place, now) })
    }

    /// How a schedule stands.
    pub fn state(&self, name: &str, now: Time) -> Option<ScheduleState> {
        let entry = &self.schedules[self.place(name).ok()?];
        let paused = entry.is_paused();
        let next = if paused { None } else { entry.backlog.front().copied().or(entry.next) };
        let ahead = Some(entry.row.through).filter(|through| *through > now);
        Some(ScheduleState { paused, next, buffered: entry.row.buffered, ahead })
    }

    /// The settings, in their order.
    pub fn settings(&self) -> impl Iterator<Item = &ScheduleSettings> {
        self.schedules.iter().map(|entry| &entry.settings)
    }

    fn place(&self, name: &str) -> Result<usize, ScheduleError> {
        let place = self.schedules.iter().position(|entry| *entry.settings.name == *name);
        place.ok_or_else(|| ScheduleError::Unknown(name.to_owned()))
    }
}

impl Entry {
    fn new(settings: ScheduleSettings, row: Option<ScheduleRow>, now: Time) -> Entry {
        let timetable = settings.timetable.fingerprint();
        let known = row.filter(|row| row.timetable == timetable || row.timetable == 0);
        let begins = ScheduleRow { through: now, timetable, ..row.unwrap_or_default() };
        let through = row.map_or(now, |row| row.through.max(now));
        let fresh = match known {
            Some(row) if !row.paused && !settings.paused => ScheduleRow { timetable, ..row },
            Some(row) => ScheduleRow { through, timetable, buffered: None, ..row },
            None => ScheduleRow { through, buffered: None, ..begins },
        };
        let next = settings.timetable.next(fresh.through);
        Entry {
            settings,
            row: fresh,
            next,
            backlog: VecDeque::new(),
            dropped: row.and_then(|row| row.buffered).filter(|_| fresh.buffered.is_none()),
            last_manual: Time::ZERO,
            dirty: row != Some(fresh),
            written: Time::ZERO,
        }
    }

    fn is_paused(&self) -> bool {
        self.row.paused || self.settings.paused
    }

    /// Up to when occurrences are dealt with, those of a pause included.
    fn through_at(&self, now: Time) -> Time {
        if self.is_paused() { self.row.through.max(now) } else { self.row.through }
    }

    fn move_to(&mut self, through: Time) {
        if through > self.row.through {
            self.row.through = through;
            self.next = self.settings.timetable.next(through);
            self.dirty = true;
        }
    }

    fn next_wake(&self, now: Time) -> Option<Time> {
        if self.is_paused() {
            return match self.dropped {
                Some(_) => Some(now),
                None if self.dirty => Some(self.written + PAUSED_EVERY),
                None => self.next,
            };
        }
        if self.dirty || self.dropped.is_some() || !self.backlog.is_empty() {
            return Some(now);
        }
        let buffered = self.row.buffered.map(|_| now + BUFFERED_EVERY);
        self.next.into_iter().chain(buffered).min()
    }

    fn due(&mut self, place: usize, now: Time, unfinished: &mut dyn FnMut(&str) -> bool) -> Option<Step> {
        if self.dropped.is_some() {
            return Some(Step { left_out: self.take_dropped(now), ..self.step(place, now) });
        }
        if self.is_paused() {
            return self.due_in_pause(place, now);
        }
        if let Some(buffered) = self.row.buffered
            && !unfinished(&self.settings.name)
        {
            self.row.buffered = None;
            return Some(self.fire(place, buffered, now));
        }
        let (next, left_out) = self.choose(now);
        let Some(next) = next else {
            let write = self.dirty || !left_out.is_empty();
            return write.then(|| Step { left_out, ..self.step(place, now) });
        };
        self.move_to(next);
        let open = self.settings.overlap != Overlap::Allow && unfinished(&self.settings.name);
        let mut step = match (open, self.settings.overlap) {
            (true, Overlap::Cancel) => Step { cancel: true, ..self.fire(place, next, now) },
            (true, Overlap::Buffer) if self.row.buffered.is_none() => {
                self.row.buffered = Some(next);
                Step { left_out: vec![self.firing(next, now, FiringOutcome::Buffered)], ..self.step(place, now) }
            }
            (true, _) => Step { left_out: vec![self.firing(next, now, FiringOutcome::Overlapped)], ..self.step(place, now) },
            (false, _) => self.fire(place, next, now),
        };
        step.left_out.splice(0..0, left_out);
        Some(step)
    }

    fn take_dropped(&mut self, now: Time) -> Vec<Firing> {
        self.dropped.take().map(|at| self.firing(at, now, FiringOutcome::Overlapped)).into_iter().collect()
    }

    /// Occurrences pass by; now and then that is written down.
    fn due_in_pause(&mut self, place: usize, now: Time) -> Option<Step> {
        if self.next.is_some_and(|next| next <= now) {
            self.move_to(now);
        }
        (self.dirty && now >= self.written + PAUSED_EVERY).then(|| self.step(place, now))
    }

    /// The occurrence that is dealt with now, and those before it that are left out because they were missed.
    fn choose(&mut self, now: Time) -> (Option<Time>, Vec<Firing>) {
        if let Some(next) = self.backlog.pop_front() {
            return (Some(next), Vec::new());
        }
        let Some(next) = self.next.filter(|next| *next <= now) else { return (None, Vec::new()) };
        if now - next <= LATE {
            return (Some(next), Vec::new());
        }
        self.backlog = self.made_up_for(now);
        let before = self.backlog.front().copied().unwrap_or_else(|| now.minus(LATE));
        let missed = self.walk_back(before, self.row.through, MOST_MISSED);
        let left_out = missed.iter().map(|at| self.firing(*at, now, FiringOutcome::Missed)).collect();
        match self.backlog.pop_front() {
            Some(first) => (Some(first), left_out),
            None => {
                self.move_to(missed.back().copied().unwrap_or(next));
                let on_time = self.next.filter(|next| *next <= now);
                (on_time, left_out)
            }
        }
    }

    /// Missed occurrences that fire, oldest first.
    fn made_up_for(&self, now: Time) -> VecDeque<Time> {
        let late = now.minus(LATE);
        let on_time = || self.settings.timetable.next(late.minus(TICK)).is_some_and(|at| at <= now);
        let most = match self.settings.misfire {
            Misfire::Skip => 0,
            Misfire::Once => usize::from(!on_time()),
            Misfire::All(most) => most.min(MOST_BACKFILL) as usize,
        };
        let caught_up = now.minus(self.settings.catch_up.min(LONGEST_CATCH_UP)).minus(TICK);
        self.walk_back(late, self.row.through.max(caught_up), most)
    }

    /// The last so many occurrences in a span that excludes both its ends, oldest first.
    fn walk_back(&self, before: Time, after: Time, most: usize) -> VecDeque<Time> {
        self.settings.timetable.last_of(after, before.minus(TICK), most)
    }

    fn by_hand(&mut self, place: usize, now: Time) -> Step {
        let millis = now.as_nanos() / 1_000_000;
        let mut nominal = Time::from_millis(millis).max(self.last_manual + MILLI);
        while self.settings.timetable.next(nominal.minus(TICK)) == Some(nominal) {
            nominal += MILLI;
        }
        self.last_manual = nominal;
        let fire = Some(self.firing(nominal, now, FiringOutcome::Manual));
        Step { cancel: self.settings.overlap == Overlap::Cancel, fire, ..self.step(place, now) }
    }

    fn fire(&mut self, place: usize, nominal: Time, now: Time) -> Step {
        let fire = Some(self.firing(nominal, now, FiringOutcome::Fired));
        Step { fire, ..self.step(place, now) }
    }

    fn firing(&self, nominal: Time, now: Time, outcome: FiringOutcome) -> Firing {
        Firing { occurrence: Occurrence { schedule: self.settings.name.clone(), nominal }, at: now, outcome, tasks: Vec::new() }
    }

    /// A step that writes the row down.
    fn step(&mut self, place: usize, now: Time) -> Step {
        (self.dirty, self.written) = (false, now);
        let name = self.settings.name.clone();
        Step { schedule: place, name, cancel: false, fire: None, left_out: Vec::new(), row: self.row }
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
