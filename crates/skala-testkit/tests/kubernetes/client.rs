//! The test cluster through kube-rs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Pod};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::events::{Event as Happened, EventType, Recorder, Reporter};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Config};
use serde_json::json;
use skala_testkit::kubernetes::{Cluster, Options};

const PATIENCE: Duration = Duration::from_secs(10);

fn client(cluster: &Cluster) -> Client {
    let config = Config::new(cluster.url().parse().expect("it is a URL"));
    Client::try_from(config).expect("a client can be built")
}

fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime can be built");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test ends in time") });
}

fn map(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

#[test]
fn custom_resources_are_applied_scaled_and_reported_on() {
    let cluster = Cluster::start();
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["replicas"], "properties": {
            "replicas": {"type": "integer", "minimum": 0}, "mode": {"type": "string", "enum": ["a", "b"], "default": "a"}}},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    cluster.put(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {},
             "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}}}]}}));
    run(async {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("example.com", "v1", "Thing"), "things");
        let things: Api<DynamicObject> = Api::namespaced_with(client(&cluster), "default", &resource);
        let mine = PatchParams::apply("me");
        let spec = |replicas: i64| json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"replicas": replicas, "x": 1}});
        let made = things.patch("t", &mine, &Patch::Apply(spec(1))).await.expect("it is applied");
        assert_eq!((&made.data["spec"], made.metadata.generation), (&json!({"replicas": 1, "mode": "a"}), Some(1)));

        let other = things.patch("t", &PatchParams::apply("other"), &Patch::Apply(spec(2))).await;
        assert!(matches!(&other, Err(kube::Error::Api(status)) if status.code == 409), "{other:?}");
        let forced = things.patch("t", &PatchParams::apply("other").force(), &Patch::Apply(spec(2))).await.expect("force wins");
        assert_eq!((&forced.data["spec"]["replicas"], forced.metadata.generation), (&json!(2), Some(2)));

        let status = json!({"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"replicas": 9}, "status": {"replicas": 3, "selector": "app=t",
            "conditions": [{"type": "Ready", "status": "True"}]}});
        let told = things.patch_status("t", &mine, &Patch::Apply(status)).await.expect("the status is applied");
        assert_eq!((&told.data["spec"]["replicas"], &told.data["status"]["replicas"]), (&json!(2), &json!(3)));
        assert_eq!(told.metadata.generation, Some(2));

        let scale = things.get_scale("t").await.expect("it has a scale");
        let told = scale.status.expect("it has a status");
        assert_eq!((scale.spec.and_then(|s| s.replicas), told.replicas, told.selector.as_deref()), (Some(2), 3, Some("app=t")));
        let scaled = things.patch_scale("t", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 7}}))).await;
        assert_eq!(scaled.expect("it can be scaled").spec.and_then(|s| s.replicas), Some(7));
        assert_eq!(cluster.replicas("things.example.com", "default", "t"), 7);

        let wrong = things.patch("t", &PatchParams::default(), &Patch::Merge(json!({"spec": {"mode": "c"}}))).await;
        assert!(matches!(&wrong, Err(kube::Error::Api(status)) if status.code == 422 && status.reason == "Invalid"), "{wrong:?}");
    });
}

