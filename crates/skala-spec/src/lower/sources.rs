//! Numbers from outside that a platform reads.

use std::time::Duration;

use skala_types::ServiceName;

use crate::model::{Measure, Outside, OutsideTarget, Platform, Scale, Source};

/// A number that is read for one service.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceOf {
    /// Whose.
    pub service: ServiceName,
    /// Its name there.
    pub name: String,
    /// Where it is read.
    pub source: Source,
    /// Time between two looks.
    pub poll: Duration,
    /// What each replica's share of it should be, where it has such a target: Kafka's lag is capped by it.
    pub target: Option<f64>,
}

impl SourceOf {
    /// A name that no other service has: `worker/jobs`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}

impl Platform {
    /// Every number from outside, in file order. Equal sources of several services come several times.
    pub fn sources(&self) -> Vec<SourceOf> {
        let mut found = Vec::new();
        for (service, settings) in &self.services {
            let Scale::Auto(autoscaling) = settings.scale() else { continue };
            for (_, metric) in autoscaling.metrics() {
                if let Measure::Outside(outside) = metric.measure {
                    let Outside { name, source, poll, target, .. } = *outside;
                    let target = match target {
                        Some(OutsideTarget::PerReplica(x)) => Some(x),
                        Some(OutsideTarget::Total(_)) | None => None,
                    };
                    found.push(SourceOf { service: service.clone(), name, source, poll, target });
                }
            }
        }
        found
    }
}
