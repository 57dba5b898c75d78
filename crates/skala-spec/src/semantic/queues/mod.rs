//! Checks of `queues`, and of what `capacity` says of them, of providers and of calls.
//!
//! Decides: E0801 names that do not exist, E0802 settings of a queue that contradict, E0803 settings of calls that do, E0804 a delivery
//!   that is none, E0807 a broker that is none, and warnings W0801 to W0809 and W0813.
//! Tested: `tests/it/queues.rs`.

mod celery;
mod deliver;
mod planned;
mod workers;

pub(super) use workers::is_beat;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Cx;
use crate::model::{Platform, Queue, QueueDurability, RateLimit, Way};
use crate::problem::Text;
use crate::scalar::Dur;
use crate::suggest::{list, nearest};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// The shortest time that is not none.
const LEAST: Duration = Duration::from_millis(1);
/// Most tenants with a share of their own.
const MOST_WEIGHTS: usize = 10_000;
/// Fewest and most attempts per second of a rate.
const RATES: RangeInclusive<f64> = 1e-6..=1e6;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    for (name, queue) in &platform.queues {
        let at = format!("queues.{name}");
        deliver::check(platform, queue, &at, cx);
        match queue.deliver.way() {
            Some(Way::Celery(_, celery)) => celery::check(queue, celery, &at, cx),
            _ => {
                memory(platform, name, queue, &at, cx);
                queue.deliver.consumes().into_iter().for_each(|celery| celery::broker(celery, &at, cx));
            }
        }
        times(queue, &at, cx);
        limits(queue, &at, cx);
        retry(queue.retry.initial, queue.retry.max, &format!("{at}.retry"), "E0802", cx);
    }
    celery::twice(platform, cx);
    workers::check(platform, cx);
    planned::check(platform, cx);
}

fn times(queue: &Queue, at: &str, cx: &mut Cx<'_>) {
    if queue.timeout.get().is_zero() {
        let text = Text::new("no attempt ends within a timeout of zero").fix("use `10m`");
        cx.report("E0802", &format!("{at}.timeout"), text);
    } else {
        range("timeout", Some(queue.timeout), LEAST..=30 * DAY, at, cx);
    }
    range("grace", Some(queue.grace), Duration::ZERO..=HOUR, at, cx);
    range("lease", Some(queue.lease), SECOND..=HOUR, at, cx);
    range("idempotency", Some(queue.idempotency), Duration::ZERO..=30 * DAY, at, cx);
    range("startWithin", queue.start_within, LEAST..=365 * DAY, at, cx);
    range("finishWithin", queue.finish_within, LEAST..=365 * DAY, at, cx);
    range("aging", Some(queue.aging).filter(|aging| !aging.get().is_zero()), SECOND..=DAY, at, cx);
    range("ttl", Some(queue.results.ttl), Duration::ZERO..=365 * DAY, &format!("{at}.results"), cx);
    range("dead", Some(queue.results.dead), Duration::ZERO..=365 * DAY, &format!("{at}.results"), cx);
    range("age", queue.alarm.age, LEAST..=365 * DAY, &format!("{at}.alarm"), cx);
    if let (Some(start), Some(finish)) = (queue.start_within, queue.finish_within)
        && finish <= start
    {
        let text = Text::new(format!("a task must finish within {finish} and may start within {start}"))
            .because("one that starts late could never finish")
            .fix(format!("use more than `{start}`, or lower `startWithin`"));
        cx.report("E0802", &format!("{at}.finishWithin"), text);
    }
    if let Some(finish) = queue.finish_within.filter(|finish| *finish < queue.timeout) {
        let text = Text::new(format!("a task has {finish} in all, and one attempt may take {}", queue.timeout))
            .because("an attempt that uses its time is never made again")
            .fix("raise it, or lower `timeout`");
        cx.report("W0801", &format!("{at}.finishWithin"), text);
    }
}