#[test]
fn the_scale_of_a_deployment_is_written_with_a_version() {
    let cluster = Cluster::start();
    cluster.put(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app"}]}}}}));
    run(async {
        let deployments: Api<Deployment> = Api::default_namespaced(client(&cluster));
        let mut scale = deployments.get_scale("web").await.expect("it has a scale");
        assert_eq!(scale.status.as_ref().and_then(|s| s.selector.as_deref()), Some("app=web"));
        let stale = scale.clone();
        scale.spec.get_or_insert_default().replicas = Some(4);
        deployments.replace_scale("web", &PostParams::default(), &scale).await.expect("it can be scaled");
        let late = deployments.replace_scale("web", &PostParams::default(), &kube_scale(stale)).await;
        assert!(matches!(&late, Err(kube::Error::Api(status)) if status.code == 409), "{late:?}");
        assert_eq!(cluster.replicas("deployments.apps", "default", "web"), 4);
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        deployments.patch_scale("web", &dry, &Patch::Merge(json!({"spec": {"replicas": 9}}))).await.expect("it is only tried");
        assert_eq!(cluster.replicas("deployments.apps", "default", "web"), 4);
    });
}

fn kube_scale(mut scale: k8s_openapi::api::autoscaling::v1::Scale) -> k8s_openapi::api::autoscaling::v1::Scale {
    scale.spec.get_or_insert_default().replicas = Some(1);
    scale
}

#[test]
fn an_event_is_recorded_in_one_group_and_read_in_the_other() {
    let cluster = Cluster::start();
    run(async {
        let client = client(&cluster);
        let about = ObjectReference {
            kind: Some("Pod".to_owned()),
            name: Some("p".to_owned()),
            namespace: Some("default".to_owned()),
            ..Default::default()
        };
        let recorder = Recorder::new(client.clone(), Reporter { controller: "skala".to_owned(), instance: None });
        let scaled = Happened {
            type_: EventType::Normal,
            reason: "Scaled".to_owned(),
            note: Some("to 3".to_owned()),
            action: "Scale".to_owned(),
            secondary: None,
        };
        recorder.publish(&scaled, &about).await.expect("it is recorded");
        recorder.publish(&scaled, &about).await.expect("it is counted");
        let events: Api<k8s_openapi::api::core::v1::Event> = Api::default_namespaced(client);
        let about = ListParams::default().fields("involvedObject.name=p,reason=Scaled,reportingComponent=skala");
        let found = events.list(&about).await.expect("they are listed").items;
        assert_eq!(found.len(), 1, "the second one joins the series of the first");
        assert_eq!((found[0].message.as_deref(), found[0].series.as_ref().and_then(|s| s.count)), (Some("to 3"), Some(2)));
    });
}

#[test]
fn a_lease_goes_to_one_of_two() {
    let cluster = Cluster::start();
    run(async {
        let leases: Api<Lease> = Api::namespaced(client(&cluster), "kube-system");
        let lease = serde_json::from_value(json!({"metadata": {"name": "leader"}, "spec": {"holderIdentity": ""}}))
            .expect("it is a lease");
        let made = leases.create(&PostParams::default(), &lease).await.expect("it is new");
        let won = AtomicUsize::new(0);
        futures_util::future::join_all(["a", "b", "c"].map(|who| {
            let (leases, won, mut mine) = (leases.clone(), &won, made.clone());
            mine.spec.get_or_insert_default().holder_identity = Some(who.to_owned());
            async move {
                match leases.replace("leader", &PostParams::default(), &mine).await {
                    Ok(_) => drop(won.fetch_add(1, Ordering::SeqCst)),
                    Err(kube::Error::Api(status)) => assert_eq!(status.code, 409),
                    Err(other) => panic!("{other}"),
                }
            }
        }))
        .await;
        assert_eq!(won.load(Ordering::SeqCst), 1);
        let mut blind = made.clone();
        blind.metadata.resource_version = None;
        assert!(leases.replace("leader", &PostParams::default(), &blind).await.is_err());
    });
}

/// Watches the ConfigMaps through cuts, expiry and outages, until the map `last` is seen; says how often the watch began anew.
async fn follow(cluster: &Cluster, config: watcher::Config, disturb: impl FnOnce(&Cluster)) -> (Vec<String>, usize) {
    let maps: Api<ConfigMap> = Api::default_namespaced(client(cluster));
    let mut events = Box::pin(watcher(maps, config));
    let (mut seen, mut begun, mut disturb) = (Vec::new(), 0, Some(disturb));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => begun += 1,
            Ok(Event::InitApply(map) | Event::Apply(map)) => seen.push(map.metadata.name.unwrap_or_default()),
            Ok(Event::InitDone) => {
                if let Some(disturb) = disturb.take() {
                    disturb(cluster);
                }
            }
            Ok(Event::Delete(_)) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        if seen.last().is_some_and(|name| name == "last") {
            break;
        }
    }
    (seen, begun)
}

#[test]
fn a_watcher_survives_what_happens_to_it() {
    run(async {
        for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
            let cluster = Cluster::start_with(Options { bookmarks: Duration::from_millis(20), ..Options::default() });
            cluster.put(&map("first"));
            let (seen, begun) = follow(&cluster, config.clone(), |cluster| {
                cluster.faults().close_watches();
                cluster.put(&map("last"));
            })
            .await;
            assert_eq!((seen, begun), (vec!["first".to_owned(), "last".to_owned()], 1), "an orderly end is no new beginning");

            cluster.delete("configmaps", "default", "last").expect("it is there");
            let (seen, begun) = follow(&cluster, config, |cluster| {
                cluster.faults().outage();
                cluster.put(&map("last"));
                cluster.compact();
                cluster.faults().restore();
            })
            .await;
            assert_eq!((seen.last().map(String::as_str), begun), (Some("last"), 2), "history is gone: it begins anew");
        }
    });
}

#[test]
fn ten_thousand_pods_are_listed_and_watched() {
    let cluster = Cluster::start();
    for at in 0..10_000 {
        cluster.put(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{at}"), "labels": {"app": format!("a{}", at % 100)}},
            "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}}));
    }
    run(async {
        let pods: Api<Pod> = Api::all(client(&cluster));
        let selected =
            pods.list(&ListParams::default().labels("app=a7").fields("status.phase=Running")).await.expect("they are listed");
        assert_eq!(selected.items.len(), 100);
        let mut params = ListParams::default().limit(3000);
        let mut pages = Vec::new();
        loop {
            let page = pods.list_metadata(&params).await.expect("they are listed");
            pages.push(page.items.len());
            match page.metadata.continue_.filter(|t| !t.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => break,
            }
        }
        assert_eq!(pages, [3000, 3000, 3000, 1000]);
        let begun: Vec<Event<Pod>> =
            watcher(pods, watcher::Config::default()).take(10_002).try_collect().await.expect("they are watched");
        assert!(matches!(begun.last(), Some(Event::InitDone)));
    });
}
