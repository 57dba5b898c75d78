//! Rate policies: how much may change within a period.
//!
//! Decides: the furthest size that the policies of a direction allow.
//! Inputs: the changes of both directions within each policy's period.
//! Method: `autoscaling/v2`: base = current - added + removed, the size at the start of the period. Growing by percent rounds
//!   up, shrinking rounds towards zero; the order of float operations is upstream's: v/100, then 1 +- it, then the product.
//! Invariants: a limit never reverses a change; leaving zero is always possible.
//! Tested: `tests` below; `tests/decisions` rows `policies`.

use super::{Case, Chain};
use crate::report::{Detail, Rule};
use crate::{Direction, PolicyKind, ScalingPolicy, SelectPolicy};

pub(super) fn limit(case: &Case<'_>, chain: &mut Chain<'_>) {
    let (value, current) = (chain.value, case.current);
    let direction = match value {
        v if v > current => Direction::Up,
        v if v < current => Direction::Down,
        _ => return,
    };
    let (limit, index) = furthest(case, chain.metric, direction);
    let to = match direction {
        // From zero the first replica is not a matter of rate.
        Direction::Up => value.min(limit.max(current).max(1)),
        Direction::Down => value.max(limit.min(current)),
    };
    if to == value {
        return;
    }
    let until = index.and_then(|i| expiry(case, chain.metric, direction, i));
    chain.clamp(Rule::policies(direction), to, Detail::Policy { index, until });
}

/// The furthest size allowed, and the policy that says so.
fn furthest(case: &Case<'_>, metric: Option<usize>, direction: Direction) -> (u32, Option<usize>) {
    let rules = case.policy.rules_of(metric, direction);
    let (up, most) = match rules.select_policy {
        SelectPolicy::Disabled => return (case.current, None),
        SelectPolicy::Max => (direction == Direction::Up, true),
        SelectPolicy::Min => (direction == Direction::Up, false),
    };
    let mut best: Option<(u32, usize)> = None;
    for (i, policy) in rules.policies.iter().enumerate() {
        let limit = limit_of(policy, base(case, policy), direction);
        // The biggest change is the largest size going up and the smallest going down.
        let better = |so_far: u32| if up == most { limit > so_far } else { limit < so_far };
        if best.is_none_or(|(so_far, _)| better(so_far)) {
            best = Some((limit, i));
        }
    }
    best.map_or((case.current, None), |(limit, i)| (limit, Some(i)))
}

/// The size at the start of a policy's period; what lacks to `minReplicas` comes at once and is not a matter of rate.
fn base(case: &Case<'_>, policy: &ScalingPolicy) -> i64 {
    let added = i64::from(case.state.scale_ups.sum(case.now, policy.period));
    let removed = i64::from(case.state.scale_downs.sum(case.now, policy.period));
    i64::from(case.current.max(case.floor())) - added + removed
}

fn limit_of(policy: &ScalingPolicy, base: i64, direction: Direction) -> u32 {
    let value = i64::from(policy.value);
    let share = f64::from(policy.value) / 100.0;
    let limit = match (policy.kind, direction) {
        (PolicyKind::Pods, Direction::Up) => base + value,
        (PolicyKind::Pods, Direction::Down) => base - value,
        (PolicyKind::Percent, Direction::Up) => (base as f64 * (1.0 + share)).ceil() as i64,
        (PolicyKind::Percent, Direction::Down) => (base as f64 * (1.0 - share)).trunc() as i64,
    };
    u32::try_from(limit.max(0)).unwrap_or(u32::MAX)
}

fn expiry(case: &Case<'_>, metric: Option<usize>, direction: Direction, index: usize) -> Option<skala_types::Time> {
    let period = case.policy.rules_of(metric, direction).policies.get(index)?.period;
    let events = if direction == Direction::Up { &case.state.scale_ups } else { &case.state.scale_downs };
    events.next_expiry(case.now, period)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn worked_numbers() {
        let limit = |kind, value, base, direction| {
            limit_of(&ScalingPolicy { kind, value, period: Duration::from_secs(15) }, base, direction)
        };
        use Direction::{Down, Up};
        use PolicyKind::{Percent, Pods};
        // 100 + 10 % is 111 and 50 + 10 % is 56: the float 1.1 is a little above eleven tenths, and the result is rounded up.
        assert_eq!([limit(Percent, 10, 100, Up), limit(Percent, 10, 50, Up), limit(Percent, 100, 3, Up)], [111, 56, 6]);
        // 10 - 90 % is 0 and 100 - 90 % is 9: 1 - 0.9 is a little below a tenth, and the result is cut off.
        assert_eq!([limit(Percent, 90, 10, Down), limit(Percent, 90, 100, Down), limit(Percent, 150, 10, Down)], [0, 9, 0]);
        assert_eq!(
            [limit(Pods, 4, 10, Up), limit(Pods, 4, 10, Down), limit(Pods, 4, 3, Down), limit(Pods, 4, -9, Up)],
            [14, 6, 0, 0]
        );
    }
}
