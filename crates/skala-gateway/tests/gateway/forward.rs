//! What reaches the other side: headers, framings, order, and bytes as they come.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use skala_testkit::http::{Backend, Then};

use crate::support::{GET, eventually, rig, rig_with};

#[test]
fn headers_are_those_of_one_hop() {
    let backend = Backend::start(|stream, _| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Inner, keep-alive\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\nX-Request-Id: theirs\r\nServer: s\r\n\r\nok",
        )?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let response = rig.request(
        "GET /a?b HTTP/1.1\r\nHost: Shop.example:8080\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nX-Forwarded-For: 10.0.0.1\r\n\
         X-Forwarded-Proto: https\r\nX-Request-Id: abc-1\r\nAccept: */*\r\n\r\n",
    );
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    assert_eq!(response.header("x-request-id"), Some("abc-1"));
    assert_eq!((response.header("server"), response.header("x-inner"), response.header("keep-alive")), (Some("s"), None, None));
    let got = &backend.received()[0];
    let rows = [
        ("host", Some("Shop.example:8080")),
        ("x-forwarded-for", Some("10.0.0.1, 127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("Shop.example:8080")),
        ("x-request-id", Some("abc-1")),
        ("accept", Some("*/*")),
        ("x-secret", None),
        ("connection", None),
    ];
    for (name, expected) in rows {
        assert_eq!(got.header(name), expected, "{name}");
    }
    assert_eq!(got.target(), "/a?b");
}

#[test]
fn a_request_without_a_good_id_gets_one() {
    let backend = Backend::fixed("ok");
    let rig = rig(&[&backend]);
    for header in ["", "X-Request-Id: a b\r\n", "X-Request-Id: \"\r\n"] {
        let response = rig.request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{header}\r\n"));
        let id = response.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32, "{id}");
        assert_eq!(backend.received().last().unwrap().header("x-request-id"), Some(id.as_str()));
    }
}

#[test]
fn bodies_arrive_whole_in_both_framings_and_any_size() {
    let backend = Backend::start(|stream, got| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", got.body.len());
        if got.target() == "/chunked" {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            for part in got.body.chunks(7000) {
                stream.write_all(format!("{:x};ext=1\r\n", part.len()).as_bytes())?;
                stream.write_all(part)?;
                stream.write_all(b"\r\n")?;
            }
            stream.write_all(b"0\r\nTrailer: x\r\n\r\n")?;
        } else {
            stream.write_all(head.as_bytes())?;
            stream.write_all(&got.body)?;
        }
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    for size in [0usize, 1, 100, 16 * 1024, 70_000, 3_000_000] {
        let body: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
        for target in ["/", "/chunked"] {
            client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"));
            let response = exchange(&mut client, body.clone());
            assert!(response.body == body, "length {size} {target}: {}", response.body.len());
            client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
            let mut chunked = Vec::new();
            for part in body.chunks(9999) {
                chunked.extend(format!("{:X}\r\n", part.len()).bytes());
                chunked.extend(part);
                chunked.extend(b"\r\n");
            }
            chunked.extend(b"0\r\n\r\n");
            let response = exchange(&mut client, chunked);
            assert!(response.body == body, "chunked {size} {target}: {}", response.body.len());
        }
    }
    assert_eq!(rig.counters().connections, 1, "all over one connection");
    rig.settle();
}

/// Sends and reads at the same time, so that neither side has to hold a large body.
fn exchange(client: &mut skala_testkit::http::Client, bytes: Vec<u8>) -> skala_testkit::http::Response {
    let mut writer = client.stream().try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(&bytes));
    let response = client.read_response(false).unwrap();
    sender.join().unwrap().unwrap();
    response
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = Backend::start(|stream, got| {
        let body = format!("{}:{}", got.target(), String::from_utf8_lossy(&got.body));
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let mut all = String::new();
    for i in 0..50 {
        all += &match i % 3 {
            0 => format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("POST /{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy"),
            _ => format!("POST /{i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n\r\n"),
        };
    }
    for slowly in [false, true] {
        let mut client = rig.client();
        if slowly {
            client.send_slowly(all.as_bytes())
        } else {
            client.send(&all)
        };
        for i in 0..50 {
            let expected = format!("/{i}:{}", if i % 3 == 0 { "" } else { "xy" });
            assert_eq!(client.read_response(false).unwrap().text(), expected);
        }
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let backend = Backend::start(|stream, got| {
        let answer = match got.target() {
            "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "/204" => "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        };
        stream.write_all(answer.as_bytes())?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    let rows =
        [("HEAD /head", 200, Some("5")), ("GET /204", 204, None), ("GET /304", 304, Some("5")), ("GET /zero", 200, Some("0"))];
    for (start, status, length) in rows {
        let response = client.request(&format!("{start} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert_eq!((response.status, response.header("content-length")), (status, length), "{start}");
    }
    assert_eq!((rig.counters().connections, backend.connections()), (1, 1), "connections stay usable both ways");
}

#[test]
fn an_answer_until_close_is_framed_for_new_clients_and_closed_for_old_ones() {
    let backend = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nsome ")?;
        stream.write_all(b"bytes")?;
        Ok(Then::Close)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    for _ in 0..2 {
        let response = client.request(GET).unwrap();
        assert_eq!((response.header("transfer-encoding"), response.text().as_str()), (Some("chunked"), "some bytes"));
    }
    let mut old = rig.client();
    let response = old.request("GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!((response.header("transfer-encoding"), response.header("connection")), (None, Some("close")));
    assert_eq!(response.text(), "some bytes");
}

#[test]
fn an_answer_may_be_cut_into_any_pieces() {
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\nhello",
    ];
    for answer in answers {
        for cut in 0..answer.len() {
            let backend = Backend::start(move |stream, _| {
                stream.write_all(&answer[..cut])?;
                std::thread::sleep(Duration::from_millis(1));
                stream.write_all(&answer[cut..])?;
                Ok(Then::Close)
            });
            let rig = rig(&[&backend]);
            let mut client = rig.client();
            let mut response = client.request(GET).unwrap();
            if response.status == 103 {
                response = client.read_response(false).unwrap();
            }
            assert_eq!((response.status, response.text().as_str()), (200, "hello"), "cut at {cut}");
        }
    }
}

#[test]
fn an_old_client_gets_no_chunks() {
    let backend = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    let response = client.request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    assert_eq!((response.text().as_str(), response.header("connection")), ("abcde", Some("close")));
}

#[test]
fn the_first_event_arrives_before_the_second_is_made() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for _ in 0..3 {
            stream.write_all(b"9\r\ndata: x\n\n\r\n")?;
            wait.lock().unwrap().recv_timeout(Duration::from_secs(10)).map_err(std::io::Error::other)?;
        }
        stream.write_all(b"0\r\n\r\n")?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    client.send(GET).read_head().unwrap();
    for _ in 0..3 {
        assert_eq!(client.read_exact(14).unwrap(), b"9\r\ndata: x\n\n\r\n");
        assert_eq!(rig.station.load(), (0, 1));
        go.send(()).unwrap();
    }
    assert_eq!(client.read_exact(5).unwrap(), b"0\r\n\r\n");
    rig.settle();
}

#[test]
fn an_upload_streams_too_and_both_directions_at_once() {
    let backend = Backend::raw(|stream, _| {
        let mut seen = Vec::new();
        let mut answered = 0;
        let mut buf = [0; 1000];
        while answered < 3 {
            let n = stream.read(&mut buf)?;
            if n == 0 {
                return Ok(());
            }
            seen.extend_from_slice(&buf[..n]);
            if answered == 0 && seen.ends_with(b"one\r\n") {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n")?;
                answered = 1;
            } else if answered == 1 && seen.ends_with(b"two\r\n") {
                stream.write_all(b"3\r\nTWO\r\n")?;
                answered = 2;
            } else if answered == 2 && seen.ends_with(b"0\r\n\r\n") {
                stream.write_all(b"0\r\n\r\n")?;
                answered = 3;
            }
        }
        Ok(())
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").read_head().unwrap();
    assert_eq!(client.read_exact(8).unwrap(), b"3\r\nONE\r\n");
    assert_eq!(client.send("3\r\ntwo\r\n").read_exact(8).unwrap(), b"3\r\nTWO\r\n");
    assert_eq!(client.send("0\r\n\r\n").read_exact(5).unwrap(), b"0\r\n\r\n");
    rig.settle();
}

#[test]
fn interim_answers_pass_where_they_are_understood() {
    let backend = Backend::raw(|stream, _| {
        let mut buf = [0; 2000];
        let n = stream.read(&mut buf)?;
        let head = String::from_utf8_lossy(&buf[..n]).into_owned();
        if head.contains("Expect: 100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            let n = stream.read(&mut buf)?;
            assert_eq!(&buf[..n], b"abc");
        } else {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")?;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    let head =
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").read_head().unwrap();
    assert!(head.starts_with("HTTP/1.1 100 Continue\r\n"), "{head}");
    assert_eq!(client.send("abc").read_response(false).unwrap().text(), "ok");
    let head = client.send(GET).read_head().unwrap();
    assert!(head.starts_with("HTTP/1.1 103 Early Hints\r\nLink: x\r\n"), "a 100 that nobody asked for is dropped: {head}");
    assert_eq!(client.read_response(false).unwrap().text(), "ok");
    assert_eq!(rig.client().request("GET / HTTP/1.0\r\n\r\n").unwrap().status, 200);
}

#[test]
fn waiting_requests_are_served_in_turn_and_refused_beyond_the_room() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |stream, _| {
        wait.lock().unwrap().recv_timeout(Duration::from_secs(10)).map_err(std::io::Error::other)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        Ok(Then::Keep)
    });
    let rig = rig_with(&[backend.addr()], Some(1), |_, _| {});
    let mut clients: Vec<_> = (0..11).map(|_| rig.client()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(GET);
        eventually("it is in service or waiting", || rig.station.load() == (i, 1));
    }
    let mut late = rig.client();
    let refused = late.request(GET).unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.text().contains("waiting room full") && refused.text().contains("\"service\":\"api\""), "{}", refused.text());
    let gone = clients.pop().unwrap();
    drop(gone);
    eventually("who leaves frees the place", || rig.station.load() == (9, 1));
    for mut client in clients {
        go.send(()).unwrap();
        assert_eq!(client.read_response(false).unwrap().text(), "ok");
    }
    go.send(()).unwrap();
    assert_eq!(late.request(GET).unwrap().status, 200, "a refused client keeps its connection");
    assert_eq!(rig.counters().refused, 1);
}
