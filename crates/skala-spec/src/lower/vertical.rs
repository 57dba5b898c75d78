//! The vertical axis: what is recommended, and within which bounds.

use skala_autoscaler::vertical::{Amount, Config, ConfigSpec, Percentiles, Resources};

use crate::model::{ResourceList, Scale, Service, Vertical, VerticalMode, VerticalResource};
use crate::scalar::Percent;

/// The vertical axis of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct VerticalAxis {
    /// Whether a recommendation is set on running replicas; else it is only shown.
    pub apply: bool,
    /// The resources that are recommended.
    pub resources: Resources<bool>,
    /// The recommender's settings.
    pub config: Config,
}

impl Service {
    /// The vertical axis; `None` where nothing is recorded.
    ///
    /// # Errors
    /// What the recommender refuses, in its words; `load` has refused it before.
    pub fn vertical(&self) -> Option<Result<VerticalAxis, Vec<String>>> {
        let Scale::Auto(autoscaling) = self.scale() else { return None };
        let vertical = autoscaling.vertical.as_ref().filter(|v| v.mode != VerticalMode::Off)?;
        let words = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
        let axis = |config| VerticalAxis { apply: vertical.mode == VerticalMode::Apply, resources: resources(vertical), config };
        Some(Config::try_new(spec(vertical)).map(axis).map_err(words))
    }
}

pub(crate) fn resources(vertical: &Vertical) -> Resources<bool> {
    let has = |resource| vertical.resources.contains(&resource);
    Resources { cpu: has(VerticalResource::Cpu), memory: has(VerticalResource::Memory) }
}

fn spec(vertical: &Vertical) -> ConfigSpec {
    ConfigSpec {
        percentiles: Resources { cpu: percentiles(vertical.cpu_percentile), memory: percentiles(vertical.memory_percentile) },
        margin: vertical.margin.ratio(),
        min_allowed: amounts(&vertical.min_allowed),
        max_allowed: amounts(&vertical.max_allowed),
        half_life: Resources { cpu: vertical.half_life.get(), memory: vertical.half_life.get() },
        oom_floor: vertical.oom_floor,
        ..ConfigSpec::default()
    }
}

/// The bounds keep their percentiles, but for a target beyond them.
fn percentiles(target: Percent) -> Percentiles {
    let (target, usual) = (target.ratio(), Percentiles::default());
    Percentiles { target, lower: usual.lower.min(target), upper: usual.upper.max(target) }
}

fn amounts(list: &ResourceList) -> Resources<Option<Amount>> {
    Resources { cpu: list.cpu.map(|cpu| Amount(cpu.millicores())), memory: list.memory.map(|size| Amount(size.bytes())) }
}
