//! Times of the calendar: five cron fields or six, the time zone in which they are read, and a single moment.
//!
//! Method: `croner` reads the fields (POSIX cron, with names of days and months); the IANA time zones are those built into skala,
//!   so that the same file means the same on every machine.

use std::fmt;
use std::str::FromStr;

use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use skala_types::Time;

use super::{ScalarError, kind};
use crate::suggest::nearest;

/// Longest cron text, in bytes; more is a mistake.
const LONGEST: usize = 200;

/// Moments that come back: minute, hour, day of the month, month, day of the week.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cron(String);

impl Cron {
    /// The five fields, one space between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Cron {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Cron, ScalarError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != 5 || text.len() > LONGEST {
            let help = format!("write minute, hour, day of the month, month and day of the week, like {}", Cron::KIND.examples);
            return Err(ScalarError::new("does not have five fields", help));
        }
        let text = fields.join(" ");
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        match parser.parse(&text) {
            Ok(_) => Ok(Cron(text)),
            Err(_) => Err(ScalarError::new("is not a cron time", format!("write it like {}", Cron::KIND.examples))),
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Moments that come back, to the second: second, minute, hour, day of the month, month, day of the week; the second may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CronSeconds(String);

impl CronSeconds {
    /// The five or six fields, one space between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CronSeconds {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<CronSeconds, ScalarError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if !matches!(fields.len(), 5 | 6) || text.len() > LONGEST {
            let help =
                format!("write minute, hour, day of the month, month and day of the week, like {}", CronSeconds::KIND.examples);
            return Err(ScalarError::new("does not have five fields, or six with the seconds first", help));
        }
        let text = fields.join(" ");
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser
            .parse(&text)
            .map_err(|_| ScalarError::new("is not a cron time", format!("write it like {}", CronSeconds::KIND.examples)))?;
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        // A date that never comes would be searched for through the centuries.
        match cron.find_next_occurrence(&epoch, false) {
            Ok(_) => Ok(CronSeconds(text)),
            Err(_) => Err(ScalarError::new("names a date that never comes", "look at the day of the month and the month")),
        }
    }
}

impl fmt::Display for CronSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A moment, as RFC 3339 writes it: `2027-01-01T00:00:00Z`, `2027-01-01T02:00:00+02:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Timestamp);

impl Moment {
    /// Since 1970-01-01 UTC.
    pub fn time(self) -> Time {
        Time::from_nanos(u64::try_from(self.0.as_nanosecond()).unwrap_or(0))
    }
}

impl FromStr for Moment {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Moment, ScalarError> {
        let help = format!("write it like {}", Moment::KIND.examples);
        // jiff also takes a zone's name in brackets, which RFC 3339 does not have.
        let moment = text.parse::<Timestamp>().ok().filter(|_| !text.contains('['));
        let Some(moment) = moment else {
            if !text.contains('[') && text.parse::<jiff::civil::DateTime>().is_ok() {
                return Err(ScalarError::new(
                    "does not say how far from UTC",
                    "end it with `Z`, or with an offset such as `+02:00`",
                ));
            }
            return Err(ScalarError::new("is not a moment", help));
        };
        if u64::try_from(moment.as_nanosecond()).is_err() {
            return Err(ScalarError::new("lies before 1970 or too far ahead", "use a year from 1970 to 2500"));
        }
        Ok(Moment(moment))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// The name of an IANA time zone: `Europe/Berlin`, `UTC`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ZoneName(String);

impl ZoneName {
    /// The name as IANA writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ZoneName {
    fn default() -> ZoneName {
        ZoneName("UTC".to_owned())
    }
}

impl FromStr for ZoneName {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<ZoneName, ScalarError> {
        let zones = TimeZoneDatabase::bundled();
        match zones.get(text) {
            Ok(zone) => Ok(ZoneName(zone.iana_name().unwrap_or(text).to_owned())),
            Err(_) => {
                let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
                let help = match nearest(text, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write it like {}", ZoneName::KIND.examples),
                };
                Err(ScalarError::new("is not the name of a time zone", help))
            }
        }
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

kind!(Cron, "cron", "a cron time", "`0 8 * * MON-FRI`, `30 22 * * *`", r"^\S+( +\S+){4}$|\$\{", "string");
kind!(ZoneName, "time-zone", "a time zone", "`Europe/Berlin`, `UTC`", r"^[A-Za-z0-9_+/-]+$|\$\{", "string");
kind!(
    CronSeconds,
    "cron-seconds",
    "a cron time",
    "`0 2 * * *`, `30 0 2 * * MON-FRI` with seconds",
    r"^\S+( +\S+){4,5}$|\$\{",
    "string"
);
kind!(
    Moment,
    "moment",
    "a moment",
    "`2027-01-01T00:00:00Z`, `2027-01-01T02:00:00+02:00`",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9:]+)$|\$\{",
    "string"
);
