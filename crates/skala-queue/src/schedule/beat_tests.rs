use expect_test::{Expect, expect};
use proptest::prelude::*;
use skala_types::Time;

use super::*;

fn check(schedule: &str, expected: Expect) {
    let export = format!(r#"{{"e": {{"task": "app.work", "schedule": {schedule}}}}}"#);
    let (taken, refused) = read_beat(&export, "Europe/Berlin").expect("an object");
    let after: Time = "2027-01-01T12:00:00Z".parse().expect("a time");
    let row = |entry: &BeatEntry| format!("{}: {}", entry.timetable.text(), entry.timetable.next_shown(after, 2).join(", "));
    let rows: Vec<String> = taken.iter().map(row).chain(refused.iter().map(ToString::to_string)).collect();
    expected.assert_eq(&rows.join("\n"));
}

#[test]
fn crontabs_are_read_by_celerys_rules() {
    check(
        r#"{"type": "crontab"}"#,
        expect!["* * * * * both days: 2027-01-01T13:01:00+01:00[Europe/Berlin], 2027-01-01T13:02:00+01:00[Europe/Berlin]"],
    );
    check(
        r#"{"type": "crontab", "minute": "*/15", "hour": "8-17"}"#,
        expect![
            "*/15 8,9,10,11,12,13,14,15,16,17 * * * both days: 2027-01-01T13:15:00+01:00[Europe/Berlin], 2027-01-01T13:30:00+01:00[Europe/Berlin]"
        ],
    );
    check(
        r#"{"type": "crontab", "minute": 30, "hour": [7, "19"], "day_of_week": "mon-fri"}"#,
        expect![
            "30 7,19 * * 1,2,3,4,5 both days: 2027-01-01T19:30:00+01:00[Europe/Berlin], 2027-01-04T07:30:00+01:00[Europe/Berlin]"
        ],
    );
    check(
        r#"{"type": "crontab", "minute": 0, "hour": "22-2/2"}"#,
        expect!["0 0,2,22 * * * both days: 2027-01-01T22:00:00+01:00[Europe/Berlin], 2027-01-02T00:00:00+01:00[Europe/Berlin]"],
    );
    check(
        r#"{"type": "crontab", "minute": "0", "hour": "0", "day_of_week": "fri-sun", "month_of_year": "Feb,march"}"#,
        expect!["0 0 * 2,3 0,5,6 both days: 2027-02-05T00:00:00+01:00[Europe/Berlin], 2027-02-06T00:00:00+01:00[Europe/Berlin]"],
    );
    // Both days, where cron takes either: Friday the 13th.
    check(
        r#"{"type": "crontab", "minute": 0, "hour": 0, "day_of_week": "friday", "day_of_month": 13}"#,
        expect!["0 0 13 * 5 both days: 2027-08-13T00:00:00+02:00[Europe/Berlin], 2028-10-13T00:00:00+02:00[Europe/Berlin]"],
    );
    check(
        r#"{"type": "crontab", "minute": 0, "hour": 6, "timezone": "Asia/Tokyo"}"#,
        expect!["0 6 * * * both days: 2027-01-02T06:00:00+09:00[Asia/Tokyo], 2027-01-03T06:00:00+09:00[Asia/Tokyo]"],
    );
}

#[test]
fn intervals_are_periods() {
    check(
        r#"{"type": "interval", "seconds": 30.0}"#,
        expect!["every 30s: 2027-01-01T13:00:30+01:00[Europe/Berlin], 2027-01-01T13:01:00+01:00[Europe/Berlin]"],
    );
    check(
        r#"{"type": "interval", "seconds": 5400}"#,
        expect!["every 5400s: 2027-01-01T14:30:00+01:00[Europe/Berlin], 2027-01-01T16:00:00+01:00[Europe/Berlin]"],
    );
}

#[test]
fn what_is_not_taken_over_is_said_and_why() {
    check(
        r#"{"type": "solar", "event": "sunset", "lat": 52.5, "lon": 13.4}"#,
        expect![
            "beat entry e: a solar schedule (sunrise, sunset) is not taken over; keep it in Beat, or write a cron time instead"
        ],
    );
    check(
        r#"{"type": "lunar"}"#,
        expect!["beat entry e: its schedule is none of crontab, interval; keep it in Beat, or write a cron time instead"],
    );
    check(r#"{"type": "interval", "seconds": 0.5}"#, expect!["beat entry e: a period of 500ms is outside 1s to 100 years"]);
    check(r#"{"type": "interval", "seconds": -1}"#, expect!["beat entry e: an interval of -1 s cannot be"]);
    check(r#"{"type": "crontab", "minute": "60"}"#, expect!["beat entry e: minute `60` is not a crontab field"]);
    check(r#"{"type": "crontab", "minute": "*/0"}"#, expect!["beat entry e: minute `*/0` is not a crontab field"]);
    check(
        r#"{"type": "crontab", "day_of_week": "someday"}"#,
        expect!["beat entry e: day_of_week `someday` is not a crontab field"],
    );
    check(
        r#"{"type": "crontab", "minute": 0, "hour": 0, "day_of_month": 30, "month_of_year": 2}"#,
        expect!["beat entry e: `0 0 30 2 *` names a date that never comes"],
    );
    check(
        r#"{"type": "crontab", "timezone": "Mars"}"#,
        expect!["beat entry e: `Mars` is not the name of a time zone such as Europe/Berlin"],
    );
    expect![
        "the export of the beat schedule is no JSON object of entries: invalid type: sequence, expected a map at line 1 column 0"
    ]
    .assert_eq(&read_beat("[]", "UTC").unwrap_err().to_string());
}

#[test]
fn arguments_and_options_are_kept_as_they_are() {
    let export = r#"{"nightly": {"task": "app.work", "schedule": {"type": "interval", "seconds": 60}, "args": [1, {"a": null}],
        "kwargs": {"b": 2.5}, "options": {"queue": "slow", "expires": 30}}, "broken": 5}"#;
    let (taken, refused) = read_beat(export, "UTC").expect("an object");
    let entry = &taken[0];
    let row = format!("{} {} {:?} {:?} {:?} {}", entry.name, entry.task, entry.args, entry.kwargs, entry.options, refused.len());
    expect![[r#"nightly app.work [Number(1), Object {"a": Null}] {"b": Number(2.5)} {"queue": String("slow"), "expires": Number(30)} 1"#]].assert_eq(&row);
}

/// Random crontabs, and the next four minutes (UTC) that lie in the sets into which `celery.schedules.crontab` of Celery 5.7 expands
/// their fields.
#[test]
fn random_crontabs_have_the_times_that_celery_gives_them() {
    let cases: Vec<(Value, Vec<String>)> = serde_json::from_str(include_str!("beat_cases.json")).expect("sound");
    for (mut crontab, expected) in cases {
        crontab["type"] = "crontab".into();
        let export = serde_json::json!({"e": {"task": "t", "schedule": crontab}}).to_string();
        let (taken, refused) = read_beat(&export, "UTC").expect("an object");
        let after: Time = "2027-01-01T12:00:00Z".parse().expect("a time");
        let found = taken.first().map(|entry| entry.timetable.next_shown(after, expected.len())).unwrap_or_default();
        let found: Vec<String> = found.into_iter().map(|at| at[..16].to_owned()).collect();
        assert_eq!(found, expected, "{crontab} {refused:?}");
    }
}

proptest! {
    #[test]
    fn no_export_is_too_strange_to_be_read(text in ".{0,80}", field in "[-*/,0-9a-z ]{0,12}") {
        let _ = read_beat(&text, "UTC");
        let export = serde_json::json!({"e": {"task": "t", "schedule": {"type": "crontab", "minute": field}}});
        let (taken, refused) = read_beat(&export.to_string(), "UTC").expect("an object");
        prop_assert_eq!(taken.len() + refused.len(), 1);
    }
}
