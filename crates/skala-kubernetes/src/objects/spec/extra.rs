//! What skala adds to a metric: a target of its own for shrinking, its own behavior, the age of its samples.
//!
//! Units: a `scaleDownTarget` is in the unit of the target: percent of a utilization, else a quantity.
//! Tested: `super::tests`.

use std::time::Duration;

use serde::Deserialize;
use skala_manifests::Quantity;
use skala_manifests::object::hpa;

use super::duration;
use super::trigger::number;

/// What a metric has of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MetricExtra {
    pub(crate) scale_down_target: Option<f64>,
    pub(crate) behavior: Option<skala_hpa::Behavior>,
    pub(crate) stale_after: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct WireExtra {
    scale_down_target: Option<Quantity>,
    behavior: Option<hpa::Behavior>,
    stale_after: Option<String>,
}

impl MetricExtra {
    /// Whether nothing is added.
    pub(crate) fn is_empty(&self) -> bool {
        *self == MetricExtra::default()
    }
}

impl WireExtra {
    /// Reads it beside the metric's target.
    pub(super) fn read(self, target: Option<f64>) -> Result<MetricExtra, String> {
        let down = self.scale_down_target.map(number).transpose()?;
        match (down, target) {
            (Some(down), _) if down <= 0.0 => return Err("scaleDownTarget: must be above 0".into()),
            (Some(down), Some(target)) if down > target => {
                return Err("scaleDownTarget: is above the target; between the two the size stays".into());
            }
            _ => {}
        }
        let behavior = self.behavior.as_ref().map(|b| skala_manifests::decide::behavior("behavior", b)).transpose();
        Ok(MetricExtra {
            scale_down_target: down,
            behavior: behavior.map_err(|e| e.to_string())?,
            stale_after: duration("staleAfter", self.stale_after)?,
        })
    }
}
