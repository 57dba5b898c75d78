//! The price of schedules: `cargo bench -p skala-queue --bench schedule` (or with `--profile quick`).

use std::collections::BTreeMap;
use std::time::Duration;

use divan::{Bencher, black_box};
use skala_queue::schedule::{Misfire, Overlap, ScheduleSettings, Scheduler, Timetable};
use skala_types::Time;

/// 1 January 2027.
const NOW: Time = Time::from_secs(1_798_761_600);
/// Most schedules of a platform.
const MANY: usize = 10_000;

fn main() {
    divan::main();
}

fn settings(n: usize, text: &str) -> ScheduleSettings {
    ScheduleSettings {
        name: format!("s{n}").into(),
        timetable: Timetable::cron(text, "Europe/Berlin").expect("sound"),
        misfire: Misfire::All(1000),
        catch_up: Duration::from_secs(7 * 86_400),
        overlap: Overlap::Allow,
        paused: false,
    }
}

fn many() -> Scheduler {
    let settings = (0..MANY).map(|n| settings(n, &format!("{} {} * * *", n % 60, n / 60 % 24))).collect();
    let mut scheduler = Scheduler::new(settings, &BTreeMap::new(), NOW).expect("names differ");
    while !scheduler.due(NOW, 1000, |_| false).is_empty() {}
    scheduler
}

#[divan::bench(args = ["0 2 * * *", "*/10 * * * * *", "0 8,12,16 * * MON-FRI", "0 0 29 2 *"])]
fn next(bencher: Bencher<'_, '_>, text: &str) {
    let table = Timetable::cron(text, "Europe/Berlin").expect("sound");
    bencher.bench_local(|| table.next(black_box(NOW)));
}

#[divan::bench(args = ["0 2 30 2 *", "0 2 * * *"])]
fn read(bencher: Bencher<'_, '_>, text: &str) {
    bencher.bench_local(|| Timetable::cron(black_box(text), "Europe/Berlin").is_ok());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn start_ten_thousand() -> Scheduler {
    many()
}

#[divan::bench]
fn nothing_due_of_ten_thousand(bencher: Bencher<'_, '_>) {
    let mut scheduler = many();
    let now = scheduler.next_wake(NOW).expect("there is one").minus(Duration::from_nanos(1));
    bencher.bench_local(|| (scheduler.due(now, 1000, |_| false), scheduler.next_wake(now)));
}

/// A minute's schedule was away for a year; the last thousand are made up for.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn make_up_for_a_thousand(bencher: Bencher<'_, '_>) {
    let away = NOW + Duration::from_secs(365 * 86_400);
    bencher
        .with_inputs(|| {
            let mut scheduler = Scheduler::new(vec![settings(0, "* * * * *")], &BTreeMap::new(), NOW).expect("one name");
            let _ = scheduler.due(NOW, 1, |_| false);
            scheduler
        })
        .bench_local_refs(|scheduler| {
            let mut steps = 0;
            while !scheduler.due(away, 1000, |_| false).is_empty() {
                steps += 1;
            }
            assert_eq!(steps, 1001, "those missed, and the one on time");
        });
}
