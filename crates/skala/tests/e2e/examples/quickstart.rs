//! `examples/quickstart`: load makes it grow, quiet makes it shrink.

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use super::copy;

#[test]
fn it_grows_with_load_and_shrinks_without() {
    let mut skala = copy("quickstart");
    skala.up_ready("web", 1);
    let url = format!("http://{}/sleep?ms=50", skala.gateway());
    std::thread::scope(|scope| {
        let load = scope.spawn(|| skala.load(&url, &["--rate", "110", "--duration", "10s"]));
        until("it has four replicas", PATIENCE, || (skala.service("web")["ready"] == 4).then_some(()));
        let report = load.join().unwrap();
        assert_eq!((&report["failed"]["total"], &report["dropped"]), (&0.into(), &0.into()), "{report:#}");
    });
    let why = skala.ok(&["why", "web"]);
    assert!(why.contains("requestsPerSecond") || why.contains("requests"), "{why}");
    until("it is back at one", 2 * PATIENCE, || (skala.service("web")["ready"] == 1).then_some(()));
    assert_eq!(skala.json(&["replay"])["services"]["web"]["different"], 0);
    skala.down();
}
