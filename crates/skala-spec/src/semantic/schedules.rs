//! Checks of `schedules`.
//!
//! Decides: E0801 names that do not exist, E0805 settings of a schedule that contradict.
//! Tested: `tests/it/schedules.rs`.

use std::time::Duration;

use serde_json::Value;

use super::Cx;
use super::queues::unknown;
use crate::model::{HttpMethod, HttpTarget, Platform, Schedule, Way};
use crate::problem::Text;
use crate::suggest::list;

const DAY: Duration = Duration::from_secs(86_400);
/// Most schedules of a platform.
const MOST: usize = 10_000;
/// Headers that skala sets itself.
const OURS: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "idempotency-key"];

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    if platform.schedules.len() > MOST {
        cx.report("E0805", "schedules", Text::new("these are too many schedules").fix(format!("keep {MOST} at most")));
    }
    for (name, schedule) in &platform.schedules {
        let at = format!("schedules.{name}");
        when(schedule, &at, cx);
        target(schedule, &at, cx);
        if let Some(queue) = &schedule.queue {
            unknown("queue", queue, platform.queues.keys(), &format!("{at}.queue"), cx);
            fills(platform, queue, schedule, &at, cx);
        }
        if let Some(http) = &schedule.http {
            cx.missing_service("E0801", &format!("{at}.http.service"), http.service.as_str());
            request(http, &format!("{at}.http"), cx);
        }
    }
}

/// The keys of a group that are given, good or not.
fn given<'a>(keys: &[&'a str], at: &str, cx: &Cx<'_>) -> Vec<&'a str> {
    keys.iter().copied().filter(|key| cx.present(&format!("{at}.{key}"))).collect()
}

fn when(schedule: &Schedule, at: &str, cx: &mut Cx<'_>) {
    match given(&["cron", "every", "at"], at, cx)[..] {
        [] => {
            let text = Text::new("this schedule has no time");
            cx.report("E0805", at, text.fix("add `cron: \"0 2 * * *\"`, `every: 10m` or `at: 2027-01-01T00:00:00Z`"));
        }
        ["cron"] => {}
        [one] => {
            if cx.present(&format!("{at}.timezone")) {
                let text = Text::new(format!("`{one}` is the same in every time zone"));
                cx.report("W0810", &format!("{at}.timezone"), text.fix("remove it, or use `cron`"));
            }
        }
        ref many => {
            let text = Text::new(format!("this schedule has {}", list(many.iter().copied()))).fix("keep one of them");
            cx.report("E0805", &format!("{at}.{}", many[1]), text);
        }
    }
    if let Some(Err(wrong)) = crate::lower::timetable(schedule).filter(|_| schedule.cron.is_some()) {
        let shown = if cx.is_from_env(&format!("{at}.cron")) { String::new() } else { format!(": {wrong}") };
        cx.report("E0805", &format!("{at}.cron"), Text::new(format!("this is no time{shown}")));
    }
    let times =
        [("every", schedule.every, Duration::from_secs(1)), ("catchUp", Some(schedule.catch_up), Duration::from_millis(1))];
    for (key, value, least) in times {
        if value.is_some_and(|d| d.get() < least || d.get() > 365 * DAY) {
            let text = Text::new("the duration is out of range");
            cx.report("E0805", &format!("{at}.{key}"), text.fix(format!("use {} to 365d", crate::scalar::Dur::from(least))));
        }
    }
}

fn target(schedule: &Schedule, at: &str, cx: &mut Cx<'_>) {
    match given(&["queue", "http"], at, cx)[..] {
        [] => {
            let text = Text::new("nobody gets the tasks of this schedule");
            cx.report("E0805", at, text.fix("add `queue: NAME`, or `http: {service: NAME, path: /...}`"));
        }
        [_] => {}
        _ => {
            cx.report("E0805", &format!("{at}.http"), Text::new("this schedule has `queue` and `http`").fix("keep one of them"));
        }
    }
    if schedule.http.is_some() && schedule.body.is_some() {
        let text = Text::new("the body of a request stands in `http`").fix("move it there: `http: {..., body: ...}`");
        cx.report("E0805", &format!("{at}.body"), text);
    }
}

/// What the queue must be able to take.
fn fills(platform: &Platform, name: &str, schedule: &Schedule, at: &str, cx: &mut Cx<'_>) {
    let Some(queue) = platform.queues.get(name) else { return };
    if schedule.tasks > queue.max_tasks {
        let text = Text::new(format!("it makes {} tasks at a time, and `{name}` holds {}", schedule.tasks, queue.max_tasks));
        cx.report("E0805", &format!("{at}.tasks"), text.fix("lower it, or raise `maxTasks` of the queue"));
    }
    let length = schedule.body.as_ref().map_or(0, |body| body.to_string().len() as u64);
    if length > queue.max_body.bytes() {
        let text = Text::new(format!("the body has {length} bytes, and `{name}` takes {}", queue.max_body));
        cx.report("E0805", &format!("{at}.body"), text.fix("make it shorter, or raise `maxBody` of the queue"));
    }
    let Some(Way::Celery(..)) = queue.deliver.way() else { return };
    let task = schedule.body.as_ref().and_then(|body| body.get("task")).and_then(Value::as_str);
    if task.is_none_or(str::is_empty) {
        let text = Text::new("a task for Celery has a name").because(format!("the workers of `{name}` find it by that"));
        let path = if schedule.body.is_some() { format!("{at}.body") } else { at.to_owned() };
        cx.report("E0805", &path, text.fix("write `body: {task: app.tasks.cleanup, args: [], kwargs: {}}`"));
    }
    if schedule.budget.is_some() {
        let text =
            Text::new("`budget` has no meaning here").because(format!("`{name}` is in a Celery broker, which counts no money"));
        cx.report("W0804", &format!("{at}.budget"), text.fix("remove it"));
    }
}

fn request(http: &HttpTarget, at: &str, cx: &mut Cx<'_>) {
    if !http.path.starts_with('/') || http.path.contains(|c: char| c.is_ascii_whitespace() || c.is_control() || c == '#') {
        let text =
            Text::new("this is no path of a request").fix("start it with `/`, without spaces and `#`, such as `/cron/nightly`");
        cx.report("E0805", &format!("{at}.path"), text);
    }
    if http.timeout.get().is_zero() || http.timeout.get() > DAY {
        cx.report("E0805", &format!("{at}.timeout"), Text::new("the duration is out of range").fix("use more than 0s, up to 1d"));
    }
    if http.body.is_some() && matches!(http.method, HttpMethod::Get | HttpMethod::Delete) {
        let text = Text::new(format!("a {} has no body", http.method.as_str())).fix("remove it, or use `method: POST`");
        cx.report("E0805", &format!("{at}.body"), text);
    }
    for (name, value) in &http.headers {
        let path = format!("{at}.headers.{name}");
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            cx.report("E0805", &path, Text::new("this is not a header's name").fix("use letters, digits and `-`"));
        } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            cx.report("E0805", &path, Text::new("skala sets this header itself").fix("remove it"));
        } else if value.expose().contains(|c: char| c.is_control() && c != '\t') {
            cx.report("E0805", &path, Text::new("the value contains a line end or another control character"));
        }
    }
}
