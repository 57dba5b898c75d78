//! Stabilization: a change must have been wanted during a whole window.
//!
//! Decides: how far the recommendations of the last minutes let the size move.
//! Method: `autoscaling/v2`: up = the lowest size wanted within the scale-up window, down = the highest wanted within the
//!   scale-down window, both with the new one; the size is moved into [up, down] only as far as needed.
//! Tested: `tests/decisions` rows `stabilization`; `state::log` for the windows.

use skala_types::Time;

use super::{Case, Chain};
use crate::report::{Detail, Rule};
use crate::{Direction, Recommendation};

pub(super) fn stabilize(case: &Case<'_>, chain: &mut Chain<'_>) {
    let (new, current) = (chain.value, case.current);
    let logged = |direction| {
        let window = case.policy.rules_of(chain.metric, direction).stabilization_window;
        case.log(chain.metric).within(case.now, window)
    };
    let up = logged(Direction::Up).map(|r| r.replicas.0).fold(new, u32::min);
    let down = logged(Direction::Down).map(|r| r.replicas.0).fold(new, u32::max);
    let mut stable = current;
    if stable < up {
        stable = up;
    }
    if stable > down {
        stable = down;
    }
    // Without a change of its own the log still holds the size, on the side from which the new number lies.
    let direction = if new >= current { Direction::Up } else { Direction::Down };
    if stable == chain.value {
        return;
    }
    let time = lets_go(case, chain.metric, direction);
    chain.clamp(Rule::stabilization(direction), stable, Detail::Until { time });
}

/// When the last entry that stands against the direction leaves its window.
fn lets_go(case: &Case<'_>, metric: Option<usize>, direction: Direction) -> Option<Time> {
    let window = case.policy.rules_of(metric, direction).stabilization_window;
    let against = |r: &&Recommendation| match direction {
        Direction::Up => r.replicas.0 <= case.current,
        Direction::Down => r.replicas.0 >= case.current,
    };
    case.log(metric).within(case.now, window).filter(against).map(|r| r.last + window).max()
}