fn limits(queue: &Queue, at: &str, cx: &mut Cx<'_>) {
    if !(1 << 10..=64 << 20).contains(&queue.max_body.bytes()) {
        let text = Text::new("the size is out of range").fix("use `1Ki` to `64Mi`; pass the address of larger things");
        cx.report("E0802", &format!("{at}.maxBody"), text);
    }
    rate(queue.rate_limit, &format!("{at}.rateLimit"), cx);
    rate(queue.rate_limit_per_tenant, &format!("{at}.rateLimitPerTenant"), cx);
    if let (Some(each), Some(all)) = (queue.concurrency_per_tenant, queue.concurrency)
        && each >= all
    {
        let text = Text::new(format!("a tenant may have {each} tasks at once, and all together {all}"))
            .because("one tenant can take every place")
            .fix(format!("use less than {all}, or remove it"));
        cx.report("W0801", &format!("{at}.concurrencyPerTenant"), text);
    }
    if queue.weights.len() > MOST_WEIGHTS {
        let text = Text::new("these are too many tenants with a share of their own").fix(format!("keep {MOST_WEIGHTS} at most"));
        cx.report("E0802", &format!("{at}.weights"), text);
    }
    if queue.weights.contains_key("") {
        cx.report("E0802", &format!("{at}.weights"), Text::new("a tenant's name is empty").fix("remove it"));
    }
    if queue.retry.attempts == 1 && (cx.present(&format!("{at}.retry.initial")) || cx.present(&format!("{at}.retry.max"))) {
        let text = Text::new("nothing is done again").because("`attempts` is 1").fix("raise `attempts`, or remove the pauses");
        cx.report("W0801", &format!("{at}.retry"), text);
    }
}

fn rate(limit: Option<RateLimit>, at: &str, cx: &mut Cx<'_>) {
    if limit.is_some_and(|limit| !RATES.contains(&limit.per_second.get())) {
        cx.report("E0802", &format!("{at}.perSecond"), Text::new("the rate is out of range").fix("use 0.000001 to 1000000"));
    }
}

/// Tasks that a crash forgets, made by a clock that does not come back to them.
fn memory(platform: &Platform, name: &str, queue: &Queue, at: &str, cx: &mut Cx<'_>) {
    let filled = platform.schedules.iter().find(|(_, schedule)| schedule.queue.as_deref() == Some(name));
    if let (QueueDurability::Memory, Some((schedule, _))) = (queue.durability, filled) {
        let text = Text::new(format!("tasks of the schedule `{schedule}` are in memory alone"))
            .because("after a crash they are gone, and their time counts as dealt with")
            .fix("use `durability: fsync`");
        cx.report("W0802", &format!("{at}.durability"), text);
    }
}

/// Reports a duration out of range.
fn range(key: &str, value: Option<Dur>, allowed: RangeInclusive<Duration>, at: &str, cx: &mut Cx<'_>) {
    if value.is_some_and(|value| !allowed.contains(&value.get())) {
        let (low, high) = (Dur::from(*allowed.start()), Dur::from(*allowed.end()));
        let text = Text::new("the duration is out of range").fix(format!("use {low} to {high}"));
        cx.report("E0802", &format!("{at}.{key}"), text);
    }
}

fn retry(initial: Dur, max: Dur, at: &str, code: &'static str, cx: &mut Cx<'_>) {
    if initial.get().is_zero() {
        let text = Text::new("the first pause is zero").because("failed work would come again at once, and again");
        cx.report(code, &format!("{at}.initial"), text.fix("use `1s` or more"));
    }
    if max < initial {
        let text = Text::new(format!("the longest pause of {max} is shorter than the first of {initial}"));
        cx.report(code, &format!("{at}.max"), text.fix(format!("use `{initial}` or more")));
    }
}

/// Reports a name that should be one of a section's.
pub(super) fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a String> + Clone, at: &str, cx: &mut Cx<'_>) {
    let section = format!("{what}s");
    if names.clone().any(|n| n == name) || cx.broken(&section) || cx.broken(&format!("{section}.{name}")) {
        return;
    }
    let names = names.map(String::as_str);
    let help = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.clone().next().is_none() => format!("add `{section}: {{{name}: ...}}` to the file"),
        None => format!("the {section} are {}", list(names)),
    };
    cx.report("E0801", at, Text::new(format!("there is no {what} `{name}`")).fix(help));
}
