//! Numbers from outside that a platform reads.

use std::time::Duration;

use skala_types::ServiceName;

use crate::model::{Measure, Outside, Platform, Scale, Source};

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
}

impl Platform {
    /// Every number from outside, in file order. Equal sources of several services come several times.
    pub fn sources(&self) -> Vec<SourceOf> {
        let mut found = Vec::new();
        for (service, settings) in &self.services {
            let Scale::Auto(autoscaling) = settings.scale() else { continue };
            for (_, metric) in autoscaling.metrics() {
                if let Measure::Outside(outside) = metric.measure {
                    let Outside { name, source, poll, .. } = *outside;
                    found.push(SourceOf { service: service.clone(), name, source, poll });
                }
            }
        }
        found
    }
}
