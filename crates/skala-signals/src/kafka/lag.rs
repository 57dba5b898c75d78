//! From offsets to lag.
//!
//! Decides: what each partition counts.
//! Inputs: per partition the group's commit, the first offset and the end; the source's rules; the commits of the last look.
//! Method: KEDA's Kafka scaler. Two differences, both where it would count wrongly: a whole partition is counted from its first
//!   record that is still there, and a commit beyond the end (the topic was made anew) counts as no commit.
//! Invariants: no partition counts less than zero.
//! Tested: `tests` below.

use std::collections::BTreeMap;

use skala_spec::model::{KafkaSource, OffsetReset};

/// How far a group is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records behind, over all partitions that count.
    pub total: u64,
    /// The same with the partitions that `excludePersistentLag` leaves out: what wakes a service from zero.
    pub with_persistent: u64,
    /// Partitions.
    pub partitions: u32,
    /// Partitions with lag that counts.
    pub partitions_with_lag: u32,
}

/// What is known of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offsets {
    /// The group's commit.
    pub(crate) committed: Option<i64>,
    /// The first record that is still there; only asked for where it matters.
    pub(crate) first: i64,
    /// One past the last record.
    pub(crate) end: i64,
}

/// Topic and number of a partition.
pub(crate) type Partition = (String, i32);
/// The commits that the last look saw.
pub(crate) type Previous = BTreeMap<Partition, i64>;

impl Offsets {
    /// The commit, unless it is beyond the end.
    pub(crate) fn usable(&self) -> Option<i64> {
        self.committed.filter(|c| (0..=self.end).contains(c))
    }

    fn behind(&self, source: &KafkaSource) -> u64 {
        let records = match (self.usable(), source.offset_reset, source.scale_to_zero_on_invalid_offset) {
            (Some(committed), _, _) => self.end.saturating_sub(committed),
            (None, _, true) => 0,
            (None, OffsetReset::Latest, false) => 1,
            (None, OffsetReset::Earliest, false) => self.end.saturating_sub(self.first),
        };
        u64::try_from(records).unwrap_or(0)
    }
}

/// Adds the partitions up; `previous` is brought up to date.
pub(crate) fn lag(source: &KafkaSource, partitions: &BTreeMap<Partition, Offsets>, previous: &mut Previous) -> Lag {
    let mut sum = Lag::default();
    let before = std::mem::take(previous);
    for (partition, offsets) in partitions {
        let records = offsets.behind(source);
        let stuck = match offsets.usable() {
            Some(committed) if source.exclude_persistent_lag => {
                previous.insert(partition.clone(), committed);
                before.get(partition) == Some(&committed)
            }
            _ => false,
        };
        let counted = if stuck { 0 } else { records };
        sum.total = sum.total.saturating_add(counted);
        sum.with_persistent = sum.with_persistent.saturating_add(records);
        sum.partitions = sum.partitions.saturating_add(1);
        sum.partitions_with_lag += u32::from(counted > 0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(more: &str) -> KafkaSource {
        serde_json::from_str(&format!(r#"{{"brokers": ["h:1"], "group": "g"{more}}}"#)).unwrap()
    }

    fn partitions(offsets: &[(Option<i64>, i64, i64)]) -> BTreeMap<Partition, Offsets> {
        let all = offsets.iter().enumerate();
        all.map(|(i, (committed, first, end))| {
            (("t".to_owned(), i as i32), Offsets { committed: *committed, first: *first, end: *end })
        })
        .collect()
    }

    #[test]
    fn rows() {
        let (latest, earliest) = ("", r#", "offsetReset": "earliest""#);
        let zero = r#", "scaleToZeroOnInvalidOffset": true"#;
        let rows: [(&str, Option<i64>, i64, i64, u64); 12] = [
            (latest, Some(3), 0, 10, 7),
            (latest, Some(10), 0, 10, 0),
            (latest, None, 0, 10, 1),
            (latest, None, 0, 0, 1),
            (zero, None, 0, 10, 0),
            (earliest, None, 0, 10, 10),
            (earliest, None, 4, 10, 6),
            (r#", "offsetReset": "earliest", "scaleToZeroOnInvalidOffset": true"#, None, 0, 10, 0),
            // Beyond the end: the topic was made anew.
            (latest, Some(11), 0, 10, 1),
            (earliest, Some(11), 0, 10, 10),
            (latest, Some(-1), 0, 10, 1),
            (latest, Some(0), 0, i64::MAX, i64::MAX as u64),
        ];
        for (options, committed, first, end, expected) in rows {
            let found = lag(&source(options), &partitions(&[(committed, first, end)]), &mut Previous::new());
            assert_eq!((found.total, found.with_persistent), (expected, expected), "{options} {committed:?} {first} {end}");
        }
    }

    #[test]
    fn a_commit_that_stands_still_is_left_out_but_wakes() {
        let source = source(r#", "excludePersistentLag": true"#);
        let mut previous = Previous::new();
        let first = lag(&source, &partitions(&[(Some(3), 0, 10), (Some(5), 0, 10)]), &mut previous);
        assert_eq!(first, Lag { total: 12, with_persistent: 12, partitions: 2, partitions_with_lag: 2 });
        let second = lag(&source, &partitions(&[(Some(3), 0, 12), (Some(6), 0, 12)]), &mut previous);
        assert_eq!(second, Lag { total: 6, with_persistent: 15, partitions: 2, partitions_with_lag: 1 });
        let third = lag(&source, &partitions(&[(Some(4), 0, 12), (Some(6), 0, 12)]), &mut previous);
        assert_eq!(third, Lag { total: 8, with_persistent: 14, partitions: 2, partitions_with_lag: 1 });
        // A partition that is gone is forgotten.
        lag(&source, &partitions(&[(Some(4), 0, 12)]), &mut previous);
        assert_eq!(previous.len(), 1);
    }

    #[test]
    fn sums_do_not_overflow() {
        let many = partitions(&[(Some(0), 0, i64::MAX), (Some(0), 0, i64::MAX), (Some(0), 0, i64::MAX)]);
        assert_eq!(lag(&source(""), &many, &mut Previous::new()).total, u64::MAX);
    }
}
