//! Requests that are answered beside the data path.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use skala_gateway::offload::{Answering, Async, Offload, Offloaded, Prefer, Purpose, Reply, ReplyBody};
use skala_gateway::{GatewayConfig, RouteSpec, RouteTable};
use skala_testkit::http::Backend;
use tokio::sync::mpsc;

use crate::support::{Rig, eventually, rig_with};

/// Keeps what it is given, and answers by the target.
#[derive(Default)]
struct Keeper {
    seen: Mutex<Vec<Offloaded>>,
}

impl Offload for Keeper {
    fn call(&self, request: Offloaded) -> Answering<'_> {
        let target = request.target.clone();
        self.seen.lock().unwrap().push(request);
        Box::pin(async move {
            match target.as_str() {
                "/.skala/tasks/stream" => {
                    let (tell, told) = mpsc::channel(1);
                    tokio::spawn(async move {
                        for piece in ["data: 1\n\n", "", "data: 2\n\n"] {
                            let _ = tell.send(Bytes::from_static(piece.as_bytes())).await;
                        }
                    });
                    let headers = vec![("Content-Type", "text/event-stream".to_owned())];
                    Reply { status: 200, headers, body: ReplyBody::Stream(told), retry_after: None }
                }
                "/.skala/tasks/endless" => std::future::pending().await,
                "/.skala/tasks/none" => Reply::json(404, "{}"),
                _ => {
                    let mut reply = Reply::json(202, "{\"id\":\"x\"}");
                    reply.headers.push(("Preference-Applied", "respond-async".into()));
                    reply.retry_after = Some(Duration::from_millis(1500));
                    reply
                }
            }
        })
    }
}

/// A gateway whose route `/` may be answered later, with bodies of at most 10 bytes.
fn keeping(backends: &[&Backend]) -> (Rig, Arc<Keeper>) {
    let keeper = Arc::new(Keeper::default());
    let addrs: Vec<_> = backends.iter().map(|b| b.addr()).collect();
    let rig = rig_with(&addrs, Some(100), |_: &mut GatewayConfig, _| {});
    let mut route = RouteSpec::new("/", Arc::clone(&rig.station));
    route.offload = Some(Async { queue: "slow".into(), max_body: 10 });
    rig.gateway.set_routes(RouteTable::try_new(vec![route]).unwrap().offload_to(Arc::clone(&keeper) as _));
    (rig, keeper)
}

#[test]
fn who_prefers_a_later_answer_is_kept_whole_and_others_are_forwarded() {
    let backend = Backend::fixed("now");
    let (rig, keeper) = keeping(&[&backend]);
    let mut client = rig.client();
    let head =
        "POST /report?x=1 HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nX-A: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\n";
    let answer = client
        .request(&format!("{head}Prefer: respond-async, wait=3\r\nX-Request-Id: mine\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
        .unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (202, "{\"id\":\"x\"}"));
    let header = |name| answer.header(name).map(str::to_owned);
    assert_eq!(header("preference-applied").as_deref(), Some("respond-async"));
    assert_eq!(header("retry-after").as_deref(), Some("2"));
    assert_eq!(header("x-request-id").as_deref(), Some("mine"));
    let seen = keeper.seen.lock().unwrap().pop().unwrap();
    assert_eq!(seen.purpose, Purpose::Submit { queue: "slow".into() });
    assert_eq!((seen.method.as_str(), seen.target.as_str(), &seen.body[..]), ("POST", "/report?x=1", &b"abcde"[..]));
    assert_eq!(seen.prefer, Prefer { respond_async: true, wait: Some(Duration::from_secs(3)) });
    let names: Vec<_> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Content-Type", "X-A", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"]);
    // The same connection goes on, and without the preference nothing changes.
    let answer = client.request(&format!("{head}Content-Length: 20\r\n\r\naaaaaaaaaaaaaaaaaaaa")).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "now"));
    assert!(keeper.seen.lock().unwrap().is_empty());
}

#[test]
fn questions_need_no_route_and_streams_come_piece_by_piece() {
    let (rig, keeper) = keeping(&[]);
    let mut client = rig.client();
    let ask = |path: &str, version: &str| format!("GET /.skala/tasks/{path} HTTP/{version}\r\nHost: a\r\n\r\n");
    assert_eq!(client.request(&ask("none", "1.1")).unwrap().status, 404);
    let answer = client.request(&ask("stream", "1.1")).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "data: 1\n\ndata: 2\n\n"));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(client.request(&ask("none", "1.1")).unwrap().status, 404, "the connection goes on after a stream");
    let answer = rig.client().request(&ask("stream", "1.0")).unwrap();
    assert_eq!(answer.text(), "data: 1\n\ndata: 2\n\n");
    assert_eq!(keeper.seen.lock().unwrap().last().unwrap().purpose, Purpose::Ask);
}

#[test]
fn bodies_beyond_the_bound_are_refused_however_they_come() {
    let (rig, keeper) = keeping(&[]);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nPrefer: respond-async\r\n";
    let rows = ["Content-Length: 11\r\n\r\naaaaaaaaaaa", "Transfer-Encoding: chunked\r\n\r\nb\r\naaaaaaaaaaa\r\n0\r\n\r\n"];
    for row in rows {
        assert_eq!(rig.request(&format!("{head}{row}")).status, 413, "{row}");
    }
    assert_eq!(rig.request(&format!("{head}Transfer-Encoding: chunked\r\n\r\nx\r\n")).status, 400);
    assert_eq!(rig.request(&format!("{head}X: {}\r\n\r\n", "a".repeat(17 * 1024))).status, 431);
    assert_eq!(rig.request(&format!("{head}Content-Length: 10\r\n\r\naaaaaaaaaa")).status, 202);
    assert_eq!(keeper.seen.lock().unwrap().len(), 1);
}

#[test]
fn a_client_that_waits_with_its_body_is_told_to_go_on() {
    let (rig, _keeper) = keeping(&[]);
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nPrefer: respond-async\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.read_head().unwrap().starts_with("HTTP/1.1 100 "));
    client.send("ok");
    assert_eq!(client.read_response(false).unwrap().status, 202);
}

#[test]
fn a_gateway_that_stops_does_not_wait_for_questions() {
    let (rig, keeper) = keeping(&[]);
    let mut client = rig.client();
    client.send("GET /.skala/tasks/endless HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the question is asked", || keeper.seen.lock().unwrap().len() == 1);
    let gateway = rig.gateway;
    let stopped = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(gateway.shutdown(Duration::from_secs(60)));
    });
    let answer = client.read_response(false).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    stopped.join().unwrap();
}
