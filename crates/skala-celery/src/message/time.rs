//! Times in messages.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The instant that Celery writes as ISO 8601; one without an offset is UTC, as old producers write it.
pub fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

/// As Celery writes it, with an offset.
pub(crate) fn written(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix('Z').map(|t| format!("{t}+00:00")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_may_be_missing() {
        let noon = moment("2026-11-21T12:00:00+00:00");
        assert!(noon.is_some());
        for text in ["2026-11-21T13:00:00+01:00", "2026-11-21T12:00:00", "2026-11-21T12:00:00Z", "2026-11-21 12:00:00.000000"] {
            assert_eq!(moment(text), noon, "{text}");
        }
        assert_eq!(noon.map(written).as_deref(), Some("2026-11-21T12:00:00+00:00"));
        assert_eq!(moment("soon"), None);
    }
}
