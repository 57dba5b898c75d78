//! Times of the calendar: five cron fields, and the time zone in which they are read.
//!
//! Method: `croner` reads the fields (POSIX cron, with names of days and months); the IANA time zones are those built into skala,
//!   so that the same file means the same on every machine.

use std::fmt;
use std::str::FromStr;

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZoneDatabase;

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
