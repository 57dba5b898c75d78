//! Checks of objectives.

use std::time::Duration;

use super::Cx;
use crate::model::Platform;
use crate::problem::Text;
use crate::scalar::Percent;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    for (name, objective) in &platform.objectives {
        let at = format!("objectives.{name}");
        cx.missing_service("E0605", &at, name.as_str());
        if let Some(availability) = objective.availability
            && (availability == Percent::whole(0) || availability >= Percent::whole(100))
        {
            let text = Text::new("an availability lies above 0% and below 100%")
                .because("100% leaves no error to budget for")
                .fix("use `99.9%`");
            cx.report("E0606", &format!("{at}.availability"), text);
        }
        let bounds: Vec<_> = objective.latency.iter().flat_map(|l| l.bounds()).collect();
        if let Some(pair) = bounds.windows(2).find(|pair| pair[0].1 > pair[1].1) {
            let ((low, _), (high, _)) = (pair[0], pair[1]);
            let text = Text::new(format!("{low} is allowed to be slower than {high}"))
                .because("a higher percentile is never faster")
                .fix(format!("lower {low} or raise {high}"));
            cx.report("E0607", &format!("{at}.latency.{low}"), text);
        }
        if let Some((percentile, _)) = bounds.iter().find(|(_, bound)| bound.is_zero()) {
            cx.report(
                "E0607",
                &format!("{at}.latency.{percentile}"),
                Text::new("a latency of zero can never be met").fix("use `500ms`"),
            );
        }
        if objective.availability.is_none() && bounds.is_empty() && !cx.broken(&at) {
            cx.report(
                "E0608",
                &at,
                Text::new("this objective promises nothing").fix("add `availability: 99.9%` or `latency: {p95: 500ms}`"),
            );
        }
        if objective.window.get() < Duration::from_secs(3600) {
            cx.report(
                "E0609",
                &format!("{at}.window"),
                Text::new("the window is too short to judge by").fix("use `1h` or more; `30d` is usual"),
            );
        }
    }
}
