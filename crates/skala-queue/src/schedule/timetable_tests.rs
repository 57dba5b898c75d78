use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Time {
    text.parse().expect("a time")
}

fn check(cron: &str, zone: &str, after: &str, expected: Expect) {
    let table = Timetable::cron(cron, zone).expect("sound");
    expected.assert_eq(&table.next_shown(time(after), 4).join("\n"));
}

#[test]
fn a_time_of_day_in_the_gap_happens_right_after_it_and_one_that_comes_twice_happens_once() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2027-03-26T12:00:00Z",
        expect![[r#"
        2027-03-27T02:30:00+01:00[Europe/Berlin]
        2027-03-28T03:00:00+02:00[Europe/Berlin]
        2027-03-29T02:30:00+02:00[Europe/Berlin]
        2027-03-30T02:30:00+02:00[Europe/Berlin]"#]],
    );
    check(
        "0 2 * * *",
        "Europe/Berlin",
        "2027-03-27T12:00:00Z",
        expect![[r#"
        2027-03-28T03:00:00+02:00[Europe/Berlin]
        2027-03-29T02:00:00+02:00[Europe/Berlin]
        2027-03-30T02:00:00+02:00[Europe/Berlin]
        2027-03-31T02:00:00+02:00[Europe/Berlin]"#]],
    );
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2027-10-29T12:00:00Z",
        expect![[r#"
        2027-10-30T02:30:00+02:00[Europe/Berlin]
        2027-10-31T02:30:00+02:00[Europe/Berlin]
        2027-11-01T02:30:00+01:00[Europe/Berlin]
        2027-11-02T02:30:00+01:00[Europe/Berlin]"#]],
    );
    check(
        "30 2 * * *",
        "America/New_York",
        "2027-03-13T12:00:00Z",
        expect![[r#"
        2027-03-14T03:00:00-04:00[America/New_York]
        2027-03-15T02:30:00-04:00[America/New_York]
        2027-03-16T02:30:00-04:00[America/New_York]
        2027-03-17T02:30:00-04:00[America/New_York]"#]],
    );
    check(
        "30 1 * * *",
        "America/New_York",
        "2027-11-06T12:00:00Z",
        expect![[r#"
        2027-11-07T01:30:00-04:00[America/New_York]
        2027-11-08T01:30:00-05:00[America/New_York]
        2027-11-09T01:30:00-05:00[America/New_York]
        2027-11-10T01:30:00-05:00[America/New_York]"#]],
    );
    // Half an hour, and at midnight.
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2027-10-02T00:00:00Z",
        expect![[r#"
        2027-10-03T02:30:00+11:00[Australia/Lord_Howe]
        2027-10-04T02:15:00+11:00[Australia/Lord_Howe]
        2027-10-05T02:15:00+11:00[Australia/Lord_Howe]
        2027-10-06T02:15:00+11:00[Australia/Lord_Howe]"#]],
    );
    check(
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2027-04-02T12:00:00Z",
        expect![[r#"
        2027-04-03T01:45:00+11:00[Australia/Lord_Howe]
        2027-04-04T01:45:00+11:00[Australia/Lord_Howe]
        2027-04-05T01:45:00+10:30[Australia/Lord_Howe]
        2027-04-06T01:45:00+10:30[Australia/Lord_Howe]"#]],
    );
    check(
        "0 0 * * *",
        "America/Sao_Paulo",
        "2018-11-03T00:00:00Z",
        expect![[r#"
        2018-11-03T00:00:00-03:00[America/Sao_Paulo]
        2018-11-04T01:00:00-02:00[America/Sao_Paulo]
        2018-11-05T00:00:00-02:00[America/Sao_Paulo]
        2018-11-06T00:00:00-02:00[America/Sao_Paulo]"#]],
    );
    check(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-28T12:00:00Z",
        expect![[r#"
        2011-12-28T12:00:00-10:00[Pacific/Apia]
        2011-12-29T12:00:00-10:00[Pacific/Apia]
        2011-12-31T12:00:00+14:00[Pacific/Apia]
        2012-01-01T12:00:00+14:00[Pacific/Apia]"#]],
    );
}

#[test]
fn several_times_of_day_are_times_of_day_each() {
    check(
        "30 1,2,3 * * *",
        "Europe/Berlin",
        "2027-03-27T23:00:00Z",
        expect![[r#"
        2027-03-28T01:30:00+01:00[Europe/Berlin]
        2027-03-28T03:00:00+02:00[Europe/Berlin]
        2027-03-28T03:30:00+02:00[Europe/Berlin]
        2027-03-29T01:30:00+02:00[Europe/Berlin]"#]],
    );
    check(
        "0,30 2 * * *",
        "Europe/Berlin",
        "2027-10-30T23:00:00Z",
        expect![[r#"
        2027-10-31T02:00:00+02:00[Europe/Berlin]
        2027-10-31T02:30:00+02:00[Europe/Berlin]
        2027-11-01T02:00:00+01:00[Europe/Berlin]
        2027-11-01T02:30:00+01:00[Europe/Berlin]"#]],
    );
}

#[test]
fn times_that_come_back_skip_the_gap_and_happen_in_both_passes() {
    check(
        "*/30 * * * *",
        "Europe/Berlin",
        "2027-03-28T00:15:00Z",
        expect![[r#"
        2027-03-28T01:30:00+01:00[Europe/Berlin]
        2027-03-28T03:00:00+02:00[Europe/Berlin]
        2027-03-28T03:30:00+02:00[Europe/Berlin]
        2027-03-28T04:00:00+02:00[Europe/Berlin]"#]],
    );
    check(
        "0 */2 * * *",
        "Europe/Berlin",
        "2027-03-27T22:30:00Z",
        expect![[r#"
        2027-03-28T00:00:00+01:00[Europe/Berlin]
        2027-03-28T04:00:00+02:00[Europe/Berlin]
        2027-03-28T06:00:00+02:00[Europe/Berlin]
        2027-03-28T08:00:00+02:00[Europe/Berlin]"#]],
    );
    check(
        "*/30 2 * * *",
        "Europe/Berlin",
        "2027-10-30T23:45:00Z",
        expect![[r#"
        2027-10-31T02:00:00+02:00[Europe/Berlin]
        2027-10-31T02:30:00+02:00[Europe/Berlin]
        2027-10-31T02:00:00+01:00[Europe/Berlin]
        2027-10-31T02:30:00+01:00[Europe/Berlin]"#]],
    );
    check(
        "*/30 * * * *",
        "Australia/Lord_Howe",
        "2027-04-03T14:15:00Z",
        expect![[r#"
        2027-04-04T01:30:00+11:00[Australia/Lord_Howe]
        2027-04-04T01:30:00+10:30[Australia/Lord_Howe]
        2027-04-04T02:00:00+10:30[Australia/Lord_Howe]
        2027-04-04T02:30:00+10:30[Australia/Lord_Howe]"#]],
    );
    check(
        "*/30 * * * *",
        "Australia/Lord_Howe",
        "2027-10-02T15:00:00Z",
        expect![[r#"
        2027-10-03T02:30:00+11:00[Australia/Lord_Howe]
        2027-10-03T03:00:00+11:00[Australia/Lord_Howe]
        2027-10-03T03:30:00+11:00[Australia/Lord_Howe]
        2027-10-03T04:00:00+11:00[Australia/Lord_Howe]"#]],
    );
    check(
        "*/20 * * * *",
        "Asia/Kathmandu",
        "2027-01-01T00:00:00Z",
        expect![[r#"
        2027-01-01T06:00:00+05:45[Asia/Kathmandu]
        2027-01-01T06:20:00+05:45[Asia/Kathmandu]
        2027-01-01T06:40:00+05:45[Asia/Kathmandu]
        2027-01-01T07:00:00+05:45[Asia/Kathmandu]"#]],
    );
    check(
        "0 9 * * *",
        "Australia/Adelaide",
        "2027-01-01T00:00:00Z",
        expect![[r#"
        2027-01-02T09:00:00+10:30[Australia/Adelaide]
        2027-01-03T09:00:00+10:30[Australia/Adelaide]
        2027-01-04T09:00:00+10:30[Australia/Adelaide]
        2027-01-05T09:00:00+10:30[Australia/Adelaide]"#]],
    );
}

#[test]
fn seconds_names_last_days_weekdays_and_nth_days_are_read() {
    check(
        "*/20 * * * * *",
        "UTC",
        "2027-01-01T00:00:30Z",
        expect![[r#"
        2027-01-01T00:00:40+00:00[UTC]
        2027-01-01T00:01:00+00:00[UTC]
        2027-01-01T00:01:20+00:00[UTC]
        2027-01-01T00:01:40+00:00[UTC]"#]],
    );
    check(
        "0 8 * * MON-FRI",
        "UTC",
        "2027-01-01T09:00:00Z",
        expect![[r#"
        2027-01-04T08:00:00+00:00[UTC]
        2027-01-05T08:00:00+00:00[UTC]
        2027-01-06T08:00:00+00:00[UTC]
        2027-01-07T08:00:00+00:00[UTC]"#]],
    );
    check(
        "0 0 L FEB *",
        "UTC",
        "2027-01-01T00:00:00Z",
        expect![[r#"
        2027-02-28T00:00:00+00:00[UTC]
        2028-02-29T00:00:00+00:00[UTC]
        2029-02-28T00:00:00+00:00[UTC]
        2030-02-28T00:00:00+00:00[UTC]"#]],
    );
    check(
        "0 0 15W * *",
        "UTC",
        "2027-05-01T00:00:00Z",
        expect![[r#"
        2027-05-14T00:00:00+00:00[UTC]
        2027-06-15T00:00:00+00:00[UTC]
        2027-07-15T00:00:00+00:00[UTC]
        2027-08-16T00:00:00+00:00[UTC]"#]],
    );
    check(
        "0 0 * * FRI#2",
        "UTC",
        "2027-01-01T00:00:00Z",
        expect![[r#"
        2027-01-08T00:00:00+00:00[UTC]
        2027-02-12T00:00:00+00:00[UTC]
        2027-03-12T00:00:00+00:00[UTC]
        2027-04-09T00:00:00+00:00[UTC]"#]],
    );
    check(
        "0 0 * * FRIL",
        "UTC",
        "2027-01-01T00:00:00Z",
        expect![[r#"
        2027-01-29T00:00:00+00:00[UTC]
        2027-02-26T00:00:00+00:00[UTC]
        2027-03-26T00:00:00+00:00[UTC]
        2027-04-30T00:00:00+00:00[UTC]"#]],
    );
    // Either day, as in POSIX.
    check(
        "0 0 13 * FRI",
        "UTC",
        "2027-08-01T00:00:00Z",
        expect![[r#"
        2027-08-06T00:00:00+00:00[UTC]
        2027-08-13T00:00:00+00:00[UTC]
        2027-08-20T00:00:00+00:00[UTC]
        2027-08-27T00:00:00+00:00[UTC]"#]],
    );
    // Both, by croner's `+`, or as Celery has it.
    check(
        "0 0 13 * +FRI",
        "UTC",
        "2027-08-01T00:00:00Z",
        expect![[r#"
        2027-08-13T00:00:00+00:00[UTC]
        2028-10-13T00:00:00+00:00[UTC]
        2029-04-13T00:00:00+00:00[UTC]
        2029-07-13T00:00:00+00:00[UTC]"#]],
    );
    let both = Timetable::cron_of_both_days("0 0 13 * FRI", "UTC").expect("sound");
    expect![[r#"
        2027-08-13T00:00:00+00:00[UTC]
        2028-10-13T00:00:00+00:00[UTC]"#]]
    .assert_eq(&both.next_shown(time("2027-08-01T00:00:00Z"), 2).join("\n"));
    check(
        "0 0 29 2 *",
        "UTC",
        "2027-08-01T00:00:00Z",
        expect![[r#"
        2028-02-29T00:00:00+00:00[UTC]
        2032-02-29T00:00:00+00:00[UTC]
        2036-02-29T00:00:00+00:00[UTC]
        2040-02-29T00:00:00+00:00[UTC]"#]],
    );
}

#[test]
fn periods_count_from_the_epoch_and_a_moment_comes_once() {
    let every = |seconds| Timetable::every(Duration::from_secs(seconds), "Europe/Berlin").expect("sound");
    expect![[r#"
        2027-03-28T01:50:00+01:00[Europe/Berlin]
        2027-03-28T03:00:00+02:00[Europe/Berlin]
        2027-03-28T03:10:00+02:00[Europe/Berlin]"#]]
    .assert_eq(&every(600).next_shown(time("2027-03-28T00:45:00Z"), 3).join("\n"));
    expect![[r#"
        2027-01-01T05:00:00+01:00[Europe/Berlin]
        2027-01-01T12:00:00+01:00[Europe/Berlin]
        2027-01-01T19:00:00+01:00[Europe/Berlin]"#]]
    .assert_eq(&every(7 * 3600).next_shown(time("2027-01-01T00:00:00Z"), 3).join("\n"));
    let at = Timetable::at(time("2027-01-01T00:00:00.5Z"), "UTC").expect("sound");
    assert_eq!(at.next(time("2027-01-01T00:00:00Z")), Some(time("2027-01-01T00:00:00.5Z")));
    assert_eq!((at.next(time("2027-01-01T00:00:00.5Z")), at.last(time("2027-01-01T00:00:00Z"))), (None, None));
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let cron = |text: &str| Timetable::cron(text, "UTC").unwrap_err().to_string();
    expect!["`0 2 * *` is not a cron time such as `0 2 * * *` or, with seconds first, `*/10 * * * * *`"]
        .assert_eq(&cron("0 2 * *"));
    expect!["`61 2 * * *` is not a cron time such as `0 2 * * *` or, with seconds first, `*/10 * * * * *`"]
        .assert_eq(&cron("61 2 * * *"));
    expect!["`@daily` is not a cron time such as `0 2 * * *` or, with seconds first, `*/10 * * * * *`"]
        .assert_eq(&cron("@daily"));
    expect!["`0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,` is not a cron time such as `0 2 * * *` or, with seconds first, `*/10 * * * * *`"].assert_eq(&cron(&"0,".repeat(500)));
    expect!["`0 2 30 2 *` names a date that never comes"].assert_eq(&cron("0 2 30 2 *"));
    expect!["`Mars` is not the name of a time zone such as Europe/Berlin"]
        .assert_eq(&Timetable::cron("0 2 * * *", "Mars").unwrap_err().to_string());
    expect!["a period of 999ms is outside 1s to 100 years"]
        .assert_eq(&Timetable::every(Duration::from_millis(999), "UTC").unwrap_err().to_string());
    expect!["a period of 18446744073709551615.999999999s is outside 1s to 100 years"]
        .assert_eq(&Timetable::every(Duration::MAX, "UTC").unwrap_err().to_string());
}

#[test]
fn fingerprints_tell_timetables_apart_and_nothing_else() {
    let of = |text: &str, zone: &str| Timetable::cron(text, zone).expect("sound").fingerprint();
    assert_eq!(of("0 2 * * *", "Europe/Berlin"), of(" 0  2 * * * ", "europe/berlin"));
    assert_ne!(of("0 2 * * *", "Europe/Berlin"), of("0 2 * * *", "UTC"));
    assert_ne!(of("0 2 * * *", "UTC"), of("0 3 * * *", "UTC"));
    assert_ne!(of("0 2 * * *", "UTC"), Timetable::cron_of_both_days("0 2 * * *", "UTC").expect("sound").fingerprint());
}

/// One field: what is written, and the numbers that it means.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    numbers: Vec<i8>,
}

fn field(least: i8, most: i8) -> impl Strategy<Value = Field> {
    let all = move || Field { text: "*".into(), numbers: (least..=most).collect() };
    let step = move |by: i8| Field { text: format!("*/{by}"), numbers: (least..=most).step_by(by as usize).collect() };
    let range = move |a: i8, b: i8| {
        let (a, b) = (a.min(b), a.max(b));
        Field { text: format!("{a}-{b}"), numbers: (a..=b).collect() }
    };
    let list = move |n: std::collections::BTreeSet<i8>| Field {
        text: n.iter().map(i8::to_string).collect::<Vec<_>>().join(","),
        numbers: n.into_iter().collect(),
    };
    prop_oneof![
        2 => Just(all()),
        1 => (2i8..=7).prop_map(step),
        1 => (least..=most, least..=most).prop_map(move |(a, b)| range(a, b)),
        3 => proptest::collection::btree_set(least..=most, 1..3).prop_map(list),
    ]
}

/// All minutes of a span at which the fields match, by walking through it: each minute that there is, or, for times of day, each time of
/// each day, at its first pass or right after the gap.
fn walk(fields: &[Field; 5], zone: &TimeZone, from: Timestamp, days: i64) -> Vec<Timestamp> {
    let [minute, hour, day, month, weekday] = fields;
    let on_day = |date: jiff::civil::Date| {
        let days = (day.numbers.contains(&date.day()), weekday.numbers.contains(&date.weekday().to_sunday_zero_offset()));
        let matches = match (day.text == "*", weekday.text == "*") {
            (false, false) => days.0 || days.1,
            _ => days.0 && days.1,
        };
        matches && month.numbers.contains(&date.month())
    };
    let until = from + jiff::SignedDuration::from_hours(24 * days);
    let is_list = |field: &Field| field.text.bytes().all(|b| b.is_ascii_digit() || b == b',');
    let mut found = Vec::new();
    if is_list(minute) && is_list(hour) {
        let mut date = from.to_zoned(zone.clone()).date().yesterday().expect("a date");
        while let Ok(start) = date.to_zoned(zone.clone())
            && start.timestamp() <= until
        {
            for (h, m) in hour.numbers.iter().flat_map(|h| minute.numbers.iter().map(move |m| (*h, *m))).filter(|_| on_day(date))
            {
                let wall = date.at(h, m, 0, 0);
                let ambiguous = zone.to_ambiguous_timestamp(wall);
                let at = match ambiguous.offset() {
                    // The end of the gap is the last change of clocks before what comes of reading the time with the offset before it.
                    jiff::tz::AmbiguousOffset::Gap { .. } => {
                        let behind = ambiguous.later().expect("a time") + jiff::SignedDuration::from_nanos(1);
                        zone.preceding(behind).next().expect("a gap has an end").timestamp()
                    }
                    _ => ambiguous.earlier().expect("a time"),
                };
                found.push(at);
            }
            date = date.tomorrow().expect("a date");
        }
    } else {
        let mut at = from;
        while at <= until {
            let local = at.to_zoned(zone.clone());
            let time = minute.numbers.contains(&local.minute()) && hour.numbers.contains(&local.hour());
            if time && on_day(local.date()) {
                found.push(at);
            }
            at += jiff::SignedDuration::from_mins(1);
        }
    }
    found.retain(|at| *at > from && *at <= until);
    found.sort();
    found.dedup();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_texts_have_the_times_that_a_minute_by_minute_walk_finds(
        minute in field(0, 59), hour in field(0, 23), day in field(1, 31), month in field(1, 12), weekday in field(0, 6),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
        start in 0i64..365,
    ) {
        let fields = [minute, hour, day, month, weekday];
        let text = fields.iter().map(|f| f.text.as_str()).collect::<Vec<_>>().join(" ");
        let table = Timetable::cron(&text, zone);
        prop_assume!(!matches!(table, Err(TimetableError::Never(_))));
        let table = table.expect("sound");
        let from: Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
        let from = from + jiff::SignedDuration::from_hours(24 * start);
        let first = Time::from_nanos(from.as_nanosecond() as u64);
        let expected = walk(&fields, &table.zone, from, 60);
        let until = first + Duration::from_secs(60 * 86_400);
        let found: Vec<Time> = std::iter::successors(table.next(first), |at| table.next(*at)).take_while(|at| *at <= until).take(2000).collect();
        let shown = |at: Time| table.show(at);
        let expected: Vec<Time> = expected.iter().map(|at| Time::from_nanos(at.as_nanosecond() as u64)).take(2000).collect();
        if let Some(n) = (0..found.len().max(expected.len())).find(|n| found.get(*n) != expected.get(*n)) {
            prop_assert!(false, "{text} in {zone}, {n}: {:?} instead of {:?}", found.get(n).map(|t| shown(*t)), expected.get(n).map(|t| shown(*t)));
        }
        // Backwards the same times come.
        for pair in found.windows(2) {
            let before = pair[1].minus(Duration::from_nanos(1));
            prop_assert_eq!(table.last(before).map(shown), Some(shown(pair[0])), "{} in {}, before {}", text, zone, shown(pair[1]));
            prop_assert_eq!(table.last(pair[1]), Some(pair[1]));
        }
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_refused(text in "[-*/,0-9LWFRI#+?@ ]{0,30}", loose in ".{0,40}", after: u64) {
        for text in [text, loose] {
            let Ok(table) = Timetable::cron(&text, "Europe/Berlin") else { continue };
            let next = table.next(Time::from_nanos(after));
            prop_assert!(next.is_none_or(|next| next > Time::from_nanos(after)));
            prop_assert!(table.last(Time::from_nanos(after)).is_none_or(|last| last <= Time::from_nanos(after)));
        }
    }
}
