//! The rules of the API, in bytes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skala_testkit::kubernetes::{Availability, Cluster, Fault, Matching, MetricsApi, Options};

use crate::raw::{Watch, ask, get, try_ask};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: &str = "Content-Type: application/json\r\n";
const MERGE: &str = "Content-Type: application/merge-patch+json\r\n";

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"v": value}}, "data": {"k": value}})
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().into_iter().flatten().filter_map(|i| i["metadata"]["name"].as_str()).collect()
}

#[track_caller]
fn refused(answer: &crate::raw::Answer, code: u16, reason: &str) {
    assert_eq!((answer.code, &answer.body["reason"]), (code, &json!(reason)), "{}", answer.body);
    assert_eq!((&answer.body["kind"], &answer.body["code"]), (&json!("Status"), &json!(code)));
}

#[test]
fn versions_guard_writes_and_nothing_written_is_no_version() {
    let cluster = Cluster::start();
    let made = ask(&cluster, "POST", MAPS, JSON, &map("a", "1").to_string());
    assert_eq!(made.code, 201);
    refused(&ask(&cluster, "POST", MAPS, JSON, &map("a", "1").to_string()), 409, "AlreadyExists");
    let path = format!("{MAPS}/a");
    let same = ask(&cluster, "PUT", &path, JSON, &made.body.to_string());
    assert_eq!(same.body["metadata"]["resourceVersion"], made.body["metadata"]["resourceVersion"]);
    let changed = ask(&cluster, "PATCH", &path, MERGE, r#"{"data": {"k": "2"}}"#);
    assert_eq!((changed.code, &changed.body["data"]["k"]), (200, &json!("2")));
    refused(&ask(&cluster, "PUT", &path, JSON, &made.body.to_string()), 409, "Conflict");
    let stale = json!({"metadata": {"resourceVersion": made.body["metadata"]["resourceVersion"]}, "data": {"k": "3"}});
    refused(&ask(&cluster, "PATCH", &path, MERGE, &stale.to_string()), 409, "Conflict");
    let tried = ask(&cluster, "PATCH", &format!("{path}?dryRun=All"), MERGE, r#"{"data": {"k": "9"}}"#);
    assert_eq!(tried.body["data"]["k"], "9");
    assert_eq!(get(&cluster, &path).body, changed.body);
    assert_eq!(get(&cluster, &path).body["metadata"]["uid"], made.body["metadata"]["uid"]);
}

#[test]
fn refusals_have_their_codes() {
    let cluster = Cluster::start();
    refused(&get(&cluster, &format!("{MAPS}/none")), 404, "NotFound");
    refused(&get(&cluster, "/apis/none.example.com/v1/things"), 404, "NotFound");
    refused(&ask(&cluster, "POST", MAPS, JSON, "{"), 400, "BadRequest");
    refused(&ask(&cluster, "POST", MAPS, JSON, r#"{"metadata": {"name": "A_"}}"#), 422, "Invalid");
    refused(&ask(&cluster, "POST", MAPS, JSON, r#"{"data": {"k": 1}, "metadata": {"name": "a"}}"#), 400, "BadRequest");
    refused(&ask(&cluster, "POST", "/api/v1/namespaces/none/configmaps", JSON, &map("a", "1").to_string()), 404, "NotFound");
    refused(&ask(&cluster, "POST", MAPS, "Content-Type: application/yaml\r\n", "a: 1"), 415, "UnsupportedMediaType");
    refused(&ask(&cluster, "GET", MAPS, "Accept: application/vnd.kubernetes.protobuf\r\n", ""), 406, "NotAcceptable");
    refused(&get(&cluster, &format!("{MAPS}?labelSelector=a%20b")), 400, "BadRequest");
    refused(&get(&cluster, &format!("{MAPS}?fieldSelector=spec.x%3D1")), 400, "BadRequest");
    refused(&get(&cluster, &format!("{MAPS}?continue=zz")), 400, "BadRequest");
    refused(&get(&cluster, &format!("{MAPS}?resourceVersion=99999")), 504, "Timeout");
    refused(&get(&cluster, &format!("{MAPS}?resourceVersionMatch=Exact")), 422, "Invalid");
    assert_eq!(ask(&cluster, "POST", MAPS, JSON, &"x".repeat((3 << 20) + 1)).code, 413);
}

#[test]
fn lists_come_in_pages_of_one_revision() {
    let cluster = Cluster::start();
    for at in 0..5 {
        cluster.put(&map(&format!("m{at}"), "1"));
    }
    let first = get(&cluster, &format!("{MAPS}?limit=2")).body;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["m0", "m1"], &json!(3)));
    let token = first["metadata"]["continue"].as_str().expect("there is more").to_owned();
    cluster.delete("configmaps", "default", "m2").expect("it is there");
    cluster.put(&map("m9", "1"));
    let next = get(&cluster, &format!("{MAPS}?limit=10&continue={token}")).body;
    assert_eq!(names(&next), ["m2", "m3", "m4"]);
    assert_eq!(next["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let at = first["metadata"]["resourceVersion"].as_str().expect("it is text").to_owned();
    let exact = get(&cluster, &format!("{MAPS}?resourceVersion={at}&resourceVersionMatch=Exact")).body;
    assert_eq!(names(&exact), ["m0", "m1", "m2", "m3", "m4"]);

    cluster.compact();
    let expired = get(&cluster, &format!("{MAPS}?limit=2&continue={token}"));
    refused(&expired, 410, "Expired");
    let token = expired.body["metadata"]["continue"].as_str().expect("it goes on with what is there");
    assert_eq!(names(&get(&cluster, &format!("{MAPS}?continue={token}")).body), ["m3", "m4", "m9"]);
    refused(&get(&cluster, &format!("{MAPS}?resourceVersion={at}&resourceVersionMatch=Exact")), 410, "Expired");
}

#[test]
fn a_watch_tells_what_happens_and_selects() {
    let cluster = Cluster::start_with(Options { bookmarks: Duration::from_secs(3600), ..Options::default() });
    cluster.put(&map("a", "1"));
    let from = cluster.revision();
    cluster.put(&map("b", "1"));
    let mut all = Watch::open(&cluster, &format!("{MAPS}?watch=1&resourceVersion={from}&allowWatchBookmarks=true"));
    let mut ones = Watch::open(&cluster, &format!("{MAPS}?watch=1&labelSelector=v%3D1"));
    all.expect("ADDED b");
    ones.expect("ADDED a");
    ones.expect("ADDED b");
    cluster.put(&map("a", "2"));
    let left = ones.expect("DELETED a");
    assert_eq!((&left["data"]["k"], &left["metadata"]["resourceVersion"]), (&json!("1"), &json!(cluster.revision().to_string())));
    assert_eq!(all.expect("MODIFIED a")["data"]["k"], "2");
    cluster.put(&map("a", "1"));
    ones.expect("ADDED a");
    all.expect("MODIFIED a");
    cluster.delete("configmaps", "default", "b").expect("it is there");
    let gone = all.expect("DELETED b");
    assert_eq!(gone["metadata"]["resourceVersion"], cluster.revision().to_string());
    // A bookmark tells of revisions that other resources made, too.
    cluster.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}));
    cluster.faults().send_bookmarks();
    assert_eq!(all.expect("BOOKMARK ")["metadata"]["resourceVersion"], cluster.revision().to_string());
    cluster.faults().close_watches();
    assert!(all.next().is_none());
    cluster.compact();
    let mut late = Watch::open(&cluster, &format!("{MAPS}?watch=1&resourceVersion={from}"));
    let error = late.expect("ERROR ");
    assert_eq!((&error["code"], &error["reason"]), (&json!(410), &json!("Expired")));
    assert!(late.next().is_none());
}

#[test]
fn a_streaming_list_says_where_it_ends_and_a_watch_its_time() {
    let cluster = Cluster::start();
    cluster.put(&map("a", "1"));
    let path = format!(
        "{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    );
    let mut watch = Watch::open(&cluster, &path);
    watch.expect("ADDED a");
    assert_eq!(watch.expect("BOOKMARK ")["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    watch.expect("BOOKMARK ");
    assert!(watch.next().is_none());
    refused(&get(&cluster, &format!("{MAPS}?watch=1&sendInitialEvents=true")), 422, "Invalid");
}

#[test]
fn one_object_can_be_watched_by_its_name() {
    let cluster = Cluster::start();
    cluster.put(&map("a", "1"));
    cluster.put(&map("b", "1"));
    let mut watch = Watch::open(&cluster, &format!("{MAPS}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Db"));
    watch.expect("ADDED b");
    cluster.put(&map("a", "2"));
    cluster.put(&map("b", "2"));
    watch.expect("MODIFIED b");
}

#[test]
fn history_has_a_bound() {
    let cluster = Cluster::start_with(Options { history: 3, ..Options::default() });
    let from = cluster.revision();
    for at in 0..5 {
        cluster.put(&map("a", &at.to_string()));
    }
    Watch::open(&cluster, &format!("{MAPS}?watch=1&resourceVersion={from}")).expect("ERROR ");
    let recent = cluster.revision() - 3;
    let mut watch = Watch::open(&cluster, &format!("{MAPS}?watch=1&resourceVersion={recent}"));
    assert_eq!(watch.expect("MODIFIED a")["data"]["k"], "2");
}

#[test]
fn deletion_waits_for_finalizers_and_grace() {
    let cluster = Cluster::start();
    let mut object = map("a", "1");
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.put(&object);
    let path = format!("{MAPS}/a");
    assert!(ask(&cluster, "DELETE", &path, "", "").body["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(get(&cluster, &path).code, 200);
    let more = r#"{"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}"#;
    refused(&ask(&cluster, "PATCH", &path, MERGE, more), 422, "Invalid");
    assert_eq!(ask(&cluster, "PATCH", &path, MERGE, r#"{"metadata": {"finalizers": null}}"#).code, 200);
    refused(&get(&cluster, &path), 404, "NotFound");

    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"nodeName": "n", "terminationGracePeriodSeconds": 9, "containers": [{"name": "app"}]}, "status": {"phase": "Running"}});
    cluster.put(&pod);
    let path = "/api/v1/namespaces/default/pods/p";
    assert_eq!(ask(&cluster, "DELETE", path, "", "").body["metadata"]["deletionGracePeriodSeconds"], 9);
    let wrong = json!({"preconditions": {"uid": "another"}, "gracePeriodSeconds": 0}).to_string();
    refused(&ask(&cluster, "DELETE", path, JSON, &wrong), 409, "Conflict");
    assert_eq!(ask(&cluster, "DELETE", path, JSON, r#"{"gracePeriodSeconds": 0}"#).code, 200);
    refused(&get(&cluster, path), 404, "NotFound");
}

#[test]
fn status_and_spec_are_written_apart() {
    let cluster = Cluster::start();
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}});
    cluster.put(&hpa);
    let path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/h";
    let both = r#"{"spec": {"maxReplicas": 5}, "status": {"desiredReplicas": 4, "currentReplicas": 2}}"#;
    let status = ask(&cluster, "PATCH", &format!("{path}/status"), MERGE, both).body;
    assert_eq!((&status["spec"]["maxReplicas"], &status["status"]["desiredReplicas"]), (&json!(3), &json!(4)));
    let spec = ask(&cluster, "PATCH", path, MERGE, r#"{"spec": {"maxReplicas": 5}, "status": {"desiredReplicas": 9}}"#).body;
    assert_eq!((&spec["spec"]["maxReplicas"], &spec["status"]["desiredReplicas"]), (&json!(5), &json!(4)));
    let v1 = get(&cluster, "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/h").body;
    assert_eq!(v1["spec"]["targetCPUUtilizationPercentage"], 80);
    refused(&ask(&cluster, "PATCH", path, MERGE, r#"{"spec": {"minReplicas": 9}}"#), 422, "Invalid");
}

#[test]
fn rights_are_what_roles_grant() {
    let cluster = Cluster::start();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["get"]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "skala", "namespace": "ns"}]});
    cluster.put(&role);
    cluster.put(&binding);
    let user = "Authorization: Bearer system:serviceaccount:ns:skala\r\n";
    assert_eq!(ask(&cluster, "GET", MAPS, user, "").code, 200);
    let answer = ask(&cluster, "GET", &format!("{MAPS}?watch=1"), user, "");
    refused(&answer, 403, "Forbidden");
    let told = "configmaps is forbidden: User \"system:serviceaccount:ns:skala\" cannot watch resource \"configmaps\" in API group \"\" in \
                the namespace \"default\"";
    assert_eq!(answer.body["message"], told);
    refused(&ask(&cluster, "GET", MAPS, "Authorization: Bearer nobody\r\n", ""), 403, "Forbidden");
    refused(&ask(&cluster, "GET", "/apis/apps/v1/namespaces/a/deployments/d/scale", user, ""), 404, "NotFound");
    refused(&ask(&cluster, "GET", "/apis/apps/v1/namespaces/a/deployments/d", user, ""), 403, "Forbidden");
    let review = json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "configmaps"}}}).to_string();
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(ask(&cluster, "POST", path, user, &review).body["status"]["allowed"], true);
    assert_eq!(ask(&cluster, "POST", path, user, &review.replace("list", "delete")).body["status"]["allowed"], false);
}

#[test]
fn metrics_are_answered_as_put_and_as_missing() {
    let cluster = Cluster::start();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}});
    cluster.put(&pod);
    let metrics = cluster.metrics();
    metrics.set_pods("default", "app=web", "app", "100m", "64Mi");
    let path = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods";
    let usage = |body: &Value| body["items"][0]["containers"][0]["usage"]["cpu"].clone();
    assert_eq!(usage(&get(&cluster, &format!("{path}?labelSelector=app%3Dweb")).body), "100m");
    assert_eq!(get(&cluster, &format!("{path}?labelSelector=app%3Dother")).body["items"], json!([]));
    metrics.set_pod("default", "p", "app", "200m", "64Mi");
    metrics.freeze_at_age(Duration::from_secs(600));
    let frozen = get(&cluster, path).body;
    assert_eq!((usage(&frozen), &get(&cluster, path).body), (json!("200m"), &frozen));

    metrics.set_external("default", "queue", &[("name", "a")], "30");
    metrics.set_external("default", "queue", &[("name", "b")], "12500m");
    let queue = get(&cluster, "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue?labelSelector=name%3Db").body;
    assert_eq!((queue["items"].as_array().map(Vec::len), &queue["items"][0]["value"]), (Some(1), &json!("12500m")));
    refused(&get(&cluster, "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/none"), 404, "NotFound");

    metrics.set_pod_metric("default", "p", "rps", "15");
    metrics.set_object("default", "services", "web", "rps", "99");
    let custom = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default";
    let rps = get(&cluster, &format!("{custom}/pods/*/rps?labelSelector=app%3Dweb")).body;
    assert_eq!((&rps["items"][0]["value"], &rps["items"][0]["describedObject"]["name"]), (&json!("15"), &json!("p")));
    assert_eq!(get(&cluster, &format!("{custom}/services/web/rps")).body["items"][0]["metric"]["name"], "rps");
    refused(&get(&cluster, &format!("{custom}/services/web/none")), 404, "NotFound");

    metrics.set_availability(MetricsApi::Resource, Availability::Unavailable);
    refused(&get(&cluster, path), 503, "ServiceUnavailable");
    metrics.set_availability(MetricsApi::Resource, Availability::Missing);
    refused(&get(&cluster, path), 404, "NotFound");
    let groups = get(&cluster, "/apis").body.to_string();
    assert!(!groups.contains("\"metrics.k8s.io\"") && groups.contains("external.metrics.k8s.io"));
}

