//! Checks of what `capacity` says of queues, of providers and of calls.

use std::time::Duration;

use super::{Cx, retry, unknown};
use crate::model::{Calls, Platform};
use crate::problem::Text;
use crate::scalar::Percent;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    let Some(capacity) = &platform.capacity else { return };
    let mut shares = 0;
    for (name, queue) in &capacity.queues {
        let at = format!("capacity.queues.{name}");
        unknown("queue", name, platform.queues.keys(), &at, cx);
        for service in queue.made_by.keys() {
            cx.missing_service("E0801", &format!("{at}.madeBy.{service}"), service.as_str());
        }
        for (key, share) in [("share", queue.share), ("failures", queue.failures)] {
            if share.is_some_and(|s| s > Percent::whole(100)) {
                cx.report("E0803", &format!("{at}.{key}"), Text::new("the share is out of range").fix("use 0% to 100%"));
            }
        }
        shares += queue.share.map_or(0, Percent::millionths);
    }
    if shares > Percent::whole(100).millionths() {
        let text = Text::new("the shares of all queues are more than 100%").because("an arrival belongs to one of them");
        cx.report("E0803", "capacity.queues", text.fix("lower one of them"));
    }
    for (name, provider) in &capacity.providers {
        let at = format!("capacity.providers.{name}");
        unknown("provider", name, platform.providers.keys(), &at, cx);
        if provider.burst.is_some_and(|b| b.get().is_zero() || b.get() > Duration::from_secs(60)) {
            cx.report("E0803", &format!("{at}.burst"), Text::new("the duration is out of range").fix("use 1s to 1m"));
        }
        if provider.time.is_some() && provider.token_times.is_some() {
            let text = Text::new("`time` and `tokenTimes` are both given").fix("keep one of them");
            cx.report("E0803", &format!("{at}.time"), text);
        }
    }
    for (service, of) in &capacity.services {
        calls(platform, &of.calls, &format!("capacity.services.{service}.calls"), cx);
    }
}

fn calls(platform: &Platform, calls: &Calls, at: &str, cx: &mut Cx<'_>) {
    for (name, call) in &calls.providers {
        let at = format!("{at}.providers.{name}");
        unknown("provider", name, platform.providers.keys(), &at, cx);
        if !(call.per_request > 0.0 && call.per_request <= 1000.0) {
            let text = Text::new("the number of calls is out of range").fix("use a number above 0, at most 1000");
            cx.report("E0803", &format!("{at}.perRequest"), text);
        }
        retry(call.retry.initial, call.retry.max, &format!("{at}.retry"), "E0803", cx);
    }
    for name in calls.databases.keys() {
        unknown("database", name, platform.databases.keys(), &format!("{at}.databases.{name}"), cx);
    }
}
