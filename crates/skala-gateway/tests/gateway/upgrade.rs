//! Websockets: a tunnel after a 101, an ordinary answer otherwise.

use std::io::{Read, Write};

use skala_testkit::http::{Backend, Then};

use crate::support::{GET, eventually, rig, rig_with};

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";

/// Accepts the upgrade, then sends everything back in capitals until the client ends, then says goodbye.
fn shouting() -> Backend {
    Backend::start(|stream, got| {
        assert_eq!((got.header("connection"), got.header("upgrade")), (Some("Upgrade"), Some("websocket")));
        stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nhi",
        )?;
        let mut buf = [0; 1000];
        loop {
            let n = stream.read(&mut buf)?;
            if n == 0 {
                stream.write_all(b"bye")?;
                return Ok(Then::Close);
            }
            stream.write_all(&buf[..n].to_ascii_uppercase())?;
        }
    })
}

#[test]
fn after_a_101_bytes_pass_both_ways_until_both_ends_have_closed() {
    let backend = shouting();
    let rig = rig_with(&[backend.addr()], Some(1), |_, _| {});
    let mut client = rig.client();
    // The first frame comes early, with the request.
    let head = client.send(format!("{UPGRADE}early")).read_head().unwrap();
    assert!(
        head.starts_with("HTTP/1.1 101 ")
            && head.contains("Upgrade: websocket\r\n")
            && head.contains("Sec-WebSocket-Accept: y\r\n"),
        "{head}"
    );
    assert_eq!(client.read_exact(7).unwrap(), b"hiEARLY");
    assert_eq!(client.send("more").read_exact(4).unwrap(), b"MORE");
    assert_eq!(rig.station.load(), (0, 1), "the replica is held while the tunnel is open");
    client.finish_sending();
    assert_eq!(client.read_to_end().unwrap(), b"bye");
    rig.settle();
    assert_eq!(rig.counters().tunnels, 1);
}

#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    let backend = Backend::fixed("no");
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    client.send(format!("{UPGRADE}{GET}"));
    assert_eq!(client.read_response(false).unwrap().text(), "no");
    assert_eq!(client.read_response(false).unwrap().text(), "no", "what followed the refused upgrade is a request");
    assert_eq!(backend.received().len(), 2);
    rig.settle();
}

#[test]
fn only_websockets_are_tunnelled() {
    let backend = Backend::fixed("plain");
    let rig = rig(&[&backend]);
    for upgrade in ["h2c", "TLS/1.0", "websocket, h2c", "anything"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: x\r\n\r\n"
        );
        assert_eq!(rig.request(&request).text(), "plain");
        let got = backend.received().pop().unwrap();
        assert_eq!(
            (got.header("upgrade"), got.header("connection"), got.header("http2-settings")),
            (None, None, None),
            "{upgrade}"
        );
    }
}

#[test]
fn a_tunnel_ends_with_its_client_and_when_it_is_silent() {
    let backend = shouting();
    let rig = rig_with(&[backend.addr()], Some(1), |config, _| {
        config.limits.tunnel_idle_timeout = std::time::Duration::from_millis(300)
    });
    let mut client = rig.client();
    client.send(UPGRADE).read_head().unwrap();
    eventually("it is in service", || rig.station.load() == (0, 1));
    drop(client);
    rig.settle();
    let mut silent = rig.client();
    silent.send(UPGRADE).read_head().unwrap();
    assert_eq!(silent.read_exact(2).unwrap(), b"hi");
    let _ = silent.read_to_end();
    rig.settle();
}
