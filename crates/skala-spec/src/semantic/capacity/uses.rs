//! Checks of `databases`, `providers`, and of what services use of them.

use super::least;
use crate::model::{Platform, ProviderUse};
use crate::problem::Text;
use crate::scalar::Positive;
use crate::semantic::Cx;
use crate::suggest::{list, nearest};

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    for (name, database) in &platform.databases {
        let (max, reserved) = (database.max_connections, database.reserved_connections);
        if reserved >= max {
            let text = Text::new(format!("{reserved} of {max} connections are reserved, so none is left"))
                .fix("lower `reservedConnections` or raise `maxConnections`");
            cx.report("E0707", &format!("databases.{name}.reservedConnections"), text);
        } else {
            least_connections(platform, name, max - reserved, cx);
        }
    }
    for (name, provider) in &platform.providers {
        let at = format!("providers.{name}");
        if provider.requests_per_minute.is_none() && provider.tokens_per_minute.is_none() && !cx.broken(&at) {
            let text = Text::new("this provider has no quota").fix("add `requestsPerMinute:` or `tokensPerMinute:`");
            cx.report("E0708", &at, text);
        }
    }
    for (service, uses) in platform.services.iter().map(|(name, s)| (name, &s.uses)) {
        let at = format!("services.{service}.uses");
        for name in uses.databases.keys() {
            unknown("databases", name, platform.databases.keys().map(String::as_str), &at, cx);
        }
        for (name, used) in &uses.providers {
            unknown("providers", name, platform.providers.keys().map(String::as_str), &at, cx);
            provider(platform, name, used, &format!("{at}.providers.{name}"), cx);
        }
    }
}

/// The fewest replicas of all services, in connections.
fn least_connections(platform: &Platform, name: &str, free: u32, cx: &mut Cx<'_>) {
    let each = |s: &crate::model::Service| {
        let used = s.uses.databases.get(name)?;
        Some(u64::from(least(s)?) * u64::from(used.connections_per_replica))
    };
    let needed: u64 = platform.services.values().filter_map(each).sum();
    if needed > u64::from(free) {
        let text = Text::new(format!("the fewest replicas alone need {needed} connections, and {free} are free"))
            .because("no service goes below its minReplicas")
            .fix("lower `minReplicas` or `connectionsPerReplica`, or raise `maxConnections`");
        cx.report("W0702", &format!("databases.{name}.maxConnections"), text);
    }
}

fn unknown<'a>(section: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone, at: &str, cx: &mut Cx<'_>) {
    if known.clone().any(|k| k == name) || cx.broken(section) {
        return;
    }
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.clone().next().is_none() => format!("add `{section}: {{{name}: ...}}` to the file"),
        None => format!("the {section} are {}", list(known)),
    };
    let one = section.trim_end_matches('s');
    cx.report("E0706", &format!("{at}.{section}.{name}"), Text::new(format!("there is no {one} `{name}`")).fix(help));
}

/// A use must count something that the provider bounds.
fn provider(platform: &Platform, name: &str, used: &ProviderUse, at: &str, cx: &mut Cx<'_>) {
    let Some(quota) = platform.providers.get(name).filter(|_| !cx.broken(at)) else { return };
    let pairs = [
        ("requestsPerMinute", quota.requests_per_minute, used.requests_per_minute_per_replica),
        ("tokensPerMinute", quota.tokens_per_minute, used.tokens_per_minute_per_replica),
    ];
    let both = |(_, quota, used): &(&str, Option<Positive>, Option<Positive>)| quota.is_some() && used.is_some();
    if pairs.iter().any(both) {
        return;
    }
    let wanted = pairs.iter().find(|(_, quota, _)| quota.is_some()).map_or("requestsPerMinute", |(key, ..)| *key);
    let text = Text::new(format!("this use does not count what `{name}` bounds")).fix(format!("add `{wanted}PerReplica:`"));
    cx.report("E0709", at, text);
}
