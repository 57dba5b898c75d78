//! Schedules: what the grammar takes, what it refuses, and what the scheduler gets.

use expect_test::{Expect, expect};
use skala_spec::TaskSchedule;

use crate::{listing, load_in};

const PLATFORM: &str = "platform: p
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
services:
  api: {command: [./api, $PORT], drain: 10m}
  worker: {command: [./worker], drain: 10m}
queues:
  ingestion: {deliver: {service: worker}, cost: 0.01 EUR}
  small: {deliver: {service: worker}, maxTasks: 10, maxBody: 1Ki, durability: memory}
  mail: {deliver: {service: worker, celery: {broker: 'redis://127.0.0.1:6379/0'}}}
routes: [{path: /, service: api}]
schedules:
";

fn check(schedules: &str, expected: Expect) {
    let loaded = load_in(&format!("{PLATFORM}{schedules}"), None);
    expected.assert_eq(&listing(&loaded));
    assert_eq!(loaded.platform.is_none(), loaded.problems.iter().any(skala_spec::Problem::is_error));
}

fn lowered(schedules: &str) -> Vec<TaskSchedule> {
    let loaded = load_in(&format!("{PLATFORM}{schedules}"), None);
    loaded.platform.clone().unwrap_or_else(|| panic!("{}", listing(&loaded))).task_schedules()
}

const GOOD: &str = r#"  nightly: {cron: "0 2 * * *", timezone: Europe/Berlin, queue: ingestion, body: {all: true, n: [1, 2]}, tenant: acme, tasks: 3,
            misfire: {all: 10}, catchUp: 2h, overlap: skip, budget: 1 EUR/day}
  seconds: {cron: "*/10 * * * * *", queue: ingestion, misfire: skip, overlap: buffer, paused: true}
  often: {every: 10m, queue: ingestion, misfire: all, overlap: cancel}
  once: {at: "2027-01-01T02:00:00+02:00", queue: ingestion}
  called: {cron: "0 4 * * MON-FRI", budget: 2 EUR/h,
           http: {service: api, path: "/cron?x=1", method: PUT, headers: {X-Token: "${DB_PASSWORD}", Accept: text/plain}, body: [1], timeout: 5m}}
  mailed: {every: 1h, queue: mail, body: {task: app.tasks.mail, args: [1], kwargs: {a: b}}}
"#;

