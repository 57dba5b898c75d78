//! One currency in the whole file.

use skala_types::Currency;

use crate::model::Platform;
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
    let amounts: Vec<(String, Spend)> = prices.chain(limits).chain(planned).collect();
    // With a cost section its currency counts; a wrong code there is told elsewhere.
    let (from, wanted) = match (&platform.cost, amounts.first()) {
        (Some(cost), _) => ("cost.currency".to_owned(), cost.currency.parse::<Currency>().ok()),
        (None, Some((path, first))) if !cx.broken("cost") => (cx.shown(path).to_owned(), Some(first.currency)),
        _ => return,
    };
    let Some(wanted) = wanted else { return };
    for (path, amount) in amounts.iter().filter(|(_, amount)| amount.currency != wanted) {
        let text = Text::new(format!("this is in {}, and {from} in {wanted}", amount.currency))
            .because("amounts of different currencies cannot be added")
            .fix(format!("give it in {wanted}"));
        cx.report("E0703", path, text);
    }
    for (path, amount) in amounts.iter().filter(|(_, amount)| amount.amount.nanos() < LEAST) {
        if path.ends_with(".limit") {
            let text = Text::new(format!("a limit of {amount} lets nothing run")).fix("use a millionth or more");
            cx.report("E0702", path, text);
        }
    }
}
