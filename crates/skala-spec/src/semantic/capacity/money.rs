//! One currency in the whole file.

use skala_types::Currency;

use crate::model::{Platform, Queue, QueueBudget};
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
    let spends: Vec<(String, Spend)> = prices.chain(limits).chain(planned).chain(of_tasks(platform)).collect();
    let costs = platform.queues.iter().filter_map(|(name, q)| Some((format!("queues.{name}.cost"), q.cost?.currency)));
    let amounts: Vec<(String, Currency)> = spends.iter().map(|(at, spend)| (at.clone(), spend.currency)).chain(costs).collect();
    nothing(&spends, cx);
    cost_above_budget(platform, cx);
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

/// Ceilings on what tasks cost.
fn of_tasks(platform: &Platform) -> Vec<(String, Spend)> {
    let of_queue = |(name, queue): (&String, &Queue)| {
        let at = format!("queues.{name}.budget");
        match &queue.budget {
            None => Vec::new(),
            Some(QueueBudget::Queue(spend)) => vec![(at, *spend)],
            Some(QueueBudget::Of(of)) => {
                let all = [("queue", of.queue), ("tenant", of.tenant), ("schedule", of.schedule)];
                all.into_iter().filter_map(|(key, spend)| Some((format!("{at}.{key}"), spend?))).collect()
            }
        }
    };
    let schedules = platform.schedules.iter().filter_map(|(name, s)| Some((format!("schedules.{name}.budget"), s.budget?)));
    platform.queues.iter().flat_map(of_queue).chain(schedules).collect()
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
fn cost_above_budget(platform: &Platform, cx: &mut Cx<'_>) {
    for (name, queue) in &platform.queues {
        let at = format!("queues.{name}.budget");
        if matches!(&queue.budget, Some(QueueBudget::Of(of)) if of.queue.or(of.tenant).or(of.schedule).is_none())
            && !cx.broken(&at)
        {
            let text = Text::new("this budget bounds nothing").fix("write `5 EUR/day`, or `{tenant: 1 EUR/day}`");
            cx.report("E0806", &at, text);
        }
        let Some(cost) = queue.cost else { continue };
        let mine = of_tasks(platform).into_iter().filter(|(path, _)| {
            let schedule = path.strip_prefix("schedules.").and_then(|rest| rest.strip_suffix(".budget"));
            let fills = schedule.and_then(|s| platform.schedules.get(s)).is_some_and(|s| s.queue.as_ref() == Some(name));
            fills || *path == at || path.strip_prefix(&at).is_some_and(|rest| rest.starts_with('.'))
        });
        for (path, budget) in
            mine.filter(|(_, b)| b.currency == cost.currency && b.amount.nanos() >= LEAST && b.amount < cost.amount)
        {
            let text = Text::new(format!("one attempt costs {cost}, which is more than {budget} allows at all"))
                .because("every task would wait for ever")
                .fix("raise the budget, or correct `cost` of the queue");
            cx.report("E0806", &path, text);
        }
    }
}
