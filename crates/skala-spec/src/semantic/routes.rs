//! Checks of routes.

use std::collections::{BTreeMap, BTreeSet};

use super::Cx;
use crate::model::Platform;
use crate::problem::Text;

/// `routed`: the services that a route, written or implied, leads to.
pub(super) fn check(platform: &Platform, routed: &BTreeSet<&str>, cx: &mut Cx<'_>) {
    let mut seen = BTreeMap::new();
    for (i, route) in platform.routes.iter().flatten().enumerate() {
        let at = format!("routes[{i}]");
        cx.missing_service("E0601", &format!("{at}.service"), route.service.as_str());
        if !route.path.starts_with('/') {
            cx.report(
                "E0602",
                &format!("{at}.path"),
                Text::new("the path has no leading slash").fix("start it with `/`, such as `/api`"),
            );
        } else if route.path.contains(['*', '?', '#', ' ']) {
            let text =
                Text::new("a path is a plain prefix, without patterns or queries").fix("write `/api` for everything below it");
            cx.report("E0602", &format!("{at}.path"), text);
        }
        if route.timeout.get().is_zero() {
            cx.report("E0604", &format!("{at}.timeout"), Text::new("a timeout of zero answers no request").fix("use `30s`"));
        }
        // `/api/` and `/api` are the same prefix.
        let same = (route.host.clone(), route.path.trim_end_matches('/').to_owned());
        if cx.broken(&at) {
            continue;
        }
        if let Some(first) = seen.insert(same, at.clone()) {
            let text = Text::new("this route can never be taken")
                .because(format!("{} has the same host and path", cx.shown(&first)))
                .fix("remove it, or change its host or path");
            cx.report("E0603", &at, text);
        }
    }
    unreachable(platform, routed, cx);
}

fn unreachable(platform: &Platform, routed: &BTreeSet<&str>, cx: &mut Cx<'_>) {
    if cx.broken("routes") || cx.broken_services() {
        return;
    }
    // A single service without `routes:` has its own; when others were left out, it may not be single.
    if platform.routes.is_none() && cx.services.len() <= 1 {
        return;
    }
    let of_beat = |(_, service): &(&_, &_)| super::queues::is_beat(service);
    let unrouted = platform.services.iter().filter(|(name, _)| !routed.contains(name.as_str()));
    for (name, _) in unrouted.filter(|service| !of_beat(service)) {
        let text =
            Text::new(format!("no route leads to `{name}`")).fix(format!("add `- {{path: /, service: {name}}}` to `routes:`"));
        cx.report("W0601", &format!("services.{name}"), text);
    }
}
