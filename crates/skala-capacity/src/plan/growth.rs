//! What every load is in a month.
//!
//! Method: compound growth, `now x (1 + g1) x (1 + g2) ...`, exact; a load `of` another follows it.
//! Invariants: a value beyond 10^15 of its unit is an error, not a number.

use super::PlanError;
use super::exact::Exact;
use super::model::{Base, Model};

/// Most months that are planned.
pub const MAX_MONTHS: u32 = 120;

/// Largest load, in the unit that it is written in.
const LARGEST: f64 = 1e15;

/// The loads of one month, in base units, in the model's order.
pub(super) type Loads = Vec<Exact>;

/// The loads of months 0 (today) to `months`.
///
/// # Errors
/// When a load outgrows what can be counted.
pub(super) fn by_month(model: &Model, months: u32) -> Result<Vec<Loads>, PlanError> {
    let mut own: Vec<Option<Exact>> = model.loads.iter().map(|l| today(&l.base)).collect();
    let mut all = Vec::new();
    for month in 0..=months {
        if month > 0 {
            for (load, value) in model.loads.iter().zip(&mut own) {
                *value = value.take().map(|v| v.times(&factor(&load.base, month)));
            }
        }
        let loads = settled(model, &own);
        for (load, value) in model.loads.iter().zip(&loads) {
            if load.unit.show(value) > LARGEST {
                return Err(PlanError::TooLarge { load: load.name.clone(), month });
            }
        }
        all.push(loads);
    }
    Ok(all)
}

/// The loads with one set to a value; those that follow it follow.
pub(super) fn with(model: &Model, loads: &Loads, set: &[(usize, Exact)]) -> Loads {
    let mut own: Vec<Option<Exact>> =
        model.loads.iter().zip(loads).map(|(l, v)| matches!(l.base, Base::Now { .. }).then(|| v.clone())).collect();
    for (load, value) in set {
        own[*load] = Some(value.clone());
    }
    settled(model, &own)
}

/// The loads that one load moves: itself and those that follow it.
pub(super) struct Follows(Vec<bool>);

impl Follows {
    pub(super) fn of(model: &Model, load: usize) -> Follows {
        let moved = |mut at: usize| {
            for _ in 0..=model.loads.len() {
                match &model.loads[at].base {
                    _ if at == load => return true,
                    Base::Of { load, .. } => at = *load,
                    Base::Now { .. } => return false,
                }
            }
            false
        };
        Follows((0..model.loads.len()).map(moved).collect())
    }

    /// Whether this load is one of them.
    pub(super) fn moves(&self, load: usize) -> bool {
        self.0[load]
    }
}

/// All loads times the same.
pub(super) fn scaled(loads: &Loads, by: &Exact) -> Loads {
    loads.iter().map(|v| v.times(by)).collect()
}

fn today(base: &Base) -> Option<Exact> {
    match base {
        Base::Now { value, .. } => Some(value.clone()),
        Base::Of { .. } => None,
    }
}

/// What a month multiplies by.
fn factor(base: &Base, month: u32) -> Exact {
    let Base::Now { growth, .. } = base else { return Exact::whole(1) };
    let at = (month as usize - 1).min(growth.len().saturating_sub(1));
    let millionths = 1_000_000 + growth.get(at).copied().unwrap_or(0);
    Exact::new(u128::try_from(millionths).unwrap_or(0), 1_000_000)
}

/// Follows loads to what they follow.
fn settled(model: &Model, own: &[Option<Exact>]) -> Loads {
    (0..model.loads.len()).map(|at| followed(model, own, at, model.loads.len())).collect()
}

fn followed(model: &Model, own: &[Option<Exact>], at: usize, left: usize) -> Exact {
    match (&own[at], &model.loads[at].base) {
        (Some(value), _) => value.clone(),
        (None, Base::Of { load, times }) if left > 0 => followed(model, own, *load, left - 1).times(times),
        _ => Exact::whole(0),
    }
}
