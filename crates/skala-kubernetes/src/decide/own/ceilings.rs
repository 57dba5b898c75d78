//! Sizes that something beyond the target allows at most: a database's connections, and money.
//!
//! Decides: the ceilings that the core is given, and their words in the report.
//! Method: `skala_autoscaler::budget` for money; division for the rest.
//! Tested: `tests` below; `tests/it/limits.rs`.

use skala_autoscaler::budget::{BudgetState, Want, allow};
use skala_autoscaler::{Ceiling, CeilingKind};
use skala_types::{Money, Replicas, Time};

use crate::objects::Spec;
use crate::objects::spec::BudgetSpec;

/// What stands behind the target.
pub(crate) fn by_downstream(spec: &Spec) -> impl Iterator<Item = Ceiling> {
    spec.downstream.iter().map(|d| Ceiling {
        kind: CeilingKind::Downstream,
        replicas: Replicas(d.replicas()),
        by: format!("{}: ({} - {} kept) / {} per replica", d.name, d.limit, d.reserved, d.per_replica).as_str().into(),
    })
}

/// What the budget pays for of the wanted size, charging what ran until now; none when it pays for all of it.
pub(crate) fn by_budget(
    spec: &BudgetSpec,
    state: &mut BudgetState,
    wanted: Replicas,
    current: i32,
    min: i32,
    now: Time,
) -> Option<Ceiling> {
    let count = |n: i32| Replicas(n.max(0).unsigned_abs());
    let want = Want {
        service: "target".into(),
        desired: wanted,
        current: count(current),
        min: count(min),
        price: spec.price,
        priority: 0,
    };
    let wants = [want];
    state.record(&spec.budget, now, &wants);
    let verdict = allow(&spec.budget, state, &wants, now);
    state.note(&verdict);
    let allowed = verdict.allowed.first()?;
    let refused = allowed.because?;
    let price = Money::new(spec.price, verdict.ceiling.currency);
    let by = format!(
        "budget of {}: {} spent; {} at {price}/h each would cost {}/h more",
        verdict.ceiling, verdict.spent, refused.replicas, refused.forgone_per_hour
    );
    Some(Ceiling { kind: CeilingKind::Budget, replicas: allowed.replicas, by: by.as_str().into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(extra: &serde_json::Value) -> Spec {
        let mut spec =
            json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 50});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        Spec::read(&spec).unwrap()
    }

    #[test]
    fn a_database_has_room_for_so_many() {
        let spec = spec(&json!({"downstream": [{"name": "postgres", "limit": 100, "reserved": 10, "perReplica": 8}]}));
        let ceilings: Vec<Ceiling> = by_downstream(&spec).collect();
        assert_eq!(ceilings[0].replicas, Replicas(11));
        assert_eq!(&*ceilings[0].by, "postgres: (100 - 10 kept) / 8 per replica");
    }

    #[test]
    fn a_budget_pays_until_it_is_spent() {
        let spec = spec(&json!({"budget": {"limit": "1 EUR/h", "price": "0.25 EUR/h"}})).budget.unwrap();
        let mut state = BudgetState::default();
        let now = Time::from_secs(1_800_000_000);
        assert_eq!(by_budget(&spec, &mut state, Replicas(4), 2, 1, now), None);
        let ceiling = by_budget(&spec, &mut state, Replicas(9), 2, 1, now).unwrap();
        assert_eq!((ceiling.replicas, ceiling.kind), (Replicas(4), CeilingKind::Budget));
        // What runs is charged: two replicas for half an hour.
        by_budget(&spec, &mut state, Replicas(2), 2, 1, Time::from_secs(1_800_001_800));
        assert_eq!(state.running.micros(), 250_000);
    }
}
