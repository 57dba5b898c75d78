//! Checks of queues that live in a Celery broker.

use super::{Cx, DAY, SECOND, range};
use crate::model::{Celery, Platform, Queue, Url, Way};
use crate::problem::Text;
use crate::scalar::Secret;
use crate::suggest::list;

/// Settings that Celery decides by itself.
const NOT_OURS: [&str; 18] = [
    "concurrency",
    "concurrencyPerTenant",
    "rateLimit",
    "rateLimitPerTenant",
    "grace",
    "lease",
    "startWithin",
    "finishWithin",
    "retry",
    "idempotency",
    "priority",
    "aging",
    "weights",
    "results",
    "durability",
    "maxTasks",
    "cost",
    "budget",
];
/// Most priority steps: kombu's priorities are 0 to 9.
const MOST_STEPS: usize = 10;

/// A queue whose tasks Celery's workers take.
pub(super) fn check(queue: &Queue, celery: &Celery, at: &str, cx: &mut Cx<'_>) {
    broker(celery, at, cx);
    let here = format!("{at}.deliver.celery");
    if !celery.heartbeat && celery.visibility_timeout < queue.timeout {
        let text = Text::new(format!("a task that takes longer than {} runs twice", celery.visibility_timeout))
            .because(format!("then Celery takes its worker for dead, and it may take {}", queue.timeout))
            .fix("remove `heartbeat: false`, raise `visibilityTimeout` here and in the app, or lower the queue's `timeout`");
        cx.report("W0805", &format!("{here}.visibilityTimeout"), text);
    }
    let set: Vec<&str> = NOT_OURS.into_iter().filter(|key| cx.present(&format!("{at}.{key}"))).collect();
    if let Some(first) = set.first() {
        let text =
            Text::new(format!("{} {} no meaning here", list(set.iter().copied()), if set.len() == 1 { "has" } else { "have" }))
                .because("the queue is in a Celery broker, and the app decides it")
                .fix("remove it, and set it in the app");
        cx.report("W0804", &format!("{at}.{first}"), text);
    }
}

/// Where the broker is, and how the app uses it.
pub(super) fn broker(celery: &Celery, at: &str, cx: &mut Cx<'_>) {
    let here = format!("{at}.deliver.celery");
    url(&celery.broker, &format!("{here}.broker"), cx);
    if let Some(results) = &celery.results {
        url(results, &format!("{here}.results"), cx);
    }
    range("visibilityTimeout", Some(celery.visibility_timeout), SECOND..=7 * DAY, &here, cx);
    if celery.pool.is_some_and(|pool| pool.min > pool.max) {
        cx.report(
            "E0807",
            &format!("{here}.pool.min"),
            Text::new("`min` is above `max`").fix("lower the one or raise the other"),
        );
    }
    let steps = &celery.priority_steps;
    if steps.is_empty() || steps.len() > MOST_STEPS || !steps.is_sorted_by(|a, b| a < b) || steps.iter().any(|step| *step > 9) {
        let text =
            Text::new("these are no priority steps").fix("write numbers from 0 to 9 in order, as the app does: `[0, 3, 6, 9]`");
        cx.report("E0807", &format!("{here}.prioritySteps"), text);
    }
}

/// Only Redis, and never shown.
fn url(secret: &Secret, at: &str, cx: &mut Cx<'_>) {
    let fix = "write it like `redis://127.0.0.1:6379/0`, or `\"${CELERY_BROKER_URL}\"`";
    match Url::parse(secret.expose()) {
        Err(reason) => cx.report("E0807", at, Text::new(format!("this is no URL: it {reason}")).fix(fix)),
        Ok(url) if !matches!(url.scheme.as_str(), "redis" | "rediss") => {
            let text = Text::new("this broker is not Redis").because("skala reads Celery's queues on Redis alone").fix(fix);
            cx.report("E0807", at, text);
        }
        Ok(url) if database(&url).is_none() => {
            let text = Text::new("this URL names a database that is none").fix("end it with a number, such as `/0`");
            cx.report("E0807", at, text);
        }
        Ok(url) if url.password.is_some() && cx.is_scalar(at) && !cx.is_from_env(at) => {
            let text = Text::new("a password stands in the file");
            cx.report("W0806", at, text.fix("take the value from `\"${VARIABLE}\"` or `{file: path}`"));
        }
        Ok(_) => {}
    }
}

/// The number behind the host; 0 when there is none.
fn database(url: &Url) -> Option<u32> {
    match url.path.trim_matches('/') {
        "" => Some(0),
        text => text.parse().ok(),
    }
}

/// The same queue of the same broker, under two names.
pub(super) fn twice(platform: &Platform, cx: &mut Cx<'_>) {
    let mut seen: Vec<(&str, &str, &str, &str)> = Vec::new();
    for (name, queue) in &platform.queues {
        let watched = match queue.deliver.way() {
            Some(Way::Celery(_, celery)) => Some(celery),
            _ => queue.deliver.consumes(),
        };
        let Some(celery) = watched else { continue };
        let key = (celery.broker.expose(), celery.key_prefix.as_str(), celery.queue.as_deref().unwrap_or(name));
        match seen.iter().find(|(broker, prefix, of, _)| (*broker, *prefix, *of) == key) {
            Some((_, _, of, first)) => {
                let text = Text::new(format!("`{first}` is the same queue `{of}` of the same broker"))
                    .because("its tasks would count twice")
                    .fix("keep one of them");
                cx.report("E0807", &format!("queues.{name}.deliver.celery"), text);
            }
            None => seen.push((key.0, key.1, key.2, name)),
        }
    }
}
