//! Checks of `capacity`: names, units, ranges.
//!
//! Decides: E0711 names that do not exist, E0712 units that do not fit, E0713 amounts out of range, E0714 loads and stages that contradict.

use indexmap::IndexMap;

use crate::model::{Capacity, Load, Platform, Scenario};
use crate::problem::Text;
use crate::scalar::{Amount, Dimension, Percent};
use crate::semantic::Cx;
use crate::suggest::{list, nearest};

/// Most loads, stores, stages or scenarios.
const MOST: usize = 100;
/// Most replicas that a scenario states.
const MOST_REPLICAS: u32 = 100_000;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    let Some(capacity) = &platform.capacity else { return };
    let counts = [
        ("loads", capacity.loads.len()),
        ("stores", capacity.stores.len()),
        ("stages", capacity.stages.len()),
        ("scenarios", capacity.scenarios.len()),
    ];
    for (section, n) in counts.into_iter().filter(|(_, n)| *n > MOST) {
        cx.report(
            "E0713",
            &format!("capacity.{section}"),
            Text::new(format!("there are {n}, and {MOST} are planned")).fix("leave some out"),
        );
    }
    loads(capacity, cx);
    services(capacity, cx);
    stores(platform, capacity, cx);
    stages(capacity, cx);
    for (name, scenario) in &capacity.scenarios {
        scenario_of(capacity, scenario, &format!("capacity.scenarios.{name}"), cx);
    }
    let up = [
        ("replicaAvailability", capacity.replica_availability),
        ("regionAvailability", capacity.region_availability),
        ("balancerAvailability", capacity.balancer_availability),
    ];
    for (field, share) in up {
        availability(share, &format!("capacity.{field}"), cx);
    }
    at_most(capacity.rollout_surge, 100, "capacity.rolloutSurge", cx);
}

fn loads(capacity: &Capacity, cx: &mut Cx<'_>) {
    for (name, load) in &capacity.loads {
        let at = format!("capacity.loads.{name}");
        match (&load.now, &load.of) {
            (Some(_), Some(_)) => {
                let text =
                    Text::new("a load has either `now` or `of`").because("it grows by itself or follows another").fix("keep one");
                cx.report("E0714", &at, text);
            }
            (None, None) if !cx.broken(&at) => {
                cx.report("E0714", &at, Text::new("this load has no size").fix("add `now: 100/s`, or `of:` another load"));
            }
            (Some(now), None) => own(load, *now, &at, cx),
            (None, Some(of)) => following(capacity, name, load, of, &at, cx),
            _ => {}
        }
    }
}

/// A load that grows by itself.
fn own(load: &Load, now: Amount, at: &str, cx: &mut Cx<'_>) {
    if now.is_zero() {
        let text = Text::new("a load of zero never grows").because("growth is a share of what there is");
        cx.report("E0713", &format!("{at}.now"), text.fix("state what there is, or leave the load out"));
    }
    if now.dimension() == Dimension::Share {
        let text = Text::new("a share is no load").fix("write a number, a rate (`100/s`) or a size (`500GB`)");
        cx.report("E0712", &format!("{at}.now"), text);
    }
    for (field, stated) in [("times", load.times.is_some()), ("lasting", load.lasting.is_some())] {
        if stated {
            let text = Text::new(format!("`{field}` belongs to a load that follows another")).fix("remove it, or use `of:`");
            cx.report("E0714", &format!("{at}.{field}"), text);
        }
    }
}

/// A load that follows another.
fn following(capacity: &Capacity, name: &str, load: &Load, of: &str, at: &str, cx: &mut Cx<'_>) {
    let path = format!("{at}.of");
    if !known(capacity, of, &path, cx) {
        return;
    }
    let mut seen = vec![name];
    let mut next = Some(of);
    while let Some(other) = next {
        if seen.contains(&other) {
            let text = Text::new("the loads follow one another in a circle").because(list(seen)).fix("give one of them `now:`");
            return cx.report("E0714", &path, text);
        }
        seen.push(other);
        next = capacity.loads.get(other).and_then(|l| l.of.as_deref());
    }
    if load.growth.is_some() {
        let text = Text::new("a load that follows another grows as that one does").fix("remove `growth`, or give it `now:`");
        cx.report("E0714", &format!("{at}.growth"), text);
    }
    if load.lasting.is_some() && dimension(capacity, of) != Some(Dimension::Rate) {
        let text = Text::new(format!("`lasting` is for a rate, and `{of}` is none")).fix("remove it, or follow a rate");
        cx.report("E0712", &format!("{at}.lasting"), text);
    }
    if load.lasting.is_some_and(|d| d.get().is_zero()) {
        cx.report(
            "E0713",
            &format!("{at}.lasting"),
            Text::new("what lasts no time is never there").fix("use a duration above zero"),
        );
    }
}

