//! A plan as CSV: one figure per row, for spreadsheets and scripts.
//!
//! Columns: section, month (0 is today), name, figure, value, unit. Money is per month in the file's currency.

use skala_capacity::plan::{Needs, Plan, ScenarioPlan};

/// Rows of one text.
struct Rows(String);

impl Rows {
    fn add(&mut self, section: &str, month: u32, name: &str, figure: &str, value: impl ToString, unit: &str) {
        let cells = [section, &month.to_string(), name, figure, &value.to_string(), unit].map(cell);
        self.0 += &(cells.join(",") + "\n");
    }
}

/// Quoted where it must be.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The plan as text, header first.
pub fn text(plan: &Plan) -> String {
    let mut rows = Rows("section,month,name,figure,value,unit\n".to_owned());
    for load in &plan.growth {
        for (month, value) in load.by_month.iter().enumerate() {
            rows.add("growth", month as u32, &load.load, "load", value, load.unit);
        }
    }
    for needs in &plan.needs {
        month(&mut rows, "needs", needs);
    }
    let currency = plan.currency.as_deref().unwrap_or_default();
    for scenario in &plan.scenarios {
        costs(&mut rows, scenario, currency);
    }
    for target in &plan.targets {
        month(&mut rows, &format!("target {}", target.target), &target.needs);
    }
    for size in &plan.sizing {
        month(&mut rows, &format!("{} x today", size.times_today), &size.needs);
    }
    rows.0
}

fn month(rows: &mut Rows, section: &str, needs: &Needs) {
    for s in &needs.services {
        rows.add(section, needs.month, &s.service, "replicas", s.replicas, "");
        rows.add(section, needs.month, &s.service, "unrounded", s.unrounded, "");
    }
    for s in &needs.stores {
        rows.add(section, needs.month, &s.store, "size", s.rounded, s.unit);
        rows.add(section, needs.month, &s.store, "unrounded", s.unrounded, s.unit);
    }
    for d in &needs.databases {
        rows.add(section, needs.month, &d.database, "connections", d.connections, "");
        rows.add(section, needs.month, &d.database, "connections in a rollout", d.with_surge, "");
        rows.add(section, needs.month, &d.database, "free connections", d.free, "");
    }
    for p in &needs.providers {
        rows.add(section, needs.month, &p.provider, "requests per minute", p.requests_per_minute, "");
        rows.add(section, needs.month, &p.provider, "tokens per minute", p.tokens_per_minute, "");
    }
    rows.add(section, needs.month, "all", "vcpu", needs.vcpu, "");
    rows.add(section, needs.month, "all", "memory", needs.memory_bytes, "B");
}

fn costs(rows: &mut Rows, scenario: &ScenarioPlan, currency: &str) {
    for month in scenario.months.iter().filter(|_| !currency.is_empty()) {
        rows.add("cost", month.month, &scenario.scenario, "total", month.total.as_f64(), currency);
    }
    rows.add("scenario", 0, &scenario.scenario, "expected availability", scenario.expected_availability, "");
    let first = scenario.saturates.first();
    if let Some((first, at)) = first.and_then(|first| Some((first, first.at.as_ref()?))) {
        let figure = format!("{} saturates at {}", first.station, at.load);
        rows.add("scenario", 0, &scenario.scenario, &figure, at.amount, at.unit);
    }
}
