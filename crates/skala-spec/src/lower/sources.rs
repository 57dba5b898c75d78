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
    /// What one replica's share of it should be, where the file says so.
    pub per_replica: Option<f64>,
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
                    let per_replica = match target {
                        Some(OutsideTarget::PerReplica(x)) => Some(x),
                        Some(OutsideTarget::Total(_)) | None => None,
                    };
                    found.push(SourceOf { service: service.clone(), name, source, poll, per_replica });
                }
            }
        }
        found
    }
}
