//! One reconcile's input in Kubernetes' own objects.
//!
//! Decides: which fields a document has, and that lists may be pasted as the API prints them.
//! Inputs: JSON text, or the JSON tree of a YAML document.
//! Method: a pass that only reads; where it fails, a second one that also follows the path, so that the usual case pays nothing.
//! Invariants: a field that no document has is named in `unknown`, not refused; a field twice is refused.
//! Tested: `tests/it/decide.rs`.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::settings::SettingsDoc;
use super::{DocumentError, HistoryDoc};
use crate::object::hpa::HorizontalPodAutoscaler;
use crate::object::metrics::MetricName;
use crate::object::{
    ExternalMetricValue, LabelSelector, Labels, MetricValue, ObjectReference, Pod, PodMetrics, ScaleSpec, ScaleStatus, older,
};
use crate::{Quantity, Stamp, yaml};

/// A document of `skala decide`.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The moment of the decision.
    pub now: Option<Stamp>,
    /// The cluster's settings.
    pub settings: SettingsDoc,
    /// The autoscaler.
    pub hpa: Option<HorizontalPodAutoscaler>,
    /// Other autoscalers of the namespace.
    pub hpas: Vec<HorizontalPodAutoscaler>,
    /// The target's scale; absent when it could not be read.
    pub scale: Option<ScaleDoc>,
    /// The pods.
    pub pods: Vec<Pod>,
    /// What the pods' containers used.
    pub pod_metrics: Vec<PodMetrics>,
    /// Values of Pods and Object metrics.
    pub custom_metrics: Vec<MetricValue>,
    /// Values of External metrics.
    pub external_metrics: Vec<ExternalMetricValue>,
    /// Metrics whose fetch fails.
    pub unavailable: Vec<String>,
    /// What earlier reconciles left.
    pub history: Option<HistoryDoc>,
    /// Fields that mean nothing here.
    pub unknown: Vec<String>,
    /// What is wrong with the rest, of a document of which only the size and the history could be read.
    pub refused: Option<DocumentError>,
}

/// The target's scale, in short or as the API prints it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaleDoc {
    /// The size that is asked for.
    pub spec_replicas: Option<i32>,
    /// The size that is there; the one asked for when absent.
    pub status_replicas: Option<i32>,
    /// The label selector in its text form, or as an object.
    #[serde(deserialize_with = "selector")]
    pub selector: Option<String>,
    /// As in a pasted Scale.
    pub spec: Option<ScaleSpec>,
    /// As in a pasted Scale.
    pub status: Option<ScaleStatus>,
}

fn selector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a label selector, as text or as an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.to_owned()))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            let object = LabelSelector::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
            let selector = crate::Selector::new(&object).map_err(serde::de::Error::custom)?;
            Ok(Some(selector.to_string()))
        }
    }
    deserializer.deserialize_any(Either)
}

impl Document {
    /// Reads JSON.
    ///
    /// # Errors
    /// With the path and the line of what is wrong.
    pub fn from_json(text: &[u8]) -> Result<Document, DocumentError> {
        serde_json::from_slice(text).or_else(|_| {
            let mut reader = serde_json::Deserializer::from_slice(text);
            let wrong = |path: Option<String>, e: &serde_json::Error| DocumentError {
                message: without_place(&e.to_string()),
                path: path.filter(|p| p != "."),
                line: Some(e.line().max(1)),
            };
            let document: Document =
                serde_path_to_error::deserialize(&mut reader).map_err(|e| wrong(Some(e.path().to_string()), e.inner()))?;
            reader.end().map_err(|e| wrong(None, &e))?;
            Ok(document)
        })
    }

    /// Reads one YAML document.
    ///
    /// # Errors
    /// With the path and the line of what is wrong.
    pub fn from_yaml(text: &str) -> Result<Document, DocumentError> {
        let value = yaml::parse(text).map_err(|e| DocumentError { message: e.message, path: None, line: Some(e.line) })?;
        serde_path_to_error::deserialize(value).map_err(|e| DocumentError {
            message: e.inner().to_string(),
            path: Some(e.path().to_string()).filter(|p| p != "."),
            line: yaml::line_of(text, e.path()),
        })
    }
}

impl Document {
    /// What an unreadable document still says about the size, so that its answer can be to keep that.
    ///
    /// # Errors
    /// The error given, where there is no size either.
    pub fn holding(text: &[u8], error: DocumentError) -> Result<Document, DocumentError> {
        Document::kept(serde_json::from_slice(text).ok(), error)
    }

    /// The same of a YAML document.
    ///
    /// # Errors
    /// The error given, where there is no size either.
    pub fn holding_yaml(text: &str, error: DocumentError) -> Result<Document, DocumentError> {
        let kept = yaml::parse(text).ok().and_then(|value| Kept::deserialize(value).ok());
        Document::kept(kept, error)
    }

    fn kept(kept: Option<Kept>, error: DocumentError) -> Result<Document, DocumentError> {
        match kept {
            Some(Kept { scale: Some(scale), history }) => {
                let history = history.and_then(|h| HistoryDoc::deserialize(h).ok());
                Ok(Document { scale: Some(scale), history, refused: Some(error), ..Document::default() })
            }
            _ => Err(error),
        }
    }
}

/// What an unreadable document is asked for.
#[derive(Deserialize)]
struct Kept {
    scale: Option<ScaleDoc>,
    #[serde(default)]
    history: Option<Value>,
}

