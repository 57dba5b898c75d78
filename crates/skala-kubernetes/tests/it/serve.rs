//! Metrics and health over HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::json;
use skala_kubernetes::Settings;
use skala_testkit::kubernetes::{Fault, Matching};
use skala_testkit::wait::until;

use crate::world::{LIMIT, NS, autoscaler, cluster, deployment, quick, start, until_size};

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn metrics_tell_what_was_decided() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({}));
    let address = free_address();
    let _running = start(&cluster, Settings { listen: Some(address), ..quick() });
    until_size(&cluster, "web", 4);
    let wanted = [
        "skala_autoscaler_desired_replicas{namespace=\"shop\",autoscaler=\"web\"} 4\n",
        "skala_autoscaler_metric_proposal{namespace=\"shop\",autoscaler=\"web\",metric=\"cpu\"} 4\n",
        "skala_controller_rescales_total 1\n",
        "skala_controller_leader 1\n",
        "skala_controller_autoscalers 1\n",
    ];
    until("the metrics tell", LIMIT, || get(address, "/metrics").filter(|text| wanted.iter().all(|row| text.contains(row))));
    assert!(get(address, "/healthz").unwrap().starts_with("HTTP/1.1 200"));
    assert!(get(address, "/readyz").unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn unready_before_the_first_lists_yet_healthy() {
    let cluster = cluster();
    cluster.faults().inject(Matching::all().resource("pods"), Fault::Refuse(503, None));
    let address = free_address();
    let _running = start(&cluster, Settings { listen: Some(address), ..quick() });
    until("it answers", LIMIT, || get(address, "/healthz").filter(|a| a.starts_with("HTTP/1.1 200")));
    assert!(get(address, "/readyz").unwrap().starts_with("HTTP/1.1 503"));
    cluster.faults().clear();
    until("it is ready", LIMIT, || get(address, "/readyz").filter(|a| a.starts_with("HTTP/1.1 200")));
}
