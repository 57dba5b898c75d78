//! Checks of `queueLength`, `queueAge` and `queueWait`: the queue is there, and the service works on it.

use super::Scaling;
use crate::model::Measure;
use crate::problem::Text;
use crate::semantic::Cx;
use crate::semantic::queues::unknown;

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let works_on: Vec<&str> = scaling.service.works_on.iter().map(|works| works.queue.as_str()).collect();
    for (i, metric) in &scaling.metrics {
        let Measure::Queue(measure) = &metric.measure else { continue };
        let item = format!("{}[{i}].{}", scaling.field("metrics"), measure.goal.key());
        let Some(queue) = &measure.queue else {
            if works_on.is_empty() && !cx.broken("queues") {
                let text = Text::new("this service works on no queue")
                    .fix("name one, such as `{queue: NAME, ...}`, or let a queue `deliver` to this service");
                cx.report("E0810", &item, text);
            }
            continue;
        };
        let at = format!("{item}.queue");
        unknown("queue", queue, scaling.queues.iter().copied(), &at, cx);
        if scaling.queues.contains(&queue) && !works_on.contains(&queue.as_str()) {
            let text = Text::new(format!("this service does not work on `{queue}`"))
                .because("more replicas of it need not make that queue shorter")
                .fix("scale the service that the queue delivers to, or leave it if this one feeds on the same load");
            cx.report("W0811", &at, text);
        }
    }
}
