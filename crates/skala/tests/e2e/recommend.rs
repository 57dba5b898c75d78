//! The vertical axis: what is recommended, and what is set on running replicas in place.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;

use crate::{api, skala};

/// A service scaled on requests that is sized vertically.
fn sized(mode: &str, more: &str) -> String {
    api(&format!(
        "autoscaling: {{maxReplicas: 3, metrics: [{{requestsPerSecond: 100}}], vertical: {{mode: {mode}, \
         minAllowed: {{cpu: 100m, memory: 300Mi}}}}}}\n{more}"
    ))
}

fn recommended(skala: &Skala) -> Value {
    until("something was measured", PATIENCE, || {
        let found = skala.json(&["recommend", "api"]);
        found["services"][0]["resources"][0]["target"].is_number().then_some(found)
    })
}

#[test]
fn what_replicas_used_is_recommended_and_survives_a_restart() {
    let mut skala = skala(&sized("recommend", "resources: {requests: {cpu: 500m, memory: 400Mi}, limits: {memory: 800Mi}}"));
    skala.up_ready("api", 1);
    let found = recommended(&skala);
    let service = &found["services"][0];
    assert_eq!((&service["service"], &service["mode"]), (&Value::from("api"), &Value::from("recommend")));
    let (cpu, memory) = (&service["resources"][0], &service["resources"][1]);
    let mi = f64::from(1 << 20);
    assert_eq!((cpu["request"].as_f64(), memory["request"].as_f64()), (Some(0.5), Some(400.0 * mi)));
    assert_eq!(memory["limit"].as_f64(), Some(800.0 * mi));
    assert_eq!(memory["target"].as_f64(), Some(300.0 * mi), "a small backend needs no more than minAllowed");
    assert_eq!(memory["uncapped"].as_f64(), Some(250.0 * mi), "and the least that a replica gets");
    let order = |r: &Value| r["lower"].as_f64() <= r["target"].as_f64() && r["target"].as_f64() <= r["upper"].as_f64();
    assert!(order(cpu) && order(memory), "{found:#}");
    let table = skala.ok(&["recommend"]);
    for word in ["SERVICE", "TARGET", "UNCAPPED", "400Mi", "300Mi", "minAllowed"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let samples = service["samples"].as_u64();
    skala.down();
    skala.up_ready("api", 1);
    let again = skala.json(&["recommend"]);
    assert!(again["services"][0]["samples"].as_u64() >= samples, "{again:#}");
    assert_eq!(skala.run(&["recommend", "nobody"]).code, Some(1));
    skala.down();
}

#[test]
fn a_service_whose_use_is_not_recorded_says_how_to() {
    let mut skala = skala(&api("replicas: 1"));
    skala.up_ready("api", 1);
    let ran = skala.run(&["recommend", "api"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("vertical: {mode: recommend}"), "{ran:?}");
    assert!(skala.ok(&["recommend"]).contains("vertical: {mode: recommend}"));
    skala.down();
}

/// The value of a file of the replica's control group, whichever version there is.
fn group_file(pid: u64, controller: &str, v1: &str, v2: &str) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let own = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        names.split(',').any(|n| n == controller).then(|| path.trim_start_matches('/').to_owned())
    });
    let unified = groups.lines().find_map(|line| line.strip_prefix("0::/")).map(str::to_owned);
    let roots = |base: &str, path: &Option<String>| path.as_ref().map(|p| PathBuf::from(base).join(p));
    let first = roots(&format!("/sys/fs/cgroup/{controller}"), &own).map(|dir| dir.join(v1));
    let second = roots("/sys/fs/cgroup", &unified).map(|dir| dir.join(v2));
    let third = roots("/sys/fs/cgroup/unified", &unified).map(|dir| dir.join(v2));
    [first, second, third].into_iter().flatten().find_map(|file: PathBuf| fs::read_to_string(Path::new(&file)).ok())
}

#[test]
fn a_recommendation_is_set_in_place_without_a_restart_or_it_is_said_why_not() {
    // Without requests nothing is within the bounds: the first recommendation is set.
    let mut skala = skala(&sized("apply", "resources: {limits: {memory: 2Gi}, requests: {memory: 2Gi, cpu: 4}}").replace(
        "minAllowed: {cpu: 100m, memory: 300Mi}",
        "minAllowed: {cpu: 100m, memory: 300Mi}, maxAllowed: {cpu: 1, memory: 512Mi}",
    ));
    skala.up_ready("api", 1);
    let pid = skala.replicas("api")[0]["pid"].as_u64().unwrap();
    let outcome = until("it is set, or cannot be", PATIENCE, || {
        let (set, refused) = (skala.events("api", "resized"), skala.events("api", "notResized"));
        set.into_iter().next().map(Ok).or_else(|| refused.into_iter().next().map(Err))
    });
    let replica = skala.replicas("api")[0].clone();
    assert_eq!((replica["pid"].as_u64(), replica["restarts"].as_u64()), (Some(pid), Some(0)), "nothing was restarted");
    match outcome {
        Ok(text) => {
            assert!(text.contains("in place") && text.contains("300Mi"), "{text}");
            let limit = group_file(pid, "memory", "memory.limit_in_bytes", "memory.max").map(|l| l.trim().to_owned());
            assert_eq!(limit.as_deref(), Some((300u64 << 20).to_string().as_str()));
            let found = skala.json(&["recommend"]);
            assert_eq!(found["services"][0]["appliedTo"], Value::from(vec!["api-1"]), "{found:#}");
        }
        Err(text) => {
            assert!(text.contains("it keeps its size"), "{text}");
            assert!(skala.ok(&["recommend"]).contains("cannot be applied"), "{text}");
        }
    }
    skala.down();
}

#[test]
fn both_axes_on_one_signal_are_refused() {
    let text = sized("apply", "resources: {requests: {cpu: 1}}").replace("requestsPerSecond: 100", "cpu: 70%");
    let skala = skala(&text);
    let ran = skala.run(&["check", "skala.yaml"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("cpu scales this service both ways"), "{ran:?}");
}
