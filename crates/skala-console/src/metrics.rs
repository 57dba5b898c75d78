//! Writing metrics in Prometheus' text exposition format (version 0.0.4).
//!
//! Invariants: each metric's `# HELP` and `# TYPE` come once, before its samples; label values are escaped.
//! Tested: `tests` below.

use std::fmt::Write;
use std::time::Duration;

use skala_types::Sketch;

/// Bounds (seconds) of the buckets that histograms are shown with.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// A text that grows by metric families.
#[derive(Debug, Default)]
pub struct MetricsText(String);

impl MetricsText {
    /// An empty text.
    pub fn new() -> MetricsText {
        MetricsText::default()
    }

    /// One family of counters or gauges: name, kind (`counter` or `gauge`), help, and per sample its labels and value.
    pub fn family<'a>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, String)>, f64)>,
    ) {
        self.head(name, kind, help);
        for (labels, value) in samples {
            self.sample(name, &labels, value);
        }
    }

    /// One family of histograms in seconds.
    pub fn histograms<'a>(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (Vec<(&'a str, String)>, Sketch)>) {
        self.head(name, "histogram", help);
        for (labels, sketch) in series {
            for bound in BUCKETS {
                let mut labels = labels.clone();
                labels.push(("le", bound.to_string()));
                let below = sketch.count_at_most(Duration::from_secs_f64(bound));
                self.sample(&format!("{name}_bucket"), &labels, below as f64);
            }
            let mut all = labels.clone();
            all.push(("le", "+Inf".into()));
            self.sample(&format!("{name}_bucket"), &all, sketch.count() as f64);
            self.sample(&format!("{name}_sum"), &labels, sketch.sum().as_secs_f64());
            self.sample(&format!("{name}_count"), &labels, sketch.count() as f64);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        self.0.push_str(name);
        for (i, (label, value)) in labels.iter().enumerate() {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{escaped}\"", if i == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_format() {
        let mut text = MetricsText::new();
        let label = |v: &str| vec![("service", v.to_owned())];
        text.family("up", "gauge", "Is it up.", [(vec![], 1.0), (label("a\"b"), 0.5)]);
        let mut sketch = Sketch::new();
        sketch.record(Duration::from_millis(3));
        sketch.record(Duration::from_secs(3));
        text.histograms("wait_seconds", "Wait.", [(label("api"), sketch)]);
        let text = text.finish();
        let expected = [
            "# TYPE up gauge\nup 1\nup{service=\"a\\\"b\"} 0.5\n",
            "wait_seconds_bucket{service=\"api\",le=\"0.0025\"} 0\nwait_seconds_bucket{service=\"api\",le=\"0.005\"} 1\n",
            "le=\"2.5\"} 1\n",
            "le=\"5\"} 2\n",
            "le=\"+Inf\"} 2\nwait_seconds_sum{service=\"api\"} 3.003\nwait_seconds_count{service=\"api\"} 2\n",
        ];
        for part in expected {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }
}