/// What a load counts; `None` when that is not known.
fn dimension(capacity: &Capacity, load: &str) -> Option<Dimension> {
    let mut load = capacity.loads.get(load)?;
    for _ in 0..=capacity.loads.len() {
        match (load.now, &load.of) {
            (Some(now), _) => return Some(now.dimension()),
            (None, Some(_)) if load.lasting.is_some() => return Some(Dimension::Count),
            (None, of) => load = capacity.loads.get(of.as_deref()?)?,
        }
    }
    None
}

/// Whether there is such a load; told when not.
fn known(capacity: &Capacity, load: &str, at: &str, cx: &mut Cx<'_>) -> bool {
    if capacity.loads.contains_key(load) {
        return true;
    }
    let told = cx.present(&format!("capacity.loads.{load}")) || cx.broken("capacity.loads") && capacity.loads.is_empty();
    if !told {
        unknown("load", load, capacity.loads.keys().map(String::as_str), at, cx);
    }
    false
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str> + Clone, at: &str, cx: &mut Cx<'_>) {
    let help = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.clone().next().is_none() => format!("state the {what}s first"),
        None => format!("the {what}s are {}", list(names)),
    };
    cx.report("E0711", at, Text::new(format!("there is no {what} `{name}`")).fix(help));
}

/// Amounts by load that count the same as the load does, above zero.
fn alike(capacity: &Capacity, amounts: &IndexMap<String, Amount>, at: &str, cx: &mut Cx<'_>) {
    for (load, amount) in amounts {
        let at = format!("{at}.{load}");
        if !known(capacity, load, &at, cx) {
            continue;
        }
        if let Some(wanted) = dimension(capacity, load).filter(|d| *d != amount.dimension()) {
            cx.report(
                "E0712",
                &at,
                Text::new(format!("`{load}` is {wanted}, and this is not")).fix("write it in the load's kind of unit"),
            );
        } else if amount.is_zero() {
            cx.report("E0713", &at, Text::new("an amount of zero bounds nothing").fix("use an amount above zero"));
        }
    }
}

fn services(capacity: &Capacity, cx: &mut Cx<'_>) {
    for (name, service) in &capacity.services {
        let at = format!("capacity.services.{name}");
        cx.missing_service("E0711", &at, name.as_str());
        alike(capacity, &service.replica_per, &format!("{at}.replicaPer"), cx);
        alike(capacity, &service.core_per, &format!("{at}.corePer"), cx);
        for (load, each) in &service.memory_per {
            let at = format!("{at}.memoryPer.{load}");
            let counted = known(capacity, load, &at, cx).then(|| dimension(capacity, load)).flatten();
            if counted.is_some_and(|d| d != Dimension::Count) {
                let text = Text::new(format!("memory is for each one of a load, and `{load}` cannot be counted"));
                cx.report("E0712", &at, text.fix("use a load that is a plain number, or one with `lasting:`"));
            } else if each.bytes() == 0 {
                cx.report("E0713", &at, Text::new("no memory at all").fix("use a size above zero"));
            }
        }
        if let Some(load) = &service.load {
            let at = format!("{at}.load");
            if known(capacity, load, &at, cx) && dimension(capacity, load).is_some_and(|d| d != Dimension::Rate) {
                let text = Text::new(format!("what comes to a service is a rate, and `{load}` is none"));
                cx.report("E0712", &at, text.fix("use a load such as `100/s`"));
            }
        }
        if service.share.is_some_and(|s| s == Percent::whole(0) || s > Percent::whole(100_000)) {
            cx.report(
                "E0713",
                &format!("{at}.share"),
                Text::new("the share is out of range").fix("use more than 0%, at most 100000%"),
            );
        }
        for (field, times) in [("serviceTime", &service.service_time), ("startUp", &service.start_up)] {
            if field == "serviceTime" && times.as_ref().is_some_and(|t| t.mean.get().is_zero()) {
                cx.report(
                    "E0713",
                    &format!("{at}.{field}.mean"),
                    Text::new("work takes some time").fix("use a duration above zero"),
                );
            }
        }
    }
}

fn stores(platform: &Platform, capacity: &Capacity, cx: &mut Cx<'_>) {
    for (name, store) in &capacity.stores {
        let at = format!("capacity.stores.{name}");
        for (load, amount) in &store.per {
            let at = format!("{at}.per.{load}");
            if !known(capacity, load, &at, cx) {
                continue;
            }
            let fits = match dimension(capacity, load) {
                Some(Dimension::Bytes) => matches!(amount.dimension(), Dimension::Count | Dimension::Share),
                Some(Dimension::Count) => amount.dimension() == Dimension::Bytes,
                Some(_) => false,
                None => true,
            };
            if !fits {
                let text = Text::new(format!("this does not make a size of `{load}`"))
                    .because(
                        "a size follows from a load in bytes times a factor or share, or from a size for each one of a number",
                    )
                    .fix("write `2` or `10%` for a load in bytes, `1KB` for a load that is a number");
                cx.report("E0712", &at, text);
            }
        }
        for database in store.per_connection.keys().filter(|d| !platform.databases.contains_key(*d)) {
            unknown(
                "database",
                database,
                platform.databases.keys().map(String::as_str),
                &format!("{at}.perConnection.{database}"),
                cx,
            );
        }
        if let Some(share) = store.availability {
            availability(share, &format!("{at}.availability"), cx);
        }
    }
}

