//! When a schedule fires.
//!
//! Decides: the next moment after a given one.
//! Inputs: cron fields with a time zone, a period, or a moment; the time of day and week at which the trace begins.
//! Method: as `skala_autoscaler`'s windows: croner in the zone's wall-clock time. Daylight saving as croner has it: a time that a change
//!   of clocks skips happens at the first moment after it, a time that comes twice happens the first time.
//! Tested: `tests` below.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use skala_types::Time;

use crate::{Schedule, SimError, Timing};

/// The shortest period.
const SHORTEST: Duration = Duration::from_secs(1);

/// A schedule, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    Cron(Box<Cron>, TimeZone),
    Every(Duration),
    At(Time),
}

impl Clock {
    /// Reads a schedule.
    ///
    /// # Errors
    /// Its field that cannot be read.
    pub(crate) fn try_new(schedule: &Schedule) -> Result<Clock, SimError> {
        let refuse =
            |field: &str, reason: String| SimError::Setting { field: format!("schedules.{}.{field}", schedule.name), reason };
        let (text, timezone) = match &schedule.timing {
            Timing::Cron { text, timezone } => (text, timezone),
            Timing::Every(period) if *period < SHORTEST => return Err(refuse("every", "is less than 1s".into())),
            Timing::Every(period) => return Ok(Clock::Every(*period)),
            Timing::At(moment) => return Ok(Clock::At(*moment)),
        };
        let zone = TimeZoneDatabase::bundled().get(timezone);
        let zone = zone.map_err(|_| refuse("timezone", format!("'{timezone}' is not the name of a time zone")))?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|_| refuse("cron", "is not a cron time such as `0 2 * * *`".into()))?;
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        // A date that never comes would be searched for through the centuries.
        cron.find_next_occurrence(&epoch, false).map_err(|_| refuse("cron", "names a date that never comes".into()))?;
        Ok(Clock::Cron(Box::new(cron), zone))
    }

    /// The next time strictly after a moment.
    pub(crate) fn after(&self, moment: Time) -> Option<Time> {
        let next = match self {
            Clock::Cron(cron, zone) => {
                let local = Timestamp::from_nanosecond(i128::from(moment.as_nanos())).ok()?.to_zoned(zone.clone());
                let next = cron.find_next_occurrence(&local, false).ok()?;
                u64::try_from(next.timestamp().as_nanosecond()).ok().map(Time::from_nanos)?
            }
            Clock::Every(period) => {
                let period = u64::try_from(period.as_nanos()).ok()?;
                Time::from_nanos((moment.as_nanos() / period).checked_add(1)?.checked_mul(period)?)
            }
            Clock::At(moment) => *moment,
        };
        (next > moment).then_some(next)
    }
}

#[cfg(test)]
mod tests {
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
