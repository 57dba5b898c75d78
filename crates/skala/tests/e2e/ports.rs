//! Addresses that are taken: a clear message, exit 1, and nothing is left running.

use std::net::TcpListener;

use crate::{secs, skala};
use skala_testkit::wait::until;

fn refused_with_taken(section: &str) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let other = if section == "gateway" { "admin" } else { "gateway" };
    let skala = skala(&format!(
        "platform: test\n{section}: {{listen: '{addr}'}}\n{other}: {{listen: '127.0.0.1:0'}}\nservices:\n  api: {{command: [skala, backend, --port, $PORT]}}\n"
    ));
    let ran = skala.run(&["up"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(&addr.to_string()) && ran.stderr.contains("in use"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{section}.listen")), "{}", ran.stderr);
    until("nothing is left running", secs(5), || skala.processes().is_empty().then_some(()));
    let detached = skala.run(&["up", "-d"]);
    assert_eq!(detached.code, Some(1), "{detached:?}");
    assert!(detached.stderr.contains("in use"), "a detached skala's reason is shown too: {detached:?}");
    until("nothing is left running", secs(5), || skala.processes().is_empty().then_some(()));
    assert_eq!(skala.run(&["status"]).code, Some(1), "nothing runs that could be asked");
    ran.stderr
}

#[test]
fn the_gateways_port_is_in_use() {
    refused_with_taken("gateway");
}

#[test]
fn the_admin_port_is_in_use() {
    refused_with_taken("admin");
}
