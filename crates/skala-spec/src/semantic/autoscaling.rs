//! Checks of one service's autoscaling.

use skala_types::ServiceName;

use super::Cx;
use crate::model::{Autoscaling, Measure, MetricProblem, Service};
use crate::problem::Text;
use crate::scalar::{CpuTarget, MemoryTarget};

pub(super) fn check(name: &ServiceName, service: &Service, autoscaling: &Autoscaling, routed: bool, cx: &mut Cx<'_>) {
    let at = format!("services.{name}.autoscaling");
    let Autoscaling { min_replicas: min, max_replicas: max, .. } = autoscaling;
    if min > max && !cx.broken(&format!("{at}.minReplicas")) {
        let text =
            Text::new(format!("minReplicas {min} is above maxReplicas {max}")).fix("lower `minReplicas` or raise `maxReplicas`");
        cx.report("E0501", &format!("{at}.minReplicas"), text);
    }
    if autoscaling.metrics.is_empty() && min < max && !cx.broken(&format!("{at}.metrics")) {
        let text = Text::new("there is nothing to scale by").fix("add `metrics:`, such as `- concurrency: 20` or `- cpu: 70%`");
        cx.report("E0502", &at, text);
    }
    if *min == 0 && !routed && !cx.broken("routes") {
        let text = Text::new("at zero replicas nothing can wake this service")
            .because("no route leads to it, and a request is what starts the first replica")
            .fix("add a route, or use `minReplicas: 1`");
        cx.report("W0502", &format!("{at}.minReplicas"), text);
    }
    if autoscaling.tolerance.as_f64() >= 1.0 {
        let text = Text::new("with this tolerance a service never shrinks").fix("use less than `100%`");
        cx.report("E0507", &format!("{at}.tolerance"), text);
    }
    metrics(&format!("services.{name}"), service, autoscaling, cx);
}

fn metrics(service_at: &str, service: &Service, autoscaling: &Autoscaling, cx: &mut Cx<'_>) {
    let at = format!("{service_at}.autoscaling.metrics");
    let mut seen: Vec<String> = Vec::new();
    let mut unserved = 0;
    for (i, entry) in autoscaling.metrics.iter().enumerate() {
        let item = format!("{at}[{i}]");
        match entry.metric() {
            Ok(metric) => {
                let name = metric.measure.name();
                if seen.contains(&name) {
                    let text = Text::new(format!("`{name}` is here twice"))
                        .because("the stricter of the two would always win")
                        .fix("keep one");
                    cx.report("E0504", &item, text);
                }
                seen.push(name);
                needs(service_at, service, &metric.measure, &item, cx);
            }
            // An entry that lost its metric to another problem was told already.
            Err(MetricProblem::Invalid(..)) if cx.broken(&item) => {}
            Err(MetricProblem::Invalid(message, help)) => cx.report("E0503", &item, Text::new(message).fix(help)),
            Err(MetricProblem::Unserved(reason, help)) => {
                unserved += 1;
                cx.report("W0501", &item, Text::new("this metric is left out").because(reason).fix(help));
            }
        }
    }
    if unserved > 0 && unserved == autoscaling.metrics.len() && !cx.broken(&at) {
        cx.report(
            "E0506",
            &at,
            Text::new("none of the metrics can be measured here").fix("add a short form, such as `- concurrency: 20`"),
        );
    }
}

/// What a metric needs elsewhere in the service.
fn needs(at: &str, service: &Service, metric: &Measure, item: &str, cx: &mut Cx<'_>) {
    let requests = &service.resources.requests;
    let missing = match metric {
        Measure::Cpu(CpuTarget::Utilization(_)) if requests.cpu.is_none() => Some(("cpu", "500m")),
        Measure::Memory(MemoryTarget::Utilization(_)) if requests.memory.is_none() => Some(("memory", "512Mi")),
        _ => None,
    };
    if let Some((key, example)) = missing.filter(|_| !cx.broken(&format!("{at}.resources"))) {
        let text = Text::new(format!("a percentage of {key} needs a request to be a percentage of"))
            .fix(format!("add `resources: {{requests: {{{key}: {example}}}}}` to the service"));
        cx.report("E0505", item, text);
    }
    if let (Measure::Concurrency(target), Some(limit)) = (metric, service.concurrency)
        && *target > f64::from(limit)
    {
        let text = Text::new(format!("the target of {target} is above `concurrency: {limit}`"))
            .because("requests wait before a replica is added")
            .fix(format!("use a target below {limit}"));
        cx.report("W0503", item, text);
    }
}
