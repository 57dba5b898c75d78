//! The times at which a schedule fires.
//!
//! Decides: the first time after a given one, and the last up to it.
//! Inputs: five or six cron fields in a time zone; or a period; or one moment.
//! Method: croner (Vixie cron with Quartz's `L`, `W`, `#`), on the wall clock of the zone, with the time zones built into skala. Where
//!   clocks change: a time of day that is skipped happens at the first moment after the gap, one that comes twice happens the first
//!   time; times that come back within the day (`*`, `/` or `-` in hours, minutes or seconds) skip the gap and happen in both passes.
//!   Times of day are times of day also when there are several (`30 2,14 * * *`): each is looked for by itself.
//!   Periods count from the Unix epoch, so that every process and every restart has the same times.
//! Invariants: `next(t) > t`, `last(t) <= t`; the same text gives the same times everywhere.
//! Tested: `tests` below: both changes of clocks in six zones, and a minute-by-minute search through random texts.

use std::collections::VecDeque;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use skala_types::Time;
use thiserror::Error;

/// The shortest period: what is more frequent is a worker's loop, no schedule.
pub const SHORTEST_PERIOD: Duration = Duration::from_secs(1);
/// The longest period, a hundred years.
const LONGEST_PERIOD: Duration = Duration::from_secs(100 * 366 * 86_400);
/// Longest cron text, in bytes.
const LONGEST_TEXT: usize = 200;
/// Characters of a text that an error shows.
const SHOWN: usize = 60;
/// Where times are looked for backwards: the first piece.
const SHORTEST_PIECE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// So many hours are tried where croner finds nothing.
const HOURS_LEFT_OUT: u32 = 72;
/// Most times of day that are looked for one by one.
const MOST_TIMES_OF_DAY: usize = 48;

/// The times at which a schedule fires.
#[derive(Clone, Debug)]
pub struct Timetable {
    kind: Kind,
    zone: TimeZone,
    text: String,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Any of these.
    Cron(Vec<Cron>),
    Every(u64),
    At(Time),
}

/// Why there is no such timetable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimetableError {
    /// The text is not a cron time.
    #[error("`{0}` is not a cron time such as `0 2 * * *` or, with seconds first, `*/10 * * * * *`")]
    Cron(String),
    /// No day has it.
    #[error("`{0}` names a date that never comes")]
    Never(String),
    /// The zone is not known.
    #[error("`{0}` is not the name of a time zone such as Europe/Berlin")]
    Zone(String),
    /// The period cannot be.
    #[error("a period of {0:?} is outside 1s to 100 years")]
    Period(Duration),
}

impl Timetable {
    /// Five fields (minute, hour, day of the month, month, day of the week) or six (seconds first), in a zone. Days match when the day
    /// of the month or that of the week does, as in POSIX.
    ///
    /// # Errors
    /// When the text or the zone cannot be read, or the date never comes.
    pub fn cron(text: &str, zone: &str) -> Result<Timetable, TimetableError> {
        Timetable::of_cron(text, zone, false)
    }

    /// As [`Timetable::cron`], but both days must match where both are restricted, as in Celery.
    ///
    /// # Errors
    /// As [`Timetable::cron`].
    pub fn cron_of_both_days(text: &str, zone: &str) -> Result<Timetable, TimetableError> {
        Timetable::of_cron(text, zone, true)
    }

