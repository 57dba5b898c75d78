//! Checks of what bounds services together: budgets, databases and providers; and of what is planned.

mod budgets;
mod money;
mod planning;
mod uses;

use super::Cx;
use crate::model::{Platform, Scale, Service};

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    money::check(platform, cx);
    budgets::check(platform, cx);
    uses::check(platform, cx);
    planning::check(platform, cx);
}

/// The size that a service never goes below; `None` for servers run by somebody else.
fn least(service: &Service) -> Option<u32> {
    match service.scale() {
        Scale::Fixed(n) => Some(n),
        Scale::Auto(autoscaling) => Some(autoscaling.min_replicas),
        Scale::External => None,
    }
}
