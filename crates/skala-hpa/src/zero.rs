//! Size zero: an off switch, or a size that the autoscaler itself went to.
//!
//! Decides: whether a target at zero is left alone, and what the condition `ScaledToZero` says after a change.
//! Inputs: the release, the gate `HPAScaleToZero`, the incoming condition, `minReplicas`, the kinds of metrics.
//! Method: `autoscaling/v2`: until 1.35 by `minReplicas: 0`, since then by the condition.
//! Tested: `tests/rows/zero.rs`.

use crate::{ConditionStatus, ConditionType, Input, Outcome, Quirks, ZeroRule};

/// How this reconcile treats size zero.
pub(crate) struct Zero {
    rule: ZeroRule,
    /// The gate `HPAScaleToZero`.
    gate: bool,
    /// Whether the incoming condition lets the autoscaler leave zero.
    pub(crate) by_condition: bool,
}

impl Zero {
    pub(crate) fn of(input: &Input<'_>, quirks: Quirks) -> Zero {
        let rule = quirks.zero;
        // `minReplicas: 0` is refused, and the condition never written, where the gate is off.
        let implied = input.spec.min_replicas == Some(0) || input.scaled_to_zero.is_some();
        let gate = input.settings.scale_to_zero.unwrap_or(rule == ZeroRule::ConditionByDefault || implied);
        let by_condition = rule != ZeroRule::MinReplicas && gate && input.scaled_to_zero == Some(true);
        Zero { rule, gate, by_condition }
    }

    /// Whether a target at zero is switched off.
    pub(crate) fn disabled(&self, input: &Input<'_>) -> bool {
        let min = input.spec.min();
        match self.rule {
            ZeroRule::MinReplicas => min != 0,
            _ => !(self.by_condition && (min != 0 || input.spec.has_object_or_external())),
        }
    }

    /// A condition left from when the gate was on is taken away.
    pub(crate) fn off(&self, outcome: &mut Outcome) {
        outcome.removes_scaled_to_zero = self.rule != ZeroRule::MinReplicas && !self.gate;
    }

    /// The condition after the size changed.
    pub(crate) fn rescaled(&self, input: &Input<'_>, current: i32, desired: i32, outcome: &mut Outcome) {
        if self.rule == ZeroRule::MinReplicas {
            return;
        }
        if !self.gate {
            outcome.removes_scaled_to_zero = true;
            return;
        }
        let reached = current > 0 && desired == 0 && input.spec.min() == 0 && input.spec.has_object_or_external();
        let (status, reason, message) = if reached {
            (ConditionStatus::True, "ScaledToZero", "the HPA controller scaled the workload to zero")
        } else {
            (ConditionStatus::False, "NotScaledToZero", "the HPA controller did not scale the workload to zero")
        };
        outcome.set(ConditionType::ScaledToZero, status, reason, message.to_owned());
    }
}
