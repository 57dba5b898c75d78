//! Checks of `async` on routes: the queue must hand the request to the route's own service.

use super::Cx;
use super::queues::unknown;
use crate::model::{Platform, Way};
use crate::problem::Text;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    for (i, route) in platform.routes.iter().flatten().enumerate() {
        let Some(offload) = &route.offload else { continue };
        let at = format!("routes[{i}].async.queue");
        let (name, service) = (&offload.queue, &route.service);
        unknown("queue", name, platform.queues.keys(), &at, cx);
        let Some(way) = platform.queues.get(name).and_then(|queue| queue.deliver.way()) else { continue };
        let reason = match way {
            Way::Push(to, _) if to == service => continue,
            Way::Push(to, _) => format!("it pushes to `{to}`"),
            Way::Pull(_) => "its workers take tasks themselves, and would not answer a request".to_owned(),
            Way::Command(_) => "it runs a command, which would not answer a request".to_owned(),
            Way::Celery(..) => "it is in a Celery broker, whose workers would not answer a request".to_owned(),
        };
        let text = Text::new(format!("`{name}` does not bring requests to `{service}`"))
            .because(reason)
            .fix(format!("use a queue with `deliver: {{service: {service}, path: /}}`"));
        cx.report("E0808", &at, text);
    }
}
