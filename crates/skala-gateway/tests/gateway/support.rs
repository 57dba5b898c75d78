//! A gateway in front of given backends.

use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use skala_balance::{Balance, EndpointId, Settings};
use skala_gateway::{CounterValues, Gateway, GatewayConfig, RouteSpec, RouteTable};
use skala_runtime::{Clock, Station};
use skala_testkit::http::{Backend, Client, Response};
use skala_types::ReplicaId;

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A gateway with one service, `api`.
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) station: Arc<Station>,
    pub(crate) endpoints: Vec<EndpointId>,
}

/// Starts a gateway with the defaults.
pub(crate) fn rig(backends: &[&Backend]) -> Rig {
    rig_with(&backends.iter().map(|b| b.addr()).collect::<Vec<_>>(), Some(100), |_, _| {})
}

/// Starts a gateway with one thread, so that its pool is one; `adjust` changes the defaults.
pub(crate) fn rig_with(
    backends: &[SocketAddr],
    concurrency: Option<u32>,
    adjust: impl Fn(&mut GatewayConfig, &mut RouteSpec),
) -> Rig {
    a_panic_of_the_gateway_is_fatal();
    let settings = Settings { concurrency, max_waiting: 10, balance: Balance::RoundRobin, ..Settings::default() };
    let station = Station::new("api".into(), settings, Clock::system(), 1);
    let endpoints = backends.iter().enumerate().map(|(i, &b)| station.add_endpoint(ReplicaId(i as u64), b, 1.0, true)).collect();
    let mut config = GatewayConfig::new("127.0.0.1:0".parse().unwrap());
    config.threads = 1;
    let mut route = RouteSpec::new("/", Arc::clone(&station));
    adjust(&mut config, &mut route);
    let gateway = Gateway::bind(config, RouteTable::try_new(vec![route]).unwrap()).unwrap();
    Rig { gateway, station, endpoints }
}

/// A panic in a connection's task would only close that connection, which some tests could take for the right answer.
fn a_panic_of_the_gateway_is_fatal() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            if std::thread::current().name().is_some_and(|name| name.starts_with("gateway-")) {
                std::process::abort();
            }
        }));
    });
}

impl Rig {
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.gateway.local_addr())
    }

    /// One request on a connection of its own.
    pub(crate) fn request(&self, request: &str) -> Response {
        self.client().request(request).unwrap()
    }

    pub(crate) fn counters(&self) -> CounterValues {
        self.gateway.counters().read()
    }

    /// Waits until nothing is in service or waiting.
    pub(crate) fn settle(&self) {
        eventually("the station is empty", || self.station.load() == (0, 0));
    }
}

/// Polls until `holds`, or fails.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
