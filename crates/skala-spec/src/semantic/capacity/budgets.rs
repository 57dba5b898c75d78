//! Checks of `budgets`.

use std::time::Duration;

use skala_types::ServiceName;

use super::least;
use crate::model::{Budget, Platform, Work};
use crate::problem::Text;
use crate::scalar::Per;
use crate::semantic::Cx;
use crate::suggest::list;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    for (name, budget) in &platform.budgets {
        let at = format!("budgets.{name}");
        named(platform, budget, &at, cx);
        order(platform, budget, &at, cx);
        look_ahead(budget, &at, cx);
        if !cx.broken("cost") && !cx.broken("services") && !cx.broken(&at) {
            prices(platform, budget, &at, cx);
        }
    }
}

/// The services that the budget names.
fn named(platform: &Platform, budget: &Budget, at: &str, cx: &mut Cx<'_>) {
    let services = budget.services.iter().flatten();
    for (i, service) in services.enumerate() {
        let path = format!("{at}.services[{i}]");
        cx.missing_service("E0701", &path, service.as_str());
        if matches!(platform.services.get(service).and_then(|s| s.work()), Some(Work::Upstreams(_))) {
            let text = Text::new(format!("the servers of `{service}` are run by somebody else"))
                .because("skala neither starts nor pays them")
                .fix("remove it");
            cx.report("E0701", &path, text);
        }
        if budget.services.iter().flatten().take(i).any(|s| s == service) {
            cx.report("E0705", &path, Text::new(format!("`{service}` is here twice")).fix("keep one"));
        }
    }
}

fn order(platform: &Platform, budget: &Budget, at: &str, cx: &mut Cx<'_>) {
    for (i, gives_way) in budget.order.iter().enumerate() {
        let service = gives_way.service();
        let key = if gives_way.floor().is_some() { ".service" } else { "" };
        let path = format!("{at}.order[{i}]{key}");
        cx.missing_service("E0701", &path, service.as_str());
        if budget.order[..i].iter().any(|g| g.service() == service) {
            cx.report("E0705", &path, Text::new(format!("`{service}` is here twice")).fix("keep one"));
        } else if budget.services.as_ref().is_some_and(|of| !of.contains(service)) && platform.services.contains_key(service) {
            let text = Text::new(format!("`{service}` is not under this budget")).fix(format!(
                "add it to `services:`, which has {}",
                list(budget.services.iter().flatten().map(ServiceName::as_str))
            ));
            cx.report("E0705", &path, text);
        }
    }
}

fn look_ahead(budget: &Budget, at: &str, cx: &mut Cx<'_>) {
    let Some(ahead) = budget.look_ahead else { return };
    let at = format!("{at}.lookAhead");
    let days = match budget.limit.per {
        Per::Hour => {
            let text = Text::new("a limit per hour looks at the moment only").fix("remove it, or use a limit per day or month");
            return cx.report("E0710", &at, text);
        }
        Per::Day => 1,
        Per::Month => 31,
    };
    if !(Duration::from_secs(60)..=Duration::from_secs(days * 86_400)).contains(&ahead.get()) {
        cx.report("E0710", &at, Text::new("the duration is out of range").fix(format!("use 1m to {days}d")));
    }
}

/// Whether every service has a price, and whether the least that runs fits.
fn prices(platform: &Platform, budget: &Budget, at: &str, cx: &mut Cx<'_>) {
    let mut hourly = 0.0;
    for name in platform.under(budget) {
        let Some(service) = platform.services.get(name) else { continue };
        match platform.price_per_hour(service) {
            Some(price) => hourly += price * f64::from(budget.floor_of(name).or(least(service)).unwrap_or(0)),
            None if cx.broken(&format!("services.{name}")) => return,
            None => {
                let text = Text::new(format!("a replica of `{name}` has no price")).fix(format!(
                    "give the service `price: 0.10 {}/h`, or `resources: {{requests: ...}}` and the file `cost:`",
                    budget.limit.currency
                ));
                return cx.report("E0704", at, text);
            }
        }
    }
    let limit = budget.limit.per_hour();
    if hourly > limit && budget.limit.amount.nanos() > 0 {
        let text = Text::new(format!(
            "the fewest replicas alone cost {hourly:.2} {}/h, more than {}",
            budget.limit.currency, budget.limit
        ))
        .because("no service goes below them, so this limit cannot be kept")
        .fix("raise the limit or lower `minReplicas`");
        cx.report("W0701", &format!("{at}.limit"), text);
    }
}
