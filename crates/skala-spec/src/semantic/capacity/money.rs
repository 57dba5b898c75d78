//! One currency in the whole file.

use skala_types::Currency;

use crate::model::{Platform, QueueBudget, QueueBudgets};
use crate::problem::Text;
use crate::scalar::Spend;
use crate::semantic::Cx;

/// A millionth of the currency, in billionths: what money is counted in.
const LEAST: u64 = 1000;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    let prices = platform.services.iter().filter_map(|(name, s)| Some((format!("services.{name}.price"), s.price?)));
    let limits = platform.budgets.iter().map(|(name, budget)| (format!("budgets.{name}.limit"), budget.limit));
    let capacity = platform.capacity.iter();
    let stores = capacity.clone().flat_map(|c| &c.stores).flat_map(|(name, s)| {
        let at = format!("capacity.stores.{name}");
        [(format!("{at}.price"), s.price), (format!("{at}.pricePerGb"), s.price_per_gb)]
    });
    let scenarios = capacity.flat_map(|c| &c.scenarios).flat_map(|(name, s)| {
        let at = format!("capacity.scenarios.{name}");
        [(format!("{at}.budget"), s.budget), (format!("{at}.extra"), s.extra)]
    });
    let planned = stores.chain(scenarios).filter_map(|(at, amount)| Some((at, amount?)));
    let tasks = of_tasks(platform);
    let spends: Vec<(String, Spend)> =
        prices.chain(limits).chain(planned).chain(tasks.iter().map(|t| (t.at.clone(), t.spend))).collect();
    let costs = platform.queues.iter().filter_map(|(name, q)| Some((format!("queues.{name}.cost"), q.cost?.currency)));
    let amounts: Vec<(String, Currency)> = spends.iter().map(|(at, spend)| (at.clone(), spend.currency)).chain(costs).collect();
    nothing(&spends, cx);
    cost_above_budget(platform, &tasks, cx);
    // With a cost section its currency counts; a wrong code there is told elsewhere.
    let (from, wanted) = match (&platform.cost, amounts.first()) {
        (Some(cost), _) => ("cost.currency".to_owned(), cost.currency.parse::<Currency>().ok()),
        (None, Some((path, first))) if !cx.broken("cost") => (cx.shown(path).to_owned(), Some(*first)),
        _ => return,
    };
    let Some(wanted) = wanted else { return };
    for (path, currency) in amounts.iter().filter(|(_, currency)| *currency != wanted) {
        let text = Text::new(format!("this is in {currency}, and {from} in {wanted}"))
            .because("amounts of different currencies cannot be added")
            .fix(format!("give it in {wanted}"));
        cx.report("E0703", path, text);
    }
}

/// A ceiling on what tasks cost: whose queue, where it stands, how much.
struct OfTasks<'a> {
    queue: Option<&'a str>,
    at: String,
    spend: Spend,
}

fn of_tasks(platform: &Platform) -> Vec<OfTasks<'_>> {
    let mut all = Vec::new();
    for (name, queue) in &platform.queues {
        let given = queue.budget.as_ref().map(QueueBudget::ceilings).unwrap_or_default();
        let short = matches!(queue.budget, Some(QueueBudget::Queue(_)));
        for (key, spend) in [("queue", given.queue), ("tenant", given.tenant), ("schedule", given.schedule)] {
            let at = if short { format!("queues.{name}.budget") } else { format!("queues.{name}.budget.{key}") };
            all.extend(spend.map(|spend| OfTasks { queue: Some(name), at, spend }));
        }
    }
    for (name, schedule) in &platform.schedules {
        let at = format!("schedules.{name}.budget");
        all.extend(schedule.budget.map(|spend| OfTasks { queue: schedule.queue.as_deref(), at, spend }));
    }
    all
}

/// Limits of nothing.
fn nothing(spends: &[(String, Spend)], cx: &mut Cx<'_>) {
    for (path, amount) in spends.iter().filter(|(_, amount)| amount.amount.nanos() < LEAST) {
        let (code, lets) = match path.split('.').next() {
            Some("budgets") => ("E0702", "limit"),
            Some("queues" | "schedules") => ("E0806", "budget"),
            _ => continue,
        };
        let text = Text::new(format!("a {lets} of {amount} lets nothing run")).fix("use a millionth or more");
        cx.report(code, path, text);
    }
}

/// One attempt that is dearer than what a whole window allows never begins.
fn cost_above_budget(platform: &Platform, tasks: &[OfTasks<'_>], cx: &mut Cx<'_>) {
    for (name, queue) in &platform.queues {
        let at = format!("queues.{name}.budget");
        let empty = queue.budget.as_ref().is_some_and(|b| b.ceilings() == QueueBudgets::default());
        if empty && !cx.broken(&at) {
            let text = Text::new("this budget bounds nothing").fix("write `5 EUR/day`, or `{tenant: 1 EUR/day}`");
            cx.report("E0806", &at, text);
        }
    }
    for OfTasks { queue, at, spend } in tasks {
        let Some(cost) = queue.and_then(|queue| platform.queues.get(queue)?.cost) else { continue };
        if spend.currency == cost.currency && spend.amount.nanos() >= LEAST && spend.amount < cost.amount {
            let text = Text::new(format!("one attempt costs {cost}, which is more than {spend} allows at all"))
                .because("every task would wait for ever")
                .fix("raise the budget, or correct `cost` of the queue");
            cx.report("E0806", at, text);
        }
    }
}
