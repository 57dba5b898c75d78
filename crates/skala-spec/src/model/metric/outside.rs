//! Numbers from outside.

use std::time::Duration;

use super::short::lower;
use super::{Measure, Metric, MetricEntry, MetricProblem, Outside, OutsideTarget, invalid};
use crate::model::Source;

/// Time between two looks.
const POLL: Duration = Duration::from_secs(10);
/// No number is good for longer.
const OLDEST: Duration = Duration::from_secs(3600);
/// A number is stale when this many looks in a row gave none.
const LOOKS: u32 = 3;

impl MetricEntry {
    /// The number from outside that the entry names.
    pub(super) fn outside_metric(&self) -> Result<Metric<'_>, MetricProblem> {
        let Ok(source) = Source::try_from(self.outside()) else {
            return invalid("this entry reads more than one number", "give each its own list item, and join them in `formula`");
        };
        let Some(name) = &self.name else {
            return invalid("a number from outside needs a name", "add `name:`, such as `name: jobs`");
        };
        let target = match (self.target, self.target_total) {
            (Some(each), None) => Some(OutsideTarget::PerReplica(each.get())),
            (None, Some(total)) => Some(OutsideTarget::Total(total.get())),
            (None, None) if self.only_in_formula => None,
            (None, None) => {
                return invalid(
                    "this metric has no target",
                    "add `target:` (each replica's share) or `targetTotal:` (the number itself)",
                );
            }
            (Some(_), Some(_)) => {
                return invalid("`target` and `targetTotal` are both given", "keep one: the share of each replica, or the whole");
            }
        };
        if self.only_in_formula
            && let Some(key) = self.proposing()
        {
            let help = format!("remove `{key}`, or `onlyInFormula`");
            return invalid(format!("`{key}` has no meaning with `onlyInFormula`"), help);
        }
        let down = match (self.scale_down_target, target) {
            (Some(down), Some(target)) => Some(lower(down.get(), target.get())?),
            _ => None,
        };
        let poll = self.poll.map_or(POLL, Duration::from);
        let outside = Outside {
            name: name.as_str().to_owned(),
            source,
            target,
            activation: self.activation.unwrap_or(0.0),
            poll,
            fallback: self.fallback,
        };
        Ok(Metric {
            measure: Measure::Outside(Box::new(outside)),
            scale_down_target: down,
            behavior: self.behavior.as_ref(),
            stale_after: Some(self.stale_after.map_or(poll.saturating_mul(LOOKS).min(OLDEST), Duration::from)),
        })
    }

    /// The first key that only a metric with a proposal can have.
    fn proposing(&self) -> Option<&'static str> {
        let proposing = ["target", "targetTotal", "activation", "scaleDownTarget", "behavior", "fallback"];
        self.outside_options().into_iter().find(|key| proposing.contains(key))
    }
}
