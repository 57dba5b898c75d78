//! Checks of `windows`.

use super::Scaling;
use crate::problem::Text;
use crate::semantic::Cx;

/// Most windows of a service.
const MOST: usize = 32;

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    if scaling.of.windows.len() > MOST {
        let text = Text::new("these are too many windows").fix(format!("keep {MOST} at most"));
        cx.report("E0513", &scaling.field("windows"), text);
    }
    let mut seen = Vec::new();
    for (i, window) in scaling.of.windows.iter().enumerate() {
        let at = scaling.field(&format!("windows[{i}]"));
        let (min, max) = (window.min_replicas, window.max_replicas);
        if min.is_none() && max.is_none() && !cx.broken(&at) {
            let text = Text::new("this window changes nothing").fix("give it `minReplicas` or `maxReplicas`");
            cx.report("E0513", &at, text);
        }
        let (low, high) = (min.unwrap_or(scaling.of.min_replicas), max.unwrap_or(scaling.of.max_replicas));
        if low > high && !cx.broken(&at) && !cx.broken(&scaling.field("minReplicas")) {
            let key = if min.is_some() { "minReplicas" } else { "maxReplicas" };
            let text = Text::new(format!("inside this window minReplicas {low} is above maxReplicas {high}"))
                .fix("give the window both, or change one of them");
            cx.report("E0513", &format!("{at}.{key}"), text);
        }
        if window.start == window.end {
            let text = Text::new("this window opens and closes at the same moment").fix("let `end` come after `start`");
            cx.report("E0513", &format!("{at}.end"), text);
        }
        if seen.contains(&&window.name) {
            let text = Text::new(format!("there are two windows of the name `{}`", window.name)).fix("rename one of them");
            cx.report("E0504", &format!("{at}.name"), text);
        }
        seen.push(&window.name);
    }
}
