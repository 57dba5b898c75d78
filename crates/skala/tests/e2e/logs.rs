//! `skala logs` and `logs -f`, across a restart of a replica and of skala.

use nix::sys::signal::Signal;
use skala_testkit::processes;
use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use crate::{HEAD, skala};

#[test]
fn lines_are_followed_across_restarts() {
    let script = "echo hello from $SKALA_REPLICA; echo trouble >&2; exec skala backend";
    let text = format!(
        "services:\n  api:\n    command: [sh, -c, '{script}']\n    readiness: {{httpGet: /health, period: 200ms}}\n    restart: {{initial: 50ms}}\n  idle: {{command: [sleep, '1000'], readiness: {{logLine: never}}}}\nroutes: [{{path: /, service: api}}]\n"
    );
    let mut skala = skala(&format!("{HEAD}{text}"));
    skala.up_ready("api", 1);
    let follower = skala.follow(&["logs", "-f", "api"]);
    let hellos = || follower.said().lines().filter(|l| l.ends_with("hello from 1")).count();
    until("the lines so far", PATIENCE, || (hellos() == 1).then_some(()));
    let pid = skala.replicas("api")[0]["pid"].as_u64().unwrap();
    processes::signal(u32::try_from(pid).unwrap(), Signal::SIGKILL);
    until("the lines of the replica's second life", PATIENCE, || (hellos() == 2).then_some(()));
    let all = skala.ok(&["logs"]);
    let lines: Vec<_> = all.lines().filter(|l| l.contains("hello from 1")).collect();
    assert_eq!(lines.len(), 2, "{all}");
    assert!(lines[0].contains(" api-1 out  hello from 1"), "{all}");
    assert!(all.contains(" api-1 err  trouble"), "{all}");
    assert_eq!(skala.ok(&["logs", "-n", "1", "api"]).lines().count(), 1);
    assert!(!skala.ok(&["logs", "api"]).contains(" idle-1 "));

    skala.signal(Signal::SIGKILL);
    skala.wait();
    skala.up_ready("api", 1);
    until("the lines of the next skala's replicas", PATIENCE, || {
        (follower.said().lines().filter(|l| l.contains("hello from ")).count() == 3).then_some(())
    });
    let said = follower.said();
    let times: Vec<_> = said.lines().filter_map(|l| l.split(' ').next()).collect();
    assert!(times.is_sorted(), "lines come in order of time: {said}");
    drop(follower);
    skala.down();
    assert!(skala.ok(&["logs", "api"]).contains("hello from"), "logs stay when skala has ended");
}
