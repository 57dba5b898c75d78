//! A plan for people: tables with two decimals; what is needed in whole units stands beside.

use comfy_table::Table;
use skala_capacity::plan::{
    Bought, Carried, Finding, MonthCost, Needs, Origin, PerMonth, Plan, Saturation, ScenarioPlan, StagePlan, StageView,
};

use crate::show::{say, table};

/// Bytes in a GiB.
const GIB: f64 = (1u64 << 30) as f64;

/// Scenarios in a table: four columns of amounts beside the names are about 100 characters.
const SIDE_BY_SIDE: usize = 4;

/// Prints every table that has something to tell.
pub fn show(plan: &Plan) {
    say(&format!("platform {}   {} months   a month has {} hours", plan.platform, plan.months, plan.hours_per_month));
    growth(plan);
    by_month(plan);
    if let Some(last) = plan.needs.last() {
        say(&format!("\nin {}:", named(last.month)));
        services(last);
        bounds(last);
    }
    saturation("SATURATES FIRST, by the bounds of the file", &plan.saturates);
    lines("CHANGE, to carry this growth", plan.findings.iter().flat_map(finding));
    scenarios(plan);
    costs(plan);
    targets(plan);
    plan.stage.iter().for_each(stage);
    sizing(plan);
    lines("NOTES", plan.notes.iter().cloned());
}

fn lines(title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        say(&format!("\n{title}"));
        lines.iter().for_each(|line| say(&format!("  {line}")));
    }
}

/// What to change, and what that has become in the end.
fn finding(f: &Finding) -> Vec<String> {
    let first = format!("from {}: {}", named(f.month), f.change);
    let last = f.finally.as_ref().map(|last| format!("  by {}: {}", named(last.month), last.change));
    std::iter::once(first).chain(last).collect()
}

/// A table whose first column is text and all others numbers.
fn numbers(header: &[String]) -> Table {
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, &(1..header.len()).collect::<Vec<_>>())
}

fn growth(plan: &Plan) {
    let heads = plan.growth.iter().map(|g| format!("{}{}", g.load.to_uppercase(), behind(g.unit)));
    let mut t = numbers(&std::iter::once("GROWTH".to_owned()).chain(heads).collect::<Vec<_>>());
    for month in 0..=plan.months {
        let values = plan.growth.iter().map(|g| two(g.by_month[month as usize]));
        t.add_row(std::iter::once(named(month)).chain(values));
    }
    say(&format!("\n{t}"));
}

fn by_month(plan: &Plan) {
    let Some(first) = plan.needs.first() else { return };
    let services = first.services.iter().map(|s| s.service.to_uppercase());
    // A store of machines alone has no size.
    let sized: Vec<usize> = (0..first.stores.len()).filter(|i| first.stores[*i].bytes > 0).collect();
    let stores = sized.iter().map(|i| &first.stores[*i]).map(|s| format!("{}{}", s.store.to_uppercase(), behind(s.unit)));
    let heads = std::iter::once("NEEDS".to_owned()).chain(services).chain(["VCPU".into(), "MEMORY GiB".into()]).chain(stores);
    let mut t = numbers(&heads.collect::<Vec<_>>());
    for needs in &plan.needs {
        let replicas = needs.services.iter().map(|s| s.replicas.to_string());
        let sizes = sized.iter().map(|i| two(needs.stores[*i].unrounded));
        let row = std::iter::once(named(needs.month)).chain(replicas);
        t.add_row(row.chain([two(needs.vcpu), two(needs.memory_bytes as f64 / GIB)]).chain(sizes));
    }
    say(&format!("\n{t}"));
}