fn stages(capacity: &Capacity, cx: &mut Cx<'_>) {
    for (i, stage) in capacity.stages.iter().enumerate() {
        let at = format!("capacity.stages[{i}]");
        alike(capacity, &stage.below, &format!("{at}.below"), cx);
        for service in stage.services.keys() {
            cx.missing_service("E0711", &format!("{at}.services.{service}"), service.as_str());
        }
        for store in stage.stores.keys().filter(|s| !capacity.stores.contains_key(*s)) {
            unknown("store", store, capacity.stores.keys().map(String::as_str), &format!("{at}.stores.{store}"), cx);
        }
        if capacity.stages[..i].iter().any(|s| s.name == stage.name) {
            cx.report(
                "E0714",
                &format!("{at}.name"),
                Text::new(format!("there are two stages `{}`", stage.name)).fix("rename one"),
            );
        }
        if stage.below.is_empty() && i + 1 < capacity.stages.len() && !cx.broken(&at) {
            let text = Text::new("this stage never ends, and others follow it").fix("add `below: {users: 50}`, or put it last");
            cx.report("E0714", &at, text);
        }
        for (load, bound) in &stage.below {
            let before = capacity.stages[..i].iter().rev().find_map(|s| s.below.get(load));
            if before.is_some_and(|b| b.dimension() == bound.dimension() && larger_or_same(*b, *bound)) {
                let text = Text::new("a later stage ends at more than an earlier one").fix("put the smallest stage first");
                cx.report("E0714", &format!("{at}.below.{load}"), text);
            }
        }
    }
}

fn larger_or_same(a: Amount, b: Amount) -> bool {
    let whole = |x: Amount| x.nanos().saturating_mul(x.scale().0.into());
    whole(a).saturating_mul(b.scale().1.into()) >= whole(b).saturating_mul(a.scale().1.into())
}

fn scenario_of(capacity: &Capacity, scenario: &Scenario, at: &str, cx: &mut Cx<'_>) {
    for (service, n) in &scenario.replicas {
        let at = format!("{at}.replicas.{service}");
        cx.missing_service("E0711", &at, service.as_str());
        if *n > MOST_REPLICAS {
            cx.report("E0713", &at, Text::new("too many replicas").fix(format!("use at most {MOST_REPLICAS}")));
        }
    }
    for (store, n) in &scenario.stores {
        let at = format!("{at}.stores.{store}");
        if !capacity.stores.contains_key(store) {
            unknown("store", store, capacity.stores.keys().map(String::as_str), &at, cx);
        } else if *n > MOST_REPLICAS {
            cx.report("E0713", &at, Text::new("too many machines").fix(format!("use at most {MOST_REPLICAS}")));
        }
    }
    alike(capacity, &scenario.carries, &format!("{at}.carries"), cx);
    if let Some(share) = scenario.availability {
        availability(share, &format!("{at}.availability"), cx);
    }
    if let Some(spot) = &scenario.spot {
        let at = format!("{at}.spot");
        at_most(spot.saving, 99, &format!("{at}.saving"), cx);
        at_most(spot.share, 100, &format!("{at}.share"), cx);
        for (i, service) in spot.services.iter().flatten().enumerate() {
            cx.missing_service("E0711", &format!("{at}.services[{i}]"), service.as_str());
        }
        let hours = |d: crate::scalar::Dur| d.get().as_secs_f64() / 3600.0;
        for (field, d) in [("replacement", spot.replacement), ("lostWork", spot.lost_work)] {
            if hours(d) > 1.0 {
                cx.report("E0713", &format!("{at}.{field}"), Text::new("the duration is out of range").fix("use at most 1h"));
            }
        }
        if spot.interruptions_per_hour * hours(spot.replacement) > 0.9 {
            let text =
                Text::new("machines are taken back faster than they are replaced").because("no number of them keeps the work up");
            cx.report("E0713", &format!("{at}.interruptionsPerHour"), text.fix("lower `interruptionsPerHour` or `replacement`"));
        }
    }
    if let Some(reserved) = &scenario.reserved {
        at_most(reserved.saving, 99, &format!("{at}.reserved.saving"), cx);
        at_most(reserved.share, 100, &format!("{at}.reserved.share"), cx);
    }
}

fn availability(share: Percent, at: &str, cx: &mut Cx<'_>) {
    if share == Percent::whole(0) || share > Percent::whole(100) {
        cx.report("E0713", at, Text::new("an availability is above 0% and at most 100%").fix("use `99.9%`"));
    }
}

fn at_most(share: Percent, most: u32, at: &str, cx: &mut Cx<'_>) {
    if share > Percent::whole(most) {
        cx.report("E0713", at, Text::new("the share is out of range").fix(format!("use 0% to {most}%")));
    }
}