/// serde_json appends where it was; the line has a field of its own.
fn without_place(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Most unknown fields that are remembered.
const MAX_UNKNOWN: usize = 20;

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document with `now`, `hpa` and `scale`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        const NAMES: [&str; 11] = [
            "now",
            "settings",
            "hpa",
            "hpas",
            "scale",
            "pods",
            "podMetrics",
            "customMetrics",
            "externalMetrics",
            "unavailable",
            "history",
        ];
        let mut document = Document::default();
        let mut seen = [false; NAMES.len()];
        while let Some(key) = map.next_key::<String>()? {
            if let Some(at) = NAMES.iter().position(|n| *n == key)
                && std::mem::replace(&mut seen[at], true)
            {
                return Err(serde::de::Error::custom(format!(
                    "`{key}` is here twice: is a separator missing between two documents?"
                )));
            }
            match key.as_str() {
                "now" => document.now = map.next_value()?,
                "settings" => document.settings = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "hpa" => document.hpa = map.next_value::<OneHpa>()?.0,
                "hpas" => document.hpas = map.next_value::<Many<OneHpa>>()?.0.into_iter().filter_map(|h| h.0).collect(),
                "scale" => document.scale = map.next_value()?,
                "pods" => document.pods = map.next_value::<Many<Pod>>()?.0,
                "podMetrics" => document.pod_metrics = map.next_value::<Many<PodMetrics>>()?.0,
                "customMetrics" => document.custom_metrics = flat(map.next_value::<Many<Custom>>()?, Custom::values)?,
                "externalMetrics" => document.external_metrics = flat(map.next_value::<Many<External>>()?, External::values)?,
                "unavailable" => document.unavailable = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "history" => document.history = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    if document.unknown.len() < MAX_UNKNOWN {
                        document.unknown.push(key.chars().take(60).collect());
                    }
                }
            }
        }
        Ok(document)
    }
}

/// An autoscaler of any version; a list that holds one is as good.
struct OneHpa(Option<HorizontalPodAutoscaler>);

impl<'de> Deserialize<'de> for OneHpa {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneHpa, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(OneHpa(None));
        }
        if let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) {
            let count = items.len();
            let mut items = items.into_iter();
            value = match (items.next(), count) {
                (Some(item), 1) => item,
                _ => return Err(serde::de::Error::custom(format!("the list holds {count} autoscalers, not one"))),
            };
        }
        if !value.is_object() {
            return Err(serde::de::Error::custom("invalid type: expected a HorizontalPodAutoscaler"));
        }
        let said = |(path, message): (String, String)| match path.as_str() {
            "" | "." => serde::de::Error::custom(message),
            _ => serde::de::Error::custom(format!("{path}: {message}")),
        };
        older::read(value).map(|hpa| OneHpa(Some(hpa))).map_err(said)
    }
}

/// A list, or a list object as the API prints it, or null.
struct Many<T>(Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Many<T>, D::Error> {
        struct Items<T>(std::marker::PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Items<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Vec<T>, E> {
                Ok(Vec::new())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = seq.next_element()? {
                    all.push(item);
                }
                Ok(all)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
                let mut all = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "items" {
                        all = Some(map.next_value_seed(Items(std::marker::PhantomData))?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                all.ok_or_else(|| serde::de::Error::custom("a list object without `items`"))
            }
        }
        impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Items<T> {
            type Value = Vec<T>;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
                deserializer.deserialize_any(self)
            }
        }
        deserializer.deserialize_any(Items(std::marker::PhantomData)).map(Many)
    }
}

fn flat<W, T, E: serde::de::Error>(many: Many<W>, values: impl Fn(W) -> Option<Vec<T>>) -> Result<Vec<T>, E> {
    let mut all = Vec::new();
    for (i, item) in many.0.into_iter().enumerate() {
        all.extend(values(item).ok_or_else(|| E::custom(format!("[{i}]: missing field `value`")))?);
    }
    Ok(all)
}

/// A custom value, or the list object of one metric.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Custom {
    items: Option<Vec<MetricValue>>,
    described_object: Option<ObjectReference>,
    metric: Option<MetricName>,
    metric_name: Option<Box<str>>,
    timestamp: Option<Stamp>,
    value: Option<Quantity>,
    selector: Option<LabelSelector>,
}

impl Custom {
    fn values(self) -> Option<Vec<MetricValue>> {
        if let Some(items) = self.items {
            return Some(items);
        }
        Some(vec![MetricValue {
            described_object: self.described_object.unwrap_or_default(),
            metric: self.metric,
            metric_name: self.metric_name.unwrap_or_default(),
            timestamp: self.timestamp,
            window_seconds: None,
            value: self.value?,
            selector: self.selector,
        }])
    }
}

/// An external value, or the list object of one metric.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct External {
    items: Option<Vec<ExternalMetricValue>>,
    metric_name: Option<Box<str>>,
    metric_labels: Option<Labels>,
    timestamp: Option<Stamp>,
    value: Option<Quantity>,
}

impl External {
    fn values(self) -> Option<Vec<ExternalMetricValue>> {
        if let Some(items) = self.items {
            return Some(items);
        }
        Some(vec![ExternalMetricValue {
            metric_name: self.metric_name.unwrap_or_default(),
            metric_labels: self.metric_labels.unwrap_or_default(),
            timestamp: self.timestamp,
            window_seconds: None,
            value: self.value?,
        }])
    }
}