    fn of_cron(text: &str, zone: &str, both_days: bool) -> Result<Timetable, TimetableError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let refused = || TimetableError::Cron(text.chars().take(SHOWN).collect());
        // An empty list, such as a comma by itself, matches nothing, which takes centuries to find out.
        let is_empty = |field: &&str| field.split(',').any(str::is_empty);
        if text.len() > LONGEST_TEXT || !matches!(fields.len(), 5 | 6) || fields.iter().any(is_empty) {
            return Err(refused());
        }
        let zone = find_zone(zone)?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).dom_and_dow(both_days).build();
        let read = |fields: &[String]| parser.parse(&fields.join(" ")).map_err(|_| refused());
        let crons = times_of_day(&fields).iter().map(|fields| read(fields)).collect::<Result<Vec<Cron>, _>>()?;
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        // A date that never comes would be searched for through the centuries.
        if crons.iter().any(|cron| cron.find_next_occurrence(&epoch, false).is_err()) {
            return Err(TimetableError::Never(text.to_owned()));
        }
        let both = if both_days { " both days" } else { "" };
        Ok(Timetable { text: format!("{}{both}", fields.join(" ")), kind: Kind::Cron(crons), zone })
    }

    /// Every so long, counted from the Unix epoch: `10m` is at :00, :10, :20 of each hour. The zone serves to show times.
    ///
    /// # Errors
    /// When the zone is unknown or the period too short or too long.
    pub fn every(period: Duration, zone: &str) -> Result<Timetable, TimetableError> {
        if !(SHORTEST_PERIOD..=LONGEST_PERIOD).contains(&period) {
            return Err(TimetableError::Period(period));
        }
        let nanos = u64::try_from(period.as_nanos()).map_err(|_| TimetableError::Period(period))?;
        Ok(Timetable { kind: Kind::Every(nanos), zone: find_zone(zone)?, text: format!("every {period:?}") })
    }

    /// Once. The zone serves to show it.
    ///
    /// # Errors
    /// When the zone is unknown.
    pub fn at(time: Time, zone: &str) -> Result<Timetable, TimetableError> {
        Ok(Timetable { kind: Kind::At(time), zone: find_zone(zone)?, text: format!("at {time}") })
    }

    /// The first time after a moment.
    pub fn next(&self, after: Time) -> Option<Time> {
        match &self.kind {
            Kind::At(time) => (*time > after).then_some(*time),
            Kind::Every(period) => (after.as_nanos() / period).checked_add(1)?.checked_mul(*period).map(Time::from_nanos),
            Kind::Cron(crons) => crons.iter().filter_map(|cron| self.next_of(cron, after)).min(),
        }
    }

    /// croner finds nothing behind a day that a zone left out whole (Samoa, 30 December 2011): it is asked again from the hours after.
    fn next_of(&self, cron: &Cron, after: Time) -> Option<Time> {
        let found = |from: Time| {
            let next = cron.find_next_occurrence(&self.local(from)?, false).ok()?;
            from_local(&next).filter(|next| *next > after)
        };
        (0..=HOURS_LEFT_OUT).find_map(|hour| found(after + HOUR * hour))
    }

    /// The last time up to a moment, that moment included.
    pub fn last(&self, until: Time) -> Option<Time> {
        self.last_of(Time::ZERO, until, 1).pop_front()
    }

    /// The last so many times in a span, without its beginning, with its end; in their order. Looked for forwards, in ever longer pieces
    /// from the end: croner's way back loses times where clocks are set back by half an hour.
    pub fn last_of(&self, after: Time, until: Time, most: usize) -> VecDeque<Time> {
        let (mut found, mut end, mut piece) = (VecDeque::new(), until, SHORTEST_PIECE);
        if let Kind::Every(period) = self.kind {
            let last = until.as_nanos() / period;
            let first = (after.as_nanos() / period + 1).max((last + 1).saturating_sub(most as u64));
            return (first..=last).map(|n| Time::from_nanos(n * period)).collect();
        }
        while found.len() < most && end > after {
            let start = end.minus(piece).max(after);
            let times = std::iter::successors(self.next(start), |at| self.next(*at)).take_while(|at| *at <= end);
            let times: Vec<Time> = times.collect();
            if times.is_empty() {
                piece *= 8;
            }
            times.into_iter().rev().take(most - found.len()).for_each(|at| found.push_front(at));
            end = start;
        }
        found
    }

    /// The next times after a moment, with their offsets: `2027-03-28T03:00:00+02:00[Europe/Berlin]`.
    pub fn next_shown(&self, after: Time, most: usize) -> Vec<String> {
        std::iter::successors(self.next(after), |at| self.next(*at)).take(most).map(|at| self.show(at)).collect()
    }

    /// A time on the wall clock of the timetable's zone, with its offset.
    pub fn show(&self, time: Time) -> String {
        self.local(time).map_or_else(|| time.to_string(), |local| local.to_string())
    }

    /// Tells it from other timetables, across restarts.
    pub fn fingerprint(&self) -> u64 {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        // FNV-1a, 64 bit.
        let bytes = self.text.bytes().chain([b'@']).chain(zone.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    }

    /// As it was given, in one form.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn local(&self, time: Time) -> Option<Zoned> {
        Some(Timestamp::from_nanosecond(i128::from(time.as_nanos())).ok()?.to_zoned(self.zone.clone()))
    }
}

fn from_local(local: &Zoned) -> Option<Time> {
    u64::try_from(local.timestamp().as_nanosecond()).ok().map(Time::from_nanos)
}

fn find_zone(name: &str) -> Result<TimeZone, TimetableError> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| TimetableError::Zone(name.to_owned()))
}

/// One list of fields for each time of day, when seconds, minutes and hours are lists of numbers; else the fields as they are. croner
/// takes several times of day for times that come back, and would leave out those in a gap.
fn times_of_day(fields: &[&str]) -> Vec<Vec<String>> {
    let whole = || vec![fields.iter().map(|field| (*field).to_owned()).collect()];
    let (of_time, of_day) = fields.split_at(fields.len() - 3);
    let numbers = |field: &&str| field.split(',').map(|n| n.parse::<u8>().ok()).collect::<Option<Vec<u8>>>();
    let Some(lists) = of_time.iter().map(numbers).collect::<Option<Vec<Vec<u8>>>>() else { return whole() };
    if lists.iter().map(Vec::len).product::<usize>() > MOST_TIMES_OF_DAY {
        return whole();
    }
    let mut times: Vec<Vec<String>> = vec![Vec::new()];
    for list in &lists {
        times = times.iter().flat_map(|time| list.iter().map(|n| [time.clone(), vec![n.to_string()]].concat())).collect();
    }
    times.into_iter().map(|time| time.into_iter().chain(of_day.iter().map(|f| (*f).to_owned())).collect()).collect()
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
