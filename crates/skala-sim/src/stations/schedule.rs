//! When a schedule fires.
//!
//! Decides: the next moment after a given one.
//! Inputs: five cron fields, a time zone, the time of day and week at which the trace begins.
//! Method: as `skala_autoscaler`'s windows: croner in the zone's wall-clock time. Daylight saving as croner has it: a time that a change
//!   of clocks skips happens at the first moment after it, a time that comes twice happens the first time.
//! Tested: `tests` below.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use skala_types::Time;

use crate::{Schedule, SimError};

/// A schedule, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    cron: Cron,
    zone: TimeZone,
}

impl Clock {
    /// Reads a schedule.
    ///
    /// # Errors
    /// Its field that cannot be read.
    pub(crate) fn try_new(schedule: &Schedule) -> Result<Clock, SimError> {
        let refuse =
            |field: &str, reason: String| SimError::Setting { field: format!("schedules.{}.{field}", schedule.name), reason };
        let zone = TimeZoneDatabase::bundled().get(&schedule.timezone);
        let zone = zone.map_err(|_| refuse("timezone", format!("'{}' is not the name of a time zone", schedule.timezone)))?;
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&schedule.cron).map_err(|_| refuse("cron", "is not a cron time such as `0 2 * * *`".into()))?;
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        // A date that never comes would be searched for through the centuries.
        cron.find_next_occurrence(&epoch, false).map_err(|_| refuse("cron", "names a date that never comes".into()))?;
        Ok(Clock { cron, zone })
    }

    /// The next time strictly after a moment.
    pub(crate) fn after(&self, moment: Time) -> Option<Time> {
        let local = Timestamp::from_nanosecond(i128::from(moment.as_nanos())).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&local, false).ok()?;
        let next = u64::try_from(next.timestamp().as_nanosecond()).ok().map(Time::from_nanos)?;
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
            cron: cron.into(),
            timezone: timezone.into(),
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
    fn what_cannot_be_read_is_named() {
        let of = |cron: &str, timezone: &str| Schedule {
            name: "n".into(),
            cron: cron.into(),
            timezone: timezone.into(),
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