/// What each service needs in the last month, and why.
fn services(needs: &Needs) {
    let mut t = table(&["SERVICE", "REPLICAS", "UNROUNDED", "BOUNDS", "IN A ROLLOUT", "FROM", "BECAUSE"], &[1, 2, 3, 4]);
    for s in &needs.services {
        let most = s.max_replicas.map_or("-".into(), |n| n.to_string());
        t.add_row([
            s.service.clone(),
            s.replicas.to_string(),
            two(s.unrounded),
            format!("{}-{most}", s.min_replicas),
            s.with_surge.to_string(),
            origin(s.origin).to_owned(),
            s.because.clone(),
        ]);
    }
    say(&t.to_string());
    let taken = needs.services.iter().flat_map(|s| s.rules.iter().map(move |r| (&s.service, r)));
    let taken = taken.filter_map(|(service, rule)| {
        let cores =
            rule.cores_rounded.map(|n| format!("{n} core{} ({})", if n == 1 { "" } else { "s" }, two(rule.cores.unwrap_or(0.0))));
        let memory = rule.memory_bytes.map(|n| format!("{} GB", two(n as f64 / 1e9)));
        Some(format!("{service}: {} ({})", cores.or(memory)?, rule.rule))
    });
    lines("TAKEN BY LOAD", taken);
}

/// Stores, databases and providers in the last month.
fn bounds(needs: &Needs) {
    let sized: Vec<_> = needs.stores.iter().filter(|s| s.bytes > 0).collect();
    if !sized.is_empty() {
        let mut t = table(&["STORE", "SIZE", "PROVIDE", "THERE ARE"], &[1, 2, 3]);
        for s in sized {
            let there = s.available_bytes.map_or("-".into(), |b| format!("{} GB", two(b as f64 / 1e9)));
            t.add_row([s.store.clone(), format!("{} {}", two(s.unrounded), s.unit), format!("{} {}", s.rounded, s.unit), there]);
        }
        say(&format!("\n{t}"));
    }
    if !needs.databases.is_empty() {
        let mut t = table(&["DATABASE", "CONNECTIONS", "IN A ROLLOUT", "FREE", "MAX", "FITS"], &[1, 2, 3, 4]);
        for d in &needs.databases {
            let numbers = [d.connections, d.with_surge, d.free, d.max_connections].map(|n| n.to_string());
            t.add_row(std::iter::once(d.database.clone()).chain(numbers).chain([yes(d.fits)]));
        }
        say(&format!("\n{t}"));
    }
    if !needs.providers.is_empty() {
        let mut t = table(&["PROVIDER", "REQUESTS/MIN", "GRANTED", "TOKENS/MIN", "GRANTED", "FITS"], &[1, 2, 3, 4]);
        let granted = |n: Option<f64>| n.map_or("-".into(), two);
        for p in &needs.providers {
            t.add_row([
                p.provider.clone(),
                two(p.requests_per_minute),
                granted(p.requests_granted),
                two(p.tokens_per_minute),
                granted(p.tokens_granted),
                yes(p.fits),
            ]);
        }
        say(&format!("\n{t}"));
    }
}

fn saturation(title: &str, found: &[Saturation]) {
    if found.is_empty() {
        return;
    }
    let mut t = table(&["STATION", "KIND", "BOUND", "AT", "X TODAY", "MONTH"], &[4, 5]);
    for s in found {
        let times = if s.never.is_some() { "-".into() } else { two(s.times_today) };
        t.add_row([s.station.clone(), s.kind.to_owned(), s.bound.clone(), at(s), times, s.month.map_or("-".into(), named)]);
    }
    say(&format!("\n{title}\n{t}"));
    let never = found.iter().filter_map(|s| Some(format!("  {}: {}", s.station, s.never.as_ref()?)));
    never.for_each(|line| say(&line));
}

/// The load that fills a bound: `2,000.00/s requests`.
fn at(s: &Saturation) -> String {
    match (&s.never, &s.at) {
        (Some(_), _) => "any load".into(),
        (None, Some(at)) => format!("{}{} {}", two(at.amount), at.unit, at.load),
        (None, None) => "-".into(),
    }
}

