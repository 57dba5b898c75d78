//! Rate policies: how far the size may go within a period.
//!
//! Decides: the furthest size that the policies of a direction allow.
//! Units: replicas; percents as v/100, then 1 +- it, then the product, in this order of floats.
//! Method: `autoscaling/v2`: base = size - added + removed within the period, the size at its start, both directions counted.
//!   Growing by percent rounds up, shrinking cuts off towards zero.
//! Invariants: saturating; a direction that is disabled or has no policy stays where it is.
//! Tested: `tests` below; `tests/rows/behavior.rs`.

use super::Case;
use crate::behavior::Rules;
use crate::history::{changed, next_expiry};
use crate::math::{ceil_i32, saturate_i32};
use crate::{Direction, History, Outcome, PolicyKind, PolicyLimit, ScalingPolicy, SelectPolicy, Step};

pub(super) fn furthest(
    case: &Case<'_>,
    rules: &Rules<'_>,
    direction: Direction,
    history: &History,
    outcome: &mut Outcome,
) -> i32 {
    // The biggest change is the largest size when growing and the smallest when shrinking.
    let largest = match rules.select {
        SelectPolicy::Disabled => return case.current,
        SelectPolicy::Max => direction == Direction::Up,
        SelectPolicy::Min => direction == Direction::Down,
    };
    let mut best: Option<i32> = None;
    for (i, policy) in rules.policies.iter().enumerate() {
        let allowed = allow(case, policy, i, direction, history);
        best = Some(match best {
            None => allowed.limit,
            Some(b) if largest => b.max(allowed.limit),
            Some(b) => b.min(allowed.limit),
        });
        outcome.trace.steps.push(Step::Limited(allowed));
    }
    best.unwrap_or(case.current)
}

fn allow(case: &Case<'_>, policy: &ScalingPolicy, index: usize, direction: Direction, history: &History) -> PolicyLimit {
    let period = i64::from(policy.period_seconds);
    let one_sided = case.settings.compat.quirks().rate_of_one_direction;
    let sum = |log, of| if one_sided && of != direction { 0 } else { changed(log, case.now, period) };
    let added = sum(&history.scale_ups, Direction::Up);
    let removed = sum(&history.scale_downs, Direction::Down);
    let base = saturate_i32(i128::from(case.current) - i128::from(added) + i128::from(removed));
    let own = match direction {
        Direction::Up => &history.scale_ups,
        Direction::Down => &history.scale_downs,
    };
    PolicyLimit {
        direction,
        policy: index,
        kind: policy.kind,
        value: policy.value,
        period_seconds: policy.period_seconds,
        base,
        limit: limit(policy, base, direction),
        until: next_expiry(own, case.now, period),
    }
}

fn limit(policy: &ScalingPolicy, base: i32, direction: Direction) -> i32 {
    let share = f64::from(policy.value) / 100.0;
    match (policy.kind, direction) {
        (PolicyKind::Pods, Direction::Up) => base.saturating_add(policy.value),
        (PolicyKind::Pods, Direction::Down) => base.saturating_sub(policy.value),
        (PolicyKind::Percent, Direction::Up) => ceil_i32(f64::from(base) * (1.0 + share)),
        (PolicyKind::Percent, Direction::Down) => (f64::from(base) * (1.0 - share)) as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_numbers() {
        let limit = |kind, value, base, direction| limit(&ScalingPolicy { kind, value, period_seconds: 15 }, base, direction);
        use Direction::{Down, Up};
        use PolicyKind::{Percent, Pods};
        // 1 + 10/100 is a little above eleven tenths, and the product is rounded up.
        assert_eq!([limit(Percent, 10, 100, Up), limit(Percent, 10, 50, Up), limit(Percent, 100, 3, Up)], [111, 56, 6]);
        // 1 - 90/100 is a little below a tenth, and the product is cut off.
        assert_eq!([limit(Percent, 90, 10, Down), limit(Percent, 90, 100, Down), limit(Percent, 150, 10, Down)], [0, 9, -5]);
        assert_eq!([limit(Pods, 4, 10, Up), limit(Pods, 4, 3, Down), limit(Pods, 4, -9, Up)], [14, -1, -5]);
        assert_eq!([limit(Pods, i32::MAX, 9, Up), limit(Percent, i32::MAX, i32::MAX, Up)], [i32::MAX; 2]);
        assert_eq!([limit(Pods, i32::MAX, -9, Down), limit(Percent, i32::MAX, i32::MAX, Down)], [i32::MIN; 2]);
    }
}
