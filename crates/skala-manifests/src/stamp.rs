//! A point in time as Kubernetes writes it.
//!
//! Decides: which texts are times: RFC 3339. One before 1970, such as the year 1 that Go prints for a time that is not set, is
//!   taken for the beginning of 1970: long ago.
//! Units: nanoseconds since the epoch, as in [`Time`].
//! Invariants: printing keeps the precision of the value: whole seconds have no fraction, and reading back gives the same time.
//! Tested: `tests` below.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use skala_types::Time;

/// A time that reads and prints as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Time);

impl From<Time> for Stamp {
    fn from(time: Time) -> Stamp {
        Stamp(time)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0.as_nanos())).unwrap_or(jiff::Timestamp::MAX);
        fmt::Display::fmt(&time, f)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stamp, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map(Stamp).or_else(|error| match text.parse::<jiff::Timestamp>() {
            Ok(before) if before < jiff::Timestamp::UNIX_EPOCH => Ok(Stamp(Time::ZERO)),
            _ => Err(serde::de::Error::custom(error)),
        })
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_precision_stays() {
        for text in ["2026-11-20T21:27:00Z", "2026-11-20T21:27:00.5Z", "2026-11-20T21:27:00.123456789Z"] {
            let stamp: Stamp = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(stamp.to_string(), text);
        }
        let offset: Stamp = serde_json::from_str("\"2026-11-20T22:27:00+01:00\"").unwrap();
        assert_eq!(offset.to_string(), "2026-11-20T21:27:00Z");
        for long_ago in ["\"0001-01-01T00:00:00Z\"", "\"1969-12-31T23:59:59.9Z\"", "\"1970-01-01T00:30:00+01:00\""] {
            assert_eq!(serde_json::from_str::<Stamp>(long_ago).unwrap(), Stamp(Time::ZERO), "{long_ago}");
        }
        for bad in ["\"yesterday\"", "\"1969-12-31\"", "12", "\"2026-11-20\"", "\"9999-99-99T00:00:00Z\""] {
            assert!(serde_json::from_str::<Stamp>(bad).is_err(), "{bad}");
        }
    }
}
