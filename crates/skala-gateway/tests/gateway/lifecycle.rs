//! Starting, changing and stopping a gateway.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use skala_gateway::{Gateway, GatewayConfig, GatewayError, RouteSpec, RouteTable};
use skala_testkit::http::{Backend, Client, Then};

use crate::support::{GET, eventually, rig, rig_with};

fn wait_for<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_second_gateway_on_the_same_port_fails_clearly() {
    let first = rig(&[]);
    let addr = first.gateway.local_addr();
    let error = Gateway::bind(GatewayConfig::new(addr), RouteTable::default()).unwrap_err();
    assert!(matches!(error, GatewayError::AddressInUse { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("listen on {addr}: the address is in use by another process; stop it or choose another port")
    );
    let error = Gateway::bind(GatewayConfig::new("192.0.2.1:80".parse().unwrap()), RouteTable::default()).unwrap_err();
    assert_eq!(error.to_string(), "listen on 192.0.2.1:80");
}

#[test]
fn a_port_is_free_again_at_once() {
    let backend = Backend::fixed("ok");
    let first = rig(&[&backend]);
    assert_eq!(first.request(GET).status, 200);
    let addr = first.gateway.local_addr();
    drop(first);
    Gateway::bind(GatewayConfig::new(addr), RouteTable::default()).unwrap();
}

#[test]
fn routes_change_under_open_connections() {
    let (old, new) = (Backend::fixed("old"), Backend::fixed("new"));
    let (rig, other) = (rig(&[&old]), rig(&[&new]));
    let mut client = rig.client();
    assert_eq!(client.request(GET).unwrap().text(), "old");
    rig.gateway.set_routes(RouteTable::try_new(vec![RouteSpec::new("/", std::sync::Arc::clone(&other.station))]).unwrap());
    assert_eq!(client.request(GET).unwrap().text(), "new");
    rig.gateway.set_routes(RouteTable::default());
    assert_eq!(client.request(GET).unwrap().status, 404);
}

#[test]
fn shutdown_lets_requests_end_and_closes_idle_connections() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |stream, got| {
        if got.target() == "/slow" {
            wait.lock().unwrap().recv_timeout(Duration::from_secs(10)).map_err(std::io::Error::other)?;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        Ok(Then::Keep)
    });
    let rig = rig_with(&[backend.addr()], Some(10), |config, _| config.threads = 2);
    let addr = rig.gateway.local_addr();
    let (mut idle, mut busy) = (rig.client(), rig.client());
    idle.request(GET).unwrap();
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is in service", || rig.station.load() == (0, 1));
    let counters = rig.gateway.counters();
    let gateway = rig.gateway;
    let stopping = std::thread::spawn(move || wait_for(gateway.shutdown(Duration::from_secs(10))));
    assert_eq!(idle.read_to_end().unwrap(), b"");
    eventually("nobody listens", || std::net::TcpStream::connect(addr).is_err());
    go.send(()).unwrap();
    let response = busy.read_response(false).unwrap();
    assert_eq!((response.text().as_str(), response.header("connection")), ("ok", Some("close")));
    stopping.join().unwrap();
    assert_eq!(counters.read().connections_open, 0);
}

#[test]
fn shutdown_cuts_what_outlasts_its_grace() {
    let backend = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")?;
        let _ = std::io::Read::read(stream, &mut [0; 1]);
        Ok(Then::Close)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    client.send(GET).read_head().unwrap();
    let started = Instant::now();
    wait_for(rig.gateway.shutdown(Duration::from_millis(300)));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(client.read_exact(100).is_err());
    eventually("its replica is free", || rig.station.load() == (0, 0));
}

#[test]
fn one_connection_too_many_is_told_so() {
    let backend = Backend::fixed("ok");
    let rig = rig_with(&[backend.addr()], None, |config, _| config.limits.max_connections = 2);
    let (mut a, mut b) = (rig.client(), rig.client());
    assert_eq!((a.request(GET).unwrap().status, b.request(GET).unwrap().status), (200, 200));
    let mut third = rig.client();
    assert_eq!(third.read_response(false).unwrap().status, 503);
    drop(a);
    eventually("there is room again", || rig.counters().connections_open == 1);
    assert_eq!(Client::connect(rig.gateway.local_addr()).request(GET).unwrap().status, 200);
    assert_eq!(rig.counters().connections_refused, 1);
}

#[test]
fn many_clients_on_many_threads_get_their_own_answers() {
    let backend = Backend::start(|stream, got| {
        let body = got.target().to_owned();
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        Ok(Then::Keep)
    });
    let rig = rig_with(&[backend.addr()], Some(3), |config, _| config.threads = 3);
    std::thread::scope(|scope| {
        for c in 0..8 {
            let mut client = rig.client();
            scope.spawn(move || {
                for i in 0..100 {
                    let target = format!("/{c}/{i}");
                    let response = client.request(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
                    assert_eq!(response.text(), target);
                }
            });
        }
    });
    assert!(backend.connections() <= 3 * 8, "{}", backend.connections());
    assert_eq!((rig.counters().requests, rig.counters().answers_2xx), (800, 800));
    rig.settle();
}
