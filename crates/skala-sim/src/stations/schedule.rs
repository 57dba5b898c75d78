//! When a schedule fires.
//!
//! Decides: the next moment after a given one.
//! Inputs: cron fields with a time zone, a period, or a moment; the time of day and week at which the trace begins.
//! Method: the timetables of the live scheduler ([`Timetable`]), changes of clocks included.
//! Tested: `tests` below, and where timetables are.

use skala_queue::schedule::{Timetable, TimetableError};
use skala_types::Time;

use crate::{Schedule, SimError, Timing};

/// A schedule, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Timetable);

impl Clock {
    /// Reads a schedule.
    ///
    /// # Errors
    /// Its field that cannot be read.
    pub(crate) fn try_new(schedule: &Schedule) -> Result<Clock, SimError> {
        let read = match &schedule.timing {
            Timing::Cron { text, timezone } => Timetable::cron(text, timezone),
            Timing::Every(period) => Timetable::every(*period, "UTC"),
            Timing::At(moment) => Timetable::at(*moment, "UTC"),
        };
        read.map(Clock).map_err(|error| refusal(schedule, error))
    }

    /// The next time strictly after a moment.
    pub(crate) fn after(&self, moment: Time) -> Option<Time> {
        self.0.next(moment)
    }
}

/// Which field it is.
fn refusal(schedule: &Schedule, error: TimetableError) -> SimError {
    let (field, reason) = match error {
        TimetableError::Zone(zone) => ("timezone", format!("'{zone}' is not the name of a time zone")),
        TimetableError::Cron(_) => ("cron", "is not a cron time such as `0 2 * * *`".to_owned()),
        TimetableError::Never(_) => ("cron", "names a date that never comes".to_owned()),
        TimetableError::Period(_) => ("every", "is less than 1s or more than 100 years".to_owned()),
    };
    SimError::Setting { field: format!("schedules.{}.{field}", schedule.name), reason }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Misfire;

    fn fires(cron: &str, timezone: &str, from: &str, times: usize) -> Vec<String> {
        let schedule = Schedule {
            name: "nightly".into(),
            timing: Timing::Cron { text: cron.into(), timezone: timezone.into() },
            queue: 0,
            tasks: 1,
            misfire: Misfire::Once,
        };
        let clock = Clock::try_new(&schedule).expect("sound");
        let first = from.parse().expect("a time");
        std::iter::successors(clock.after(first), |at| clock.after(*at)).take(times).map(|t| t.to_string()).collect()
    }

    #[test]
    fn a_schedule_keeps_the_wall_clock_when_the_clocks_change() {
        let spring = fires("0 2 * * *", "Europe/Berlin", "2027-03-26T12:00:00Z", 4);
        let expected =
            ["2027-03-27T01:00:00.000Z", "2027-03-28T01:00:00.000Z", "2027-03-29T00:00:00.000Z", "2027-03-30T00:00:00.000Z"];
        assert_eq!(spring, expected, "02:00 does not exist on the 28th and happens at 03:00 summer time");
        let autumn = fires("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", 2);
        assert_eq!(autumn, ["2027-10-31T00:30:00.000Z", "2027-11-01T01:30:00.000Z"], "02:30 comes twice and counts once");
    }

    #[test]
    fn a_period_counts_from_the_epoch_and_a_moment_comes_once() {
        let clock = |timing| {
            let of = Schedule { name: "n".into(), timing, queue: 0, tasks: 1, misfire: Misfire::Once };
            Clock::try_new(&of).expect("sound")
        };
        let at = |secs: u64| Time::from_nanos(secs * 1_000_000_000);
        let every = clock(Timing::Every(Duration::from_secs(600)));
        assert_eq!([0, 599, 600, 601].map(|s| every.after(at(s))), [600, 600, 1200, 1200].map(|s| Some(at(s))));
        let once = clock(Timing::At(at(600)));
        assert_eq!([0, 599, 600].map(|s| once.after(at(s))), [Some(at(600)), Some(at(600)), None]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let of = |cron: &str, timezone: &str| Schedule {
            name: "n".into(),
            timing: Timing::Cron { text: cron.into(), timezone: timezone.into() },
            queue: 0,
            tasks: 1,
            misfire: Misfire::Once,
        };
        let error = |s: Schedule| Clock::try_new(&s).unwrap_err().to_string();
        assert_eq!(error(of("0 2 * *", "UTC")), "schedules.n.cron: is not a cron time such as `0 2 * * *`");
        assert_eq!(error(of("0 2 30 2 *", "UTC")), "schedules.n.cron: names a date that never comes");
        assert_eq!(error(of("0 2 * * *", "Mars")), "schedules.n.timezone: 'Mars' is not the name of a time zone");
    }
}