#[test]
fn faults_strike_and_end_and_every_request_is_on_record() {
    let cluster = Cluster::start();
    cluster.put(&map("a", "1"));
    let (faults, path) = (cluster.faults(), format!("{MAPS}/a"));
    faults.inject_times(Matching::all().verbs(&["get"]), Fault::Refuse(429, Some(7)), 1);
    let busy = get(&cluster, &path);
    refused(&busy, 429, "TooManyRequests");
    assert!(busy.head.contains("retry-after: 7"), "{}", busy.head);
    assert_eq!(get(&cluster, &path).code, 200);

    faults.conflict("configmaps", "default", "a", 1);
    refused(&ask(&cluster, "PATCH", &path, MERGE, "{}"), 409, "Conflict");
    assert_eq!(ask(&cluster, "PATCH", &path, MERGE, "{}").code, 200);

    faults.inject_times(Matching::writes(), Fault::Cut, 1);
    assert!(try_ask(&cluster, "PATCH", &path, MERGE, r#"{"data": {"k": "cut"}}"#).is_err());
    faults.inject_times(Matching::writes(), Fault::CutAfter, 1);
    assert!(try_ask(&cluster, "PATCH", &path, MERGE, r#"{"data": {"k": "after"}}"#).is_err());
    assert_eq!(get(&cluster, &path).body["data"]["k"], "after");

    faults.inject_times(Matching::all(), Fault::Slow(Duration::from_millis(60)), 1);
    let begun = Instant::now();
    get(&cluster, &path);
    assert!(begun.elapsed() >= Duration::from_millis(60));

    let mark = cluster.requests().mark();
    let mut watch = Watch::open(&cluster, &format!("{MAPS}?watch=1&resourceVersion={}", cluster.revision()));
    faults.expire_watches();
    watch.expect("ERROR ");
    faults.outage();
    assert!(try_ask(&cluster, "GET", &path, "", "").is_err());
    faults.restore();
    assert_eq!(ask(&cluster, "DELETE", &path, "User-Agent: me\r\n", "").code, 200);
    let seen = cluster.requests().since(mark);
    let told: Vec<_> = seen.iter().map(|s| (s.verb, s.resource.as_str(), s.name.as_str(), s.code)).collect();
    assert_eq!(told, [("watch", "configmaps", "", 200), ("delete", "configmaps", "a", 200)]);
    assert_eq!((seen[1].user_agent.as_str(), seen[1].is_write()), ("me", true));
    assert_eq!(cluster.requests().count("patch", "configmaps"), 4);
}
