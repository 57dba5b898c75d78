//! The three metrics APIs, each asked once for all who want the answer.
//!
//! Decides: nothing; brings numbers with their times.
//! Method: one list of a namespace's PodMetrics serves every autoscaler there; custom and external metrics are shared by name and
//!   selector. Answers last half a sync period, so that each round sees new ones.
//! Tested: `tests/it/acting.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use skala_manifests::object::{ExternalMetricValue, Labels, MetricValue, PodMetrics};

use super::once::Answer;
use super::{Discovery, Once};
use crate::api::{Api, ApiError, Path};
use crate::objects::{KeptPod, PodSample};
use crate::watch::{Key, Store};

/// Most namespaces, and most metrics, whose answers are shared.
const MOST: usize = 20_000;
/// Pages of a list that are followed at most.
const MOST_PAGES: usize = 1000;

/// Samples of a namespace's pods.
#[derive(Debug, Default)]
pub(crate) struct PodSamples {
    pub(crate) by_name: BTreeMap<Box<str>, PodSample>,
    /// Those of pods that are not there (any more), with their labels.
    pub(crate) orphans: Vec<(Labels, PodSample)>,
}

/// The metrics APIs.
pub(crate) struct Samples {
    api: Api,
    discovery: Arc<Discovery>,
    known: Arc<Store<KeptPod>>,
    pods: Once<Arc<str>, PodSamples>,
    custom: Once<String, Vec<MetricValue>>,
    external: Once<String, Vec<ExternalMetricValue>>,
    version: Once<(), &'static str>,
}

impl Samples {
    pub(crate) fn new(api: Api, discovery: Arc<Discovery>, known: Arc<Store<KeptPod>>, sync_period: Duration) -> Samples {
        let lasts = sync_period / 2;
        Samples {
            api,
            discovery,
            known,
            pods: Once::new(lasts, MOST),
            custom: Once::new(lasts, MOST),
            external: Once::new(lasts, MOST),
            version: Once::new(Duration::from_secs(300), 1),
        }
    }

    /// CPU and memory of a namespace's pods.
    pub(crate) async fn pods(&self, namespace: &Arc<str>) -> Answer<PodSamples> {
        self.pods.get(namespace, || self.ask_pods(namespace)).await
    }

    async fn ask_pods(&self, namespace: &str) -> Result<PodSamples, String> {
        let mut all = PodSamples::default();
        let mut token = String::new();
        for _ in 0..MOST_PAGES {
            let mut path = Path::objects("metrics.k8s.io/v1beta1", Some(namespace), "pods");
            if !token.is_empty() {
                path = path.query("continue", &token);
            }
            let page = self.api.list::<PodMetrics>(&path).await.map_err(|e| failed("resource", &e))?;
            for metrics in page.items {
                let Some(sample) = PodSample::of(&metrics) else { continue };
                if self.known.get(&Key::new(namespace, &metrics.metadata.name)).is_some() {
                    if all.by_name.insert(metrics.metadata.name, sample).is_some() {
                        return Err("there are two samples of one pod".to_owned());
                    }
                } else {
                    all.orphans.push((metrics.metadata.labels, sample));
                }
            }
            token = page.metadata.token;
            if token.is_empty() {
                break;
            }
        }
        Ok(all)
    }

    /// A custom metric of the pods that a selector matches.
    pub(crate) async fn of_pods(&self, namespace: &str, selector: &str, metric: &str, query: &str) -> Answer<Vec<MetricValue>> {
        let path = self.custom_path(namespace).await.segment("pods").segment("*").segment(metric);
        self.ask_custom(metric_query(path.query("labelSelector", selector), query)).await
    }

    /// A custom metric of one object.
    pub(crate) async fn of_object(
        &self,
        namespace: &str,
        object: &skala_hpa::ObjectRef,
        metric: &str,
        query: &str,
    ) -> Answer<Vec<MetricValue>> {
        let path = self.custom_path(namespace).await;
        // A namespace describes itself in a place of its own.
        let path = if object.kind == "Namespace" {
            path.segment("metrics")
        } else {
            let located = self.discovery.locate(object.api_version.as_deref().unwrap_or("v1"), &object.kind).await;
            let located = located.map_err(Arc::from)?;
            path.segment(&located.group_resource()).segment(&object.name)
        };
        self.ask_custom(metric_query(path.segment(metric), query)).await
    }

    async fn custom_path(&self, namespace: &str) -> Path {
        let version = self.version.get(&(), || async { Ok(self.discovery.custom_metrics_version().await) }).await;
        let version = version.map_or("custom.metrics.k8s.io/v1beta2", |v| *v);
        Path::group_version(version).segment("namespaces").segment(namespace)
    }

    async fn ask_custom(&self, path: Path) -> Answer<Vec<MetricValue>> {
        let ask = || async {
            let list = self.api.list::<MetricValue>(&path).await.map_err(|e| failed("custom", &e))?;
            if list.items.is_empty() { Err("no metrics returned from custom metrics API".to_owned()) } else { Ok(list.items) }
        };
        self.custom.get(&path.as_str().to_owned(), ask).await
    }

    /// An external metric.
    pub(crate) async fn external(&self, namespace: &str, metric: &str, selector: &str) -> Answer<Vec<ExternalMetricValue>> {
        let path = Path::objects("external.metrics.k8s.io/v1beta1", Some(namespace), metric);
        let path = if selector.is_empty() { path } else { path.query("labelSelector", selector) };
        let ask = || async {
            let list = self.api.list::<ExternalMetricValue>(&path).await.map_err(|e| failed("external", &e))?;
            if list.items.is_empty() { Err("no metrics returned from external metrics API".to_owned()) } else { Ok(list.items) }
        };
        self.external.get(&path.as_str().to_owned(), ask).await
    }

    /// Drops answers whose time is over.
    pub(crate) fn tidy(&self) {
        self.pods.tidy();
        self.custom.tidy();
        self.external.tidy();
    }
}

fn metric_query(path: Path, query: &str) -> Path {
    if query.is_empty() { path } else { path.query("metricLabelSelector", query) }
}

fn failed(which: &str, error: &ApiError) -> String {
    format!("unable to fetch metrics from {which} metrics API: {error}")
}
