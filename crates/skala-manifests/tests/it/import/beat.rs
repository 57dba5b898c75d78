//! Celery's beat schedules in, `schedules:` out.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use skala_manifests::import::beat;
use skala_spec::{LoadOptions, Source, load};

use super::shown;

fn check(document: &str, expected: &Expect) {
    match beat("app", document) {
        Ok(imported) => {
            expected.assert_eq(&shown(&imported));
            loads(&imported.yaml());
        }
        Err(error) => expected.assert_eq(&error.to_string()),
    }
}

/// The schedules pass `check` beside the queues that they name.
fn loads(schedules: &str) {
    let queue = |name: &str| format!("  {name}: {{deliver: {{service: w, celery: {{broker: 'redis://r', queue: {name}}}}}}}\n");
    let queues: String = ["celery", "email", "high-prio"].map(queue).concat();
    let text = format!("platform: p\nservices: {{w: {{command: [w]}}}}\nqueues:\n{queues}{schedules}");
    let options = LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("no files here".to_owned()) };
    let loaded = load(&Source { name: "skala.yaml", text: &text }, &options);
    let errors: Vec<String> = loaded.problems.iter().filter(|p| p.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
}

#[test]
fn entries_become_schedules() {
    check(
        r#"{"schemaVersion": 1, "timezone": "Europe/Berlin", "entries": [
            {"name": "send nightly mail", "task": "app.mail", "args": [1, "${X}"], "kwargs": {"to": "all"}, "queue": "email",
             "priority": 0, "expires": null, "cron": "0 2 * * *", "every": null, "notes": []},
            {"name": "poll", "task": "app.poll", "queue": "celery", "priority": 3, "expires": 60.0, "every": 30.5},
            {"name": "Friday 13", "task": "app.luck", "queue": "High.Prio", "cron": "0 0 13 * fri",
             "notes": ["Celery runs it when day of month and day of week both match; cron when one does"]},
            {"name": "friday_13", "task": "app.luck", "queue": "High.Prio", "cron": "*/15 22-6 * 11-2 mon-fri"}]}"#,
        &expect![[r#"
            schedules:
              send-nightly-mail:
                cron: "0 2 * * *"
                timezone: Europe/Berlin
                queue: email
                body: {task: app.mail, args: [1, "${X}"], kwargs: {to: all}}
              poll:
                every: 30.5s
                queue: celery
                body: {task: app.poll, args: [], kwargs: {}}
              friday-13:
                cron: "0 0 13 * +5"
                timezone: Europe/Berlin
                queue: high-prio
                body: {task: app.luck, args: [], kwargs: {}}
              friday-13-2:
                cron: "*/15 0,1,2,3,4,5,6,22,23 * 1,2,11,12 1,2,3,4,5"
                timezone: Europe/Berlin
                queue: high-prio
                body: {task: app.luck, args: [], kwargs: {}}
            app:1 queue email: its tasks go to `email` of the platform file -> add `queues: {email: {deliver: {service: WORKER, celery: {broker: "${CELERY_BROKER_URL}"}}}}` unless it is there, and stop Beat
            app:1 beat entry poll options.priority: a schedule's tasks have the priority of their queue -> let the queue have a `priority`, or leave it: Beat's tasks are few
            app:1 beat entry poll options.expires: tasks would not expire after 60s -> give its queue `startWithin`, where it is skala's own
            app:1 queue celery: its tasks go to `celery` of the platform file -> add `queues: {celery: {deliver: {service: WORKER, celery: {broker: "${CELERY_BROKER_URL}"}}}}` unless it is there, and stop Beat
            app:1 queue High.Prio: its tasks go to `high-prio` of the platform file -> add `queues: {high-prio: {deliver: {service: WORKER, celery: {broker: "${CELERY_BROKER_URL}", queue: "High.Prio"}}}}` unless it is there, and stop Beat
        "#]],
    );
}

#[test]
fn what_cannot_be_said_is_told() {
    check(
        r#"{"timezone": "UTC", "entries": [
            {"name": "ok", "task": "t", "every": 60},
            {"name": "fast", "task": "t", "every": 0.1},
            {"name": "sun", "task": "t", "notes": ["a schedule of the kind solar sunset has no counterpart"]},
            {"name": "bad", "task": "t", "cron": "61 * * * *"},
            {"name": "few", "task": "t", "cron": "* * *"},
            {"name": "never", "task": "t", "cron": "0 0 30 2 *"}]}"#,
        &expect![[r#"
            schedules:
              ok:
                every: 1m
                queue: celery
                body: {task: t, args: [], kwargs: {}}
            app:1 queue celery: its tasks go to `celery` of the platform file -> add `queues: {celery: {deliver: {service: WORKER, celery: {broker: "${CELERY_BROKER_URL}"}}}}` unless it is there, and stop Beat
            app:1 beat entry fast schedule: an interval of 0.1s is outside 1s to 365d -> keep it in Beat, or write a cron time
            app:1 beat entry sun: a schedule of the kind solar sunset has no counterpart -> look whether it matters
            app:1 beat entry sun schedule: its kind of time has no counterpart -> keep it in Beat, or write a cron time
            app:1 beat entry bad schedule: minute `61` is not a crontab field -> keep it in Beat, or write a cron time
            app:1 beat entry few schedule: `* * *` does not have five fields -> keep it in Beat, or write a cron time
            app:1 beat entry never schedule: `0 0 30 2 *` names a date that never comes -> keep it in Beat, or write a cron time
        "#]],
    );
    check(
        r#"{"timezone": "Mars", "entries": [{"name": "a", "task": "t", "cron": "0 0 * * *"}]}"#,
        &expect![
            "there is nothing to import: no HorizontalPodAutoscaler, ScaledObject, VerticalPodAutoscaler, Deployment, StatefulSet, Knative Service or entry of a beat schedule"
        ],
    );
    check(
        r#"{"timezone": "UTC", "entries": []}"#,
        &expect![
            "there is nothing to import: no HorizontalPodAutoscaler, ScaledObject, VerticalPodAutoscaler, Deployment, StatefulSet, Knative Service or entry of a beat schedule"
        ],
    );
    check(
        r#"{"timezone": "UTC", "entries": [{"task": 3}]}"#,
        &expect!["app:1: invalid type: integer `3`, expected a string at line 1 column 42"],
    );
    check("nothing", &expect!["app:1: expected ident at line 1 column 2"]);
}

proptest! {
    #[test]
    fn whatever_the_names_and_times_are_the_schedules_load(
        entries in prop::collection::vec((".{0,80}", "[0-9*/,-]{1,6} [0-9*/,-]{1,6} [0-9*]{1,2} [0-9*]{1,2} [0-6*]", 0.0..1e6f64, any::<bool>()), 1..6)
    ) {
        let entry = |(name, cron, every, which): &(String, String, f64, bool)| {
            let when = if *which { serde_json::json!({"cron": cron}) } else { serde_json::json!({"every": every}) };
            let mut entry = serde_json::json!({"name": name, "task": name, "queue": "celery"});
            entry.as_object_mut().unwrap().extend(when.as_object().unwrap().clone());
            entry
        };
        let document = serde_json::json!({"timezone": "UTC", "entries": entries.iter().map(entry).collect::<Vec<_>>()});
        if let Ok(imported) = beat("app", &document.to_string()) {
            loads(&imported.yaml());
        }
    }
}
