//! Cron texts and Celery's exported schedules: read or refused; what is read gives times that go forwards, at a bounded cost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_queue::schedule::{Timetable, read_beat};
use skala_types::Time;

const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
/// 2011-12-29, before the day that Samoa left out, and 2027-01-15.
const FROM: [u64; 2] = [1_325_116_800, 1_800_000_000];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let zone = ZONES[usize::from(*first) % ZONES.len()];
    let from = Time::from_secs(FROM[usize::from(*first >> 4) % FROM.len()]);
    for table in [Timetable::cron(text, zone), Timetable::cron_of_both_days(text, zone)] {
        match table {
            Ok(table) => look(&table, from),
            Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
        }
    }
    if let Ok((entries, refused)) = read_beat(text, zone) {
        entries.iter().take(4).for_each(|entry| look(&entry.timetable, from));
        refused.iter().for_each(|error| assert!(!error.to_string().is_empty()));
    }
});

fn look(table: &Timetable, from: Time) {
    let times: Vec<Time> = std::iter::successors(table.next(from), |at| table.next(*at)).take(4).collect();
    assert!(times.iter().all(|at| *at > from) && times.is_sorted_by(|a, b| a < b), "{} {times:?}", table.text());
    if let [.., before, last] = times.as_slice() {
        assert_eq!(table.last(*last), Some(*last), "{}", table.text());
        assert_eq!(table.last_of(*before, *last, 9), [*last], "{}", table.text());
    }
    assert_eq!(table.next_shown(from, 4).len(), times.len());
}