#[test]
fn what_the_grammar_takes_and_the_scheduler_gets() {
    check(GOOD, expect![[""]]);
    let shown: Vec<String> = lowered(GOOD)
        .iter()
        .map(|s| {
            let of = &s.settings;
            format!(
                "{} {:?} {:?} {:?} {:?} paused {}\n  {} tenant {:?} x{} {} {:?}\n  {:?}\n",
                of.name,
                of.timetable.next_shown("2026-06-01T00:00:00Z".parse().unwrap(), 2),
                of.misfire,
                of.catch_up,
                of.overlap,
                of.paused,
                s.queue,
                s.tenant,
                s.tasks,
                s.body,
                s.budget,
                s.request
            )
        })
        .collect();
    expect![[r#"
        nightly ["2026-06-02T02:00:00+02:00[Europe/Berlin]", "2026-06-03T02:00:00+02:00[Europe/Berlin]"] All(10) 7200s Skip paused false
          ingestion tenant "acme" x3 {"all":true,"n":[1,2]} Some(Ceiling { of: Schedule, micros: 1000000, per: Day })
          None
        seconds ["2026-06-01T00:00:10+00:00[UTC]", "2026-06-01T00:00:20+00:00[UTC]"] Skip 86400s Buffer paused true
          ingestion tenant "" x1 null None
          None
        often ["2026-06-01T00:10:00+00:00[UTC]", "2026-06-01T00:20:00+00:00[UTC]"] All(1000) 86400s Cancel paused false
          ingestion tenant "" x1 null None
          None
        once ["2027-01-01T00:00:00+00:00[UTC]"] Once 86400s Allow paused false
          ingestion tenant "" x1 null None
          None
        called ["2026-06-01T04:00:00+00:00[UTC]", "2026-06-02T04:00:00+00:00[UTC]"] Once 86400s Allow paused false
          schedules.api tenant "" x1 [1] Some(Ceiling { of: Schedule, micros: 2000000, per: Hour })
          Some(ScheduledRequest { service: ServiceName("api"), method: "PUT", path: "/cron?x=1", headers: {"Accept": Plain("text/plain"), "X-Token": Secret(***)}, with_body: true, timeout: 300s })
        mailed ["2026-06-01T01:00:00+00:00[UTC]", "2026-06-01T02:00:00+00:00[UTC]"] Once 86400s Allow paused false
          mail tenant "" x1 {"task":"app.tasks.mail","args":[1],"kwargs":{"a":"b"}} None
          None
    "#]].assert_eq(&shown.concat());
}

#[test]
fn schedules_call_services_through_a_queue_that_no_name_in_the_file_can_have() {
    let platform = load_in(&format!("{PLATFORM}{GOOD}"), None).platform.expect("sound");
    let hidden: Vec<_> = platform.task_queues().into_iter().filter(|q| q.hidden).collect();
    let shown: Vec<_> =
        hidden.iter().map(|q| format!("{} {:?} {:?}", q.settings.name, q.delivery, q.settings.schedule_ceilings)).collect();
    expect![[r#"schedules.api Push { service: ServiceName("api"), path: "/" } {"called": Ceiling { of: Schedule, micros: 2000000, per: Hour }}"#]].assert_eq(&shown.join("\n"));
    let ingestion = &platform.task_queues()[0].settings;
    assert_eq!(ingestion.schedule_ceilings.keys().map(|k| k.as_str()).collect::<Vec<_>>(), ["nightly"]);
}

#[test]
fn defaults() {
    let one = lowered("  a: {every: 1m, queue: ingestion}\n");
    let of = &one[0].settings;
    expect![[r#"Once 86400s Allow false "" 1 null"#]].assert_eq(&format!(
        "{:?} {:?} {:?} {} {:?} {} {}",
        of.misfire, of.catch_up, of.overlap, of.paused, one[0].tenant, one[0].tasks, one[0].body
    ));
}

#[test]
fn when_and_for_whom_must_be_said_once() {
    check(
        r#"  nothing: {}
  when: {queue: ingestion}
  twice: {cron: "0 2 * * *", every: 1h, queue: ingestion}
  whom: {every: 1h}
  both: {every: 1h, queue: ingestion, http: {service: api, path: /}}
  body: {every: 1h, body: 1, http: {service: api, path: /}}
  zone: {every: 1h, timezone: Europe/Berlin, queue: ingestion}
"#,
        expect![[r#"
            skala.yaml:12:3: error[E0805] schedules.nothing: this schedule has no time -> add `cron: "0 2 * * *"`, `every: 10m` or `at: 2027-01-01T00:00:00Z`
            skala.yaml:12:3: error[E0805] schedules.nothing: nobody gets the tasks of this schedule -> add `queue: NAME`, or `http: {service: NAME, path: /...}`
            skala.yaml:13:3: error[E0805] schedules.when: this schedule has no time -> add `cron: "0 2 * * *"`, `every: 10m` or `at: 2027-01-01T00:00:00Z`
            skala.yaml:14:37: error[E0805] schedules.twice.every: this schedule has cron and every -> keep one of them
            skala.yaml:15:3: error[E0805] schedules.whom: nobody gets the tasks of this schedule -> add `queue: NAME`, or `http: {service: NAME, path: /...}`
            skala.yaml:16:39: error[E0805] schedules.both.http: this schedule has `queue` and `http` -> keep one of them
            skala.yaml:17:27: error[E0805] schedules.body.body: the body of a request stands in `http` -> move it there: `http: {..., body: ...}`
            skala.yaml:18:31: warning[W0810] schedules.zone.timezone: `every` is the same in every time zone -> remove it, or use `cron`
        "#]],
    );
}

#[test]
fn times_that_cannot_be() {
    check(
        r#"  fields: {cron: "0 2 * *", queue: ingestion}
  seven: {cron: "0 0 2 * * * 2027", queue: ingestion}
  never: {cron: "0 2 30 2 *", queue: ingestion}
  bad: {cron: "61 2 * * *", queue: ingestion}
  short: {every: 500ms, queue: ingestion}
  unit: {every: 10, queue: ingestion}
  long: {every: 800d, queue: ingestion}
  naive: {at: "2027-01-01T00:00:00", queue: ingestion}
  zoned: {at: "2027-01-01T00:00:00+01:00[Europe/Berlin]", queue: ingestion}
  old: {at: "1969-01-01T00:00:00Z", queue: ingestion}
  word: {at: tomorrow, queue: ingestion}
  zone: {cron: "0 2 * * *", timezone: Europe/Berlim, queue: ingestion}
  catch: {every: 1m, catchUp: 0s, queue: ingestion}
"#,
        expect![[r#"
            skala.yaml:12:18: error[E0204] schedules.fields.cron: `0 2 * *` does not have five fields, or six with the seconds first (a cron time is wanted here) -> write minute, hour, day of the month, month and day of the week, like `0 2 * * *`, `30 0 2 * * MON-FRI` with seconds
            skala.yaml:13:17: error[E0204] schedules.seven.cron: `0 0 2 * * * 2027` does not have five fields, or six with the seconds first (a cron time is wanted here) -> write minute, hour, day of the month, month and day of the week, like `0 2 * * *`, `30 0 2 * * MON-FRI` with seconds
            skala.yaml:14:17: error[E0204] schedules.never.cron: `0 2 30 2 *` names a date that never comes (a cron time is wanted here) -> look at the day of the month and the month
            skala.yaml:15:15: error[E0204] schedules.bad.cron: `61 2 * * *` is not a cron time -> write it like `0 2 * * *`, `30 0 2 * * MON-FRI` with seconds
            skala.yaml:16:18: error[E0805] schedules.short.every: the duration is out of range -> use 1s to 365d
            skala.yaml:17:17: error[E0204] schedules.unit.every: `10` has no unit (a duration is wanted here) -> write `10s` for seconds, or `10ms`, `10m`, `10h`
            skala.yaml:18:17: error[E0805] schedules.long.every: the duration is out of range -> use 1s to 365d
            skala.yaml:19:15: error[E0204] schedules.naive.at: `2027-01-01T00:00:00` does not say how far from UTC (a moment is wanted here) -> end it with `Z`, or with an offset such as `+02:00`
            skala.yaml:20:15: error[E0204] schedules.zoned.at: `2027-01-01T00:00:00+01:00[Europe/Berlin]` is not a moment -> write it like `2027-01-01T00:00:00Z`, `2027-01-01T02:00:00+02:00`
            skala.yaml:21:13: error[E0204] schedules.old.at: `1969-01-01T00:00:00Z` lies before 1970 or too far ahead (a moment is wanted here) -> use a year from 1970 to 2500
            skala.yaml:22:14: error[E0204] schedules.word.at: `tomorrow` is not a moment -> write it like `2027-01-01T00:00:00Z`, `2027-01-01T02:00:00+02:00`
            skala.yaml:23:39: error[E0204] schedules.zone.timezone: `Europe/Berlim` is not the name of a time zone -> did you mean `Europe/Berlin`?
            skala.yaml:24:31: error[E0805] schedules.catch.catchUp: the duration is out of range -> use 1ms to 365d
        "#]],
    );
}

#[test]
fn words_and_numbers() {
    check(
        r#"  misfire: {every: 1m, queue: ingestion, misfire: never}
  none: {every: 1m, queue: ingestion, misfire: {all: 0}}
  many: {every: 1m, queue: ingestion, misfire: {all: 1001}}
  overlap: {every: 1m, queue: ingestion, overlap: queue}
  tasks: {every: 1m, queue: ingestion, tasks: 0}
"#,
        expect![[r#"
            skala.yaml:12:51: error[E0205] schedules.misfire.misfire: `never` is not one of the choices -> write one of once, skip and all
            skala.yaml:13:54: error[E0206] schedules.none.misfire.all: the number is out of range -> use 1 to 1000
            skala.yaml:14:54: error[E0206] schedules.many.misfire.all: the number is out of range -> use 1 to 1000
            skala.yaml:15:51: error[E0205] schedules.overlap.overlap: `queue` is not one of the choices -> write one of allow, skip, buffer and cancel
            skala.yaml:16:47: error[E0206] schedules.tasks.tasks: the number is out of range -> use 1 to 1000000
        "#]],
    );
}

#[test]
fn targets_that_do_not_fit() {
    check(
        &format!(
            r#"  queue: {{every: 1m, queue: ingestoin}}
  holds: {{every: 1m, queue: small, tasks: 11, body: {}}}
  mail: {{every: 1m, queue: mail}}
  named: {{every: 1m, queue: mail, body: {{args: []}}, budget: 1 EUR/day}}
  service: {{every: 1m, http: {{service: apo, path: cron}}}}
  request: {{every: 1m, http: {{service: api, path: "/a b", method: GET, body: 1, timeout: 2d, headers: {{Host: x, "a b": c, ok: "x\ny"}}}}}}
  method: {{every: 1m, http: {{service: api, path: /, method: FETCH}}}}
"#,
            "x".repeat(1100)
        ),
        expect![[r#"
            skala.yaml:8:79: warning[W0802] queues.small.durability: tasks of the schedule `holds` are in memory alone (after a crash they are gone, and their time counts as dealt with) -> use `durability: fsync`
            skala.yaml:12:29: error[E0801] schedules.queue.queue: there is no queue `ingestoin` -> did you mean `ingestion`?
            skala.yaml:13:43: error[E0805] schedules.holds.tasks: it makes 11 tasks at a time, and `small` holds 10 -> lower it, or raise `maxTasks` of the queue
            skala.yaml:13:53: error[E0805] schedules.holds.body: the body has 1102 bytes, and `small` takes 1Ki -> make it shorter, or raise `maxBody` of the queue
            skala.yaml:14:3: error[E0805] schedules.mail: a task for Celery has a name (the workers of `mail` find it by that) -> write `body: {task: app.tasks.cleanup, args: [], kwargs: {}}`
            skala.yaml:15:35: error[E0805] schedules.named.body: a task for Celery has a name (the workers of `mail` find it by that) -> write `body: {task: app.tasks.cleanup, args: [], kwargs: {}}`
            skala.yaml:15:61: warning[W0804] schedules.named.budget: `budget` has no meaning here (`mail` is in a Celery broker, which counts no money) -> remove it
            skala.yaml:16:40: error[E0801] schedules.service.http.service: there is no service `apo` -> did you mean `api`?
            skala.yaml:16:51: error[E0805] schedules.service.http.path: this is no path of a request -> start it with `/`, without spaces and `#`, such as `/cron/nightly`
            skala.yaml:17:51: error[E0805] schedules.request.http.path: this is no path of a request -> start it with `/`, without spaces and `#`, such as `/cron/nightly`
            skala.yaml:17:78: error[E0805] schedules.request.http.body: a GET has no body -> remove it, or use `method: POST`
            skala.yaml:17:90: error[E0805] schedules.request.http.timeout: the duration is out of range -> use more than 0s, up to 1d
            skala.yaml:17:110: error[E0805] schedules.request.http.headers.Host: skala sets this header itself -> remove it
            skala.yaml:17:120: error[E0805] schedules.request.http.headers.a b: this is not a header's name -> use letters, digits and `-`
            skala.yaml:17:127: error[E0805] schedules.request.http.headers.ok: the value contains a line end or another control character
            skala.yaml:18:61: error[E0205] schedules.method.http.method: `FETCH` is not one of the choices -> write one of POST, GET, PUT, PATCH and DELETE
        "#]],
    );
}

#[test]
fn money_of_schedules() {
    check(
        r#"  zero: {every: 1m, queue: ingestion, budget: 0 EUR/day}
  other: {every: 1m, queue: ingestion, budget: 1 USD/day}
  less: {every: 1m, queue: ingestion, budget: 0.005 EUR/day}
"#,
        expect![[r#"
            skala.yaml:12:47: error[E0806] schedules.zero.budget: a budget of 0 EUR/day lets nothing run -> use a millionth or more
            skala.yaml:13:48: error[E0703] schedules.other.budget: this is in USD, and cost.currency in EUR (amounts of different currencies cannot be added) -> give it in EUR
            skala.yaml:14:47: error[E0806] schedules.less.budget: one attempt costs 0.01 EUR, which is more than 0.005 EUR/day allows at all (every task would wait for ever) -> raise the budget, or correct `cost` of the queue
        "#]],
    );
}

#[test]
fn a_request_of_a_schedule_wakes_its_service() {
    let text = "platform: p\nservices: {api: {command: [./api, $PORT], concurrency: 2, autoscaling: {minReplicas: 0, maxReplicas: 3, metrics: [{concurrency: 2}]}}}\n\
                schedules: {a: {every: 1m, http: {service: api, path: /a}}, b: {every: 2m, http: {service: api, path: /b}}}\n";
    let loaded = load_in(text, None);
    assert_eq!(listing(&loaded), "");
    let policy = loaded.platform.expect("sound").services["api"].policy().expect("run").expect("sound");
    assert_eq!(policy.spec().wakes_by, ["schedules.api".into()]);
}
