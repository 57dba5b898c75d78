//! `settings` and `history` of a document.
//!
//! Decides: how kube-controller-manager's settings are written: durations as `5m0s` or as seconds, shares as numbers.
//! Invariants: a setting that is not a usable number is refused with its name; absent ones have kube-controller-manager's defaults.
//! Tested: `tests/it/decide.rs`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use skala_hpa::{Compat, History, Recommendation, ScaleEvent, Settings};

use super::DocumentError;
use crate::{Span, Stamp};

/// The cluster's settings, as far as a document has them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SettingsDoc {
    tolerance: Option<Number>,
    cpu_initialization_period: Option<Span>,
    initial_readiness_delay: Option<Span>,
    downscale_stabilization: Option<Span>,
    scale_up_limit_factor: Option<Number>,
    scale_up_limit_minimum: Option<Number>,
    compat: Option<String>,
    scale_to_zero: Option<bool>,
}

impl SettingsDoc {
    /// With defaults for what is absent.
    ///
    /// # Errors
    /// For what is no usable number, and for an unknown release.
    pub fn settings(&self) -> Result<Settings, DocumentError> {
        let usual = Settings::default();
        let share = |name: &str, value: Option<Number>, usual: f64| match value.map(|n| n.0) {
            None => Ok(usual),
            Some(v) if v.is_finite() && (0.0..=1e9).contains(&v) => Ok(v),
            Some(v) => Err(DocumentError::at(format!("settings.{name}"), format!("{v} is not a number from 0 to 1e9"))),
        };
        let period = |value: Option<Span>, usual: Duration| value.map_or(usual, |p| p.0);
        let compat = match &self.compat {
            None => usual.compat,
            Some(text) => text.parse::<Compat>().map_err(|e| DocumentError::at("settings.compat", e.to_string()))?,
        };
        Ok(Settings {
            tolerance: share("tolerance", self.tolerance, usual.tolerance)?,
            cpu_initialization_period: period(self.cpu_initialization_period, usual.cpu_initialization_period),
            initial_readiness_delay: period(self.initial_readiness_delay, usual.initial_readiness_delay),
            downscale_stabilization: period(self.downscale_stabilization, usual.downscale_stabilization),
            scale_up_limit_factor: share("scaleUpLimitFactor", self.scale_up_limit_factor, usual.scale_up_limit_factor)?,
            scale_up_limit_minimum: share("scaleUpLimitMinimum", self.scale_up_limit_minimum, usual.scale_up_limit_minimum)?,
            compat,
            scale_to_zero: self.scale_to_zero.or(usual.scale_to_zero),
        })
    }
}

/// A number, or the text of one, as in a flag of kube-controller-manager.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number such as 0.1")]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Number(number)),
            Either::Text(text) => text.trim().parse().map(Number).map_err(|_| {
                serde::de::Error::custom(format!("'{}' is not a number", text.chars().take(60).collect::<String>()))
            }),
        }
    }
}

/// What earlier reconciles left, with times as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HistoryDoc {
    /// What metrics asked for.
    #[serde(deserialize_with = "crate::object::nullable")]
    pub recommendations: Vec<RecommendationDoc>,
    /// Growth.
    #[serde(deserialize_with = "crate::object::nullable")]
    pub scale_ups: Vec<EventDoc>,
    /// Shrinkage.
    #[serde(deserialize_with = "crate::object::nullable")]
    pub scale_downs: Vec<EventDoc>,
}

/// What metrics asked for at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecommendationDoc {
    /// When.
    pub at: Stamp,
    /// How many.
    pub replicas: i32,
}

/// One change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventDoc {
    /// When.
    pub at: Stamp,
    /// By how much.
    pub change: i32,
}

impl HistoryDoc {
    /// As decisions take it.
    ///
    /// # Errors
    /// For a negative number.
    pub fn history(&self) -> Result<History, DocumentError> {
        let check = |path: String, n: i32| match n {
            0.. => Ok(n),
            _ => Err(DocumentError::at(path, format!("{n} is negative"))),
        };
        let events = |name: &str, list: &[EventDoc]| {
            let one = |(i, e): (usize, &EventDoc)| {
                Ok(ScaleEvent { at: e.at.0, change: check(format!("history.{name}[{i}].change"), e.change)? })
            };
            list.iter().enumerate().map(one).collect::<Result<Vec<_>, DocumentError>>()
        };
        let recommendation = |(i, r): (usize, &RecommendationDoc)| {
            Ok(Recommendation { at: r.at.0, replicas: check(format!("history.recommendations[{i}].replicas"), r.replicas)? })
        };
        Ok(History {
            recommendations: self.recommendations.iter().enumerate().map(recommendation).collect::<Result<_, DocumentError>>()?,
            scale_ups: events("scaleUps", &self.scale_ups)?,
            scale_downs: events("scaleDowns", &self.scale_downs)?,
        })
    }
}

impl From<&History> for HistoryDoc {
    fn from(history: &History) -> HistoryDoc {
        let events = |list: &[ScaleEvent]| list.iter().map(|e| EventDoc { at: Stamp(e.at), change: e.change }).collect();
        HistoryDoc {
            recommendations: history
                .recommendations
                .iter()
                .map(|r| RecommendationDoc { at: Stamp(r.at), replicas: r.replicas })
                .collect(),
            scale_ups: events(&history.scale_ups),
            scale_downs: events(&history.scale_downs),
        }
    }
}