/// Ways to buy side by side, a column each, so many to a table that it fits.
fn scenarios(plan: &Plan) {
    for some in plan.scenarios.chunks(SIDE_BY_SIDE) {
        let heads = some.iter().map(|s| s.scenario.to_uppercase());
        let mut t = numbers(&std::iter::once("SCENARIO".to_owned()).chain(heads).collect::<Vec<_>>());
        let mut row = |name: &str, cell: &dyn Fn(&ScenarioPlan) -> String| {
            let cells: Vec<String> = some.iter().map(cell).collect();
            if cells.iter().any(|c| c != "-") {
                t.add_row(std::iter::once(name.to_owned()).chain(cells));
            }
        };
        let cost = |m: Option<&MonthCost>| m.map_or("-".into(), |m| money(m.total, plan));
        row("a month, today", &|s| cost(s.months.first()));
        row("a month, in the end", &|s| cost(s.months.last()));
        row("budget", &|s| s.budget_per_month.map_or("-".into(), |b| money(b, plan)));
        row("regions", &|s| s.regions.to_string());
        row("availability", &|s| percent(s.expected_availability));
        row("wanted", &|s| s.wanted_availability.map_or("-".into(), percent));
        for (i, service) in plan.needs.first().iter().flat_map(|n| n.services.iter().enumerate()) {
            row(&format!("{}, today", service.service), &|s| s.months.first().map_or("-".into(), |m| replicas(&m.replicas[i])));
        }
        row("is meant to carry", &carries);
        row("saturates first", &|s| s.saturates.first().map_or("-".into(), |first| first.station.clone()));
        row("  at", &|s| s.saturates.first().map_or("-".into(), at));
        say(&format!("\n{t}"));
    }
    lines(
        "SCENARIOS FALL SHORT",
        plan.scenarios.iter().flat_map(|s| s.findings.iter().map(move |f| format!("{}: {f}", s.scenario))),
    );
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

/// `10 (6 spot)`
fn replicas(bought: &Bought) -> String {
    let spot = if bought.spot > 0 { format!(" ({} spot)", bought.spot) } else { String::new() };
    format!("{}{spot}", bought.replicas)
}

/// What a scenario is meant for, a line each.
fn carries(s: &ScenarioPlan) -> String {
    let of = |c: &Carried| format!("{}{} {}{}", c.wanted, c.unit, c.load, if c.fits { "" } else { " (no)" });
    if s.carries.is_empty() { "-".into() } else { s.carries.iter().map(of).collect::<Vec<_>>().join("\n") }
}

fn costs(plan: &Plan) {
    let Some(currency) = &plan.currency else { return };
    for some in plan.scenarios.chunks(SIDE_BY_SIDE) {
        let heads = some.iter().map(|s| s.scenario.to_uppercase());
        let mut t = numbers(&std::iter::once(format!("{currency} A MONTH")).chain(heads).collect::<Vec<_>>());
        for month in 0..=plan.months {
            let totals = some.iter().map(|s| two(s.months[month as usize].total.as_f64()));
            t.add_row(std::iter::once(named(month)).chain(totals));
        }
        say(&format!("\n{t}"));
    }
}

fn targets(plan: &Plan) {
    for target in &plan.targets {
        let when = match target.reached_in_month {
            Some(0) => "already there".to_owned(),
            Some(month) => format!("there in month {month}"),
            None => "not there within ten years".to_owned(),
        };
        let cost = target.on_demand_per_month.map_or(String::new(), |c| format!(", {} a month on demand", money(c, plan)));
        say(&format!("\nTARGET {}: {}{} {} ({when}{cost})", target.target, two(target.amount), target.unit, target.load));
        services(&target.needs);
        bounds(&target.needs);
        if !target.bounded {
            let load = &target.load;
            say(&format!(
                "\nno need depends on {load}: no service and no store says what it takes, so the target asks for nothing;\n\
                 add `capacity: {{services: {{NAME: {{replicaPer: {{{load}: ...}}}}}}}}`"
            ));
        } else if target.changes.is_empty() {
            say("\nnothing has to change");
        }
        lines("CHANGE", target.changes.iter().cloned());
    }
}

fn stage(stage: &StagePlan) {
    let now = stage.now.as_deref().unwrap_or("beyond every stage");
    say(&format!("\nSTAGE {now}{}", stage.next.as_ref().map_or(String::new(), |n| format!(", then {n}"))));
    for l in &stage.leaves_at {
        let when = l.month.map_or("not within ten years".to_owned(), |m| format!("in month {m}"));
        say(&format!("  leave at {}{} {} ({} today; {when})", two(l.at), l.unit, l.load, two(l.today)));
    }
    stage.triggers.iter().for_each(|t| say(&format!("  or when: {t}")));
    let mut t = table(&["STAGE", "WHILE", "SERVICES", "STORES"], &[]);
    for view in &stage.stages {
        let stores = view.stores.iter().map(|s| format!("{} {} GB", s.store, two(s.bytes as f64 / 1e9)));
        let row = [view.name.clone(), view.below.join(", "), stage_services(view), stores.collect::<Vec<_>>().join(", ")];
        t.add_row(row);
    }
    say(&t.to_string());
    for view in stage.stages.iter().filter(|v| !v.notes.is_empty()) {
        say(&format!("  {} also: {}", view.name, view.notes.join(", ")));
    }
}

fn stage_services(view: &StageView) -> String {
    let endless = if view.below.is_empty() { "+" } else { "" };
    let of = |s: &skala_capacity::plan::StageServiceView| {
        let cpu = s.vcpu.map(|n| format!("{n} CPU"));
        let memory = s.memory_bytes.map(|n| format!("{} GB", two(n as f64 / 1e9)));
        let each: Vec<String> = cpu.into_iter().chain(memory).collect();
        let each = if each.is_empty() { String::new() } else { format!(" of {}", each.join("/")) };
        format!("{} {}{endless}{each}", s.service, s.replicas)
    };
    view.services.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn sizing(plan: &Plan) {
    let Some(first) = plan.sizing.first() else { return };
    let services = first.needs.services.iter().map(|s| s.service.to_uppercase());
    let mut heads: Vec<String> = std::iter::once("SIZING".to_owned()).chain(services).collect();
    heads.extend(["VCPU".to_owned(), "MEMORY GiB".to_owned()]);
    heads.extend(plan.currency.iter().map(|c| format!("{c} A MONTH")));
    let mut t = numbers(&heads);
    for size in &plan.sizing {
        let mut row = vec![format!("{} x today", size.times_today)];
        row.extend(size.needs.services.iter().map(|s| s.replicas.to_string()));
        row.extend([two(size.needs.vcpu), two(size.needs.memory_bytes as f64 / GIB)]);
        row.extend(size.on_demand_per_month.map(|c| two(c.as_f64())));
        t.add_row(row);
    }
    say(&format!("\n{t}"));
}

fn named(month: u32) -> String {
    if month == 0 { "today".into() } else { format!("month {month}") }
}

fn behind(unit: &str) -> String {
    match unit {
        "" => String::new(),
        rate if rate.starts_with('/') => rate.to_owned(),
        size => format!(" {size}"),
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "file",
        Origin::Measured => "measured",
        Origin::Formula => "formula",
        Origin::Default => "default",
    }
}

fn yes(fits: bool) -> String {
    if fits { "yes" } else { "NO" }.to_owned()
}

fn money(amount: PerMonth, plan: &Plan) -> String {
    match &plan.currency {
        Some(currency) => format!("{} {currency}", two(amount.as_f64())),
        None => "-".into(),
    }
}

/// Two decimals, with thousands apart: `2,985.98`.
fn two(value: f64) -> String {
    // Half a cent is rounded up, also where the nearest binary number lies a little below it.
    let text = format!("{:.2}", value + value * 1e-12);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let apart: Vec<&str> = (0..whole.len()).rev().step_by(3).map(|end| &whole[end.saturating_sub(2)..=end]).collect();
    format!("{}.{fraction}", apart.into_iter().rev().collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::two;

    #[test]
    fn thousands_stand_apart() {
        let rows = [
            (0.0, "0.00"),
            (999.999, "1,000.00"),
            (2985.984, "2,985.98"),
            (2759.015, "2,759.02"),
            (9765.625, "9,765.63"),
            (19_073.486, "19,073.49"),
            (1e6, "1,000,000.00"),
        ];
        for (value, wanted) in rows {
            assert_eq!(two(value), wanted);
        }
    }
}
