//! Knative's annotations and their values.
//!
//! Decides: the configuration that `autoscaling.knative.dev/...` annotations ask for.
//! Inputs: key and value pairs; both spellings that Knative reads (`min-scale`, `minScale`).
//! Method: knative/serving `pkg/apis/autoscaling/{register,annotation_validation}.go`.
//! Invariants: an annotation is taken, refused with a reason, or named as unknown; never dropped silently.
//! Tested: `super::tests` rows `annotations`.

use std::time::Duration;

use super::{Config, ConfigSpec, Metric};

/// The prefix of the keys.
pub const ANNOTATION_PREFIX: &str = "autoscaling.knative.dev/";

/// Why an annotation was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationProblem {
    /// The value cannot be read.
    #[error("{key}: '{value}' is not {expected}")]
    Value {
        /// The annotation's name, without prefix.
        key: String,
        /// What was written.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Another autoscaler's class.
    #[error("class '{0}' is not the KPA")]
    Class(String),
    /// Knative has no such annotation.
    #[error("{0}: no such annotation")]
    Unknown(String),
    /// The fields do not fit together.
    #[error("{field} {must}")]
    Config {
        /// The field.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

impl Config {
    /// The configuration of a revision's annotations, over `base`; keys of other prefixes are not looked at.
    ///
    /// # Errors
    /// Every annotation that cannot be taken.
    pub fn from_annotations<'a>(
        base: ConfigSpec,
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Config, Vec<AnnotationProblem>> {
        let (mut spec, mut problems) = (base, Vec::new());
        for (key, value) in annotations {
            let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
            if let Err(problem) = apply(&mut spec, &kebab(name), value.trim()) {
                problems.push(problem);
            }
        }
        let checked = Config::try_new(spec);
        match checked {
            Ok(config) if problems.is_empty() => Ok(config),
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found.into_iter().map(|p| AnnotationProblem::Config { field: p.field, must: p.must }));
                Err(problems)
            }
        }
    }
}

fn apply(spec: &mut ConfigSpec, name: &str, value: &str) -> Result<(), AnnotationProblem> {
    let bad = |expected| AnnotationProblem::Value { key: name.to_owned(), value: value.to_owned(), expected };
    let float = || value.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| bad("a number"));
    let count = || value.parse::<i32>().ok().and_then(|v| u32::try_from(v).ok()).ok_or_else(|| bad("a whole number from 0"));
    let time = || go_duration(value).ok_or_else(|| bad("a duration such as 30s or 1m30s"));
    match name {
        "class" => match value {
            "kpa.autoscaling.knative.dev" => {}
            other => return Err(AnnotationProblem::Class(other.to_owned())),
        },
        "metric" => {
            spec.metric = match value {
                "concurrency" => Metric::Concurrency,
                "rps" => Metric::Rps,
                _ => return Err(bad("concurrency or rps")),
            }
        }
        "target" => spec.target = Some(float()?),
        "target-utilization-percentage" => spec.target_utilization_percentage = float()?,
        "target-burst-capacity" => spec.target_burst_capacity = float()?,
        "window" => spec.stable_window = time()?,
        "panic-window-percentage" => spec.panic_window_percentage = float()?,
        "panic-threshold-percentage" => spec.panic_threshold_percentage = float()?,
        "min-scale" => spec.min_scale = count()?,
        "max-scale" => spec.max_scale = count()?,
        "initial-scale" => spec.initial_scale = count()?,
        "activation-scale" => {
            spec.activation_scale = count()?;
            if spec.activation_scale < 2 {
                return Err(bad("2 or more"));
            }
        }
        // Older releases could weigh the window; a plain average is the only one that Knative still documents.
        "metric-aggregation-algorithm" if value != "linear" => return Err(bad("linear")),
        "metric-aggregation-algorithm" => {}
        "scale-down-delay" => spec.scale_down_delay = time()?,
        "scale-to-zero-pod-retention-period" => spec.scale_to_zero_pod_retention_period = time()?,
        _ => return Err(AnnotationProblem::Unknown(name.to_owned())),
    }
    Ok(())
}

/// `minScale` as `min-scale`; what is kebab already stays.
fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Go's `time.ParseDuration`, without signs: `1h15m`, `90s`, `1.5m`, `300ms`, `0`.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(total).ok()).flatten()
}
