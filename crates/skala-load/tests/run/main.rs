//! Whole runs against a small server on this machine.
//!
//! Bounds on time are wide, because the machine that tests may be busy; `lag_bound` is wide for the same reason.

mod knee;
mod server;

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use expect_test::expect;
use server::{OK, say, serve};
use skala_load::{Arrivals, LoadPlan, LoadReport, RequestBody, Spacing, Stop, VerdictKind, render, run};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn plan(url: &str, rate: &str, duration: Duration) -> LoadPlan {
    LoadPlan {
        duration: Some(duration),
        spacing: Spacing::Constant,
        timeout: ms(5000),
        lag_bound: Some(ms(5000)),
        ..LoadPlan::new(url, Arrivals::Rate(rate.parse().expect("rate")))
    }
}

/// Runs a plan and holds what must be true of every run.
fn go(plan: &LoadPlan) -> LoadReport {
    let started = Instant::now();
    let report = run(plan, |_| {}, &Stop::new()).expect("runs");
    let longest = ms((report.duration_seconds * 1e3) as u64) + plan.timeout + ms(5000);
    assert!(started.elapsed() < longest, "took {:?}", started.elapsed());
    assert_eq!(report.requests, report.ok + report.failed.total + report.dropped + report.unfinished, "{report:?}");
    report
}

#[test]
fn arrivals_are_spaced_as_planned() {
    let server = serve(|stream, _| say(stream, OK));
    let report = go(&plan(&server.url(), "200", ms(1000)));
    assert_eq!((report.requests, report.ok, report.verdict.kind), (200, 200, VerdictKind::Ok), "{}", render(&report));
    assert_eq!(report.offered_rps, 200.0);
    assert!(report.connections < 100, "{} connections", report.connections);
    let seen = server.seen.lock().expect("no panics");
    let mut gaps: Vec<Duration> = seen.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort();
    assert!(gaps[gaps.len() / 2].abs_diff(ms(5)) < ms(3), "median gap {:?}", gaps[gaps.len() / 2]);
    let span = *seen.last().expect("requests") - seen[0];
    assert!(span.abs_diff(ms(995)) < ms(300), "all in {span:?}");
}

#[test]
fn the_same_seed_sends_the_same_number() {
    let server = serve(|stream, _| say(stream, OK));
    let poisson = LoadPlan { spacing: Spacing::Poisson, seed: 5, threads: 2, ..plan(&server.url(), "100..300/1s", ms(1000)) };
    let (first, second) = (go(&poisson), go(&poisson));
    assert_eq!(first.requests, second.requests);
    assert!(first.requests.abs_diff(200) < 60, "{} requests", first.requests);
}

#[test]
fn a_stall_is_not_omitted() {
    let start = Instant::now();
    let server = serve(move |stream, _| {
        // Nobody is answered between 0.5 s and 1.5 s.
        if start.elapsed() > ms(500) {
            sleep(ms(1500).saturating_sub(start.elapsed()));
        }
        say(stream, OK)
    });
    let report = go(&plan(&server.url(), "100", ms(3000)));
    let latency = report.latency_ms.expect("answers");
    assert_eq!((report.requests, report.failed.total), (300, 0));
    // A closed loop of one connection would have seen a single slow request of two hundred; a third of the arrivals saw the stall.
    assert!(latency.p99 > 800.0 && latency.p90 > 400.0 && latency.mean > 100.0, "{latency:?}");
    assert!(latency.p50 < 400.0, "{latency:?}");
}

#[test]
fn what_is_late_or_fails_misses_the_bound() {
    let server = serve(|stream, request| match request.nth % 4 {
        0 => say(stream, b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"),
        _ => say(stream, OK),
    });
    let within = |bound| go(&LoadPlan { bound, ..plan(&server.url(), "20", ms(2000)) });
    let counted = |report: &LoadReport| report.late.map(|late| (late.bound_ms, late.requests, late.share));
    let wide = within(Some(ms(5000)));
    assert_eq!(counted(&wide), Some((5000.0, 10, 0.25)), "refusals come fast, and are late for ever");
    assert!(render(&wide).contains("10 without a good answer within"), "{}", render(&wide));
    assert_eq!(counted(&within(Some(Duration::ZERO))), Some((0.0, 40, 1.0)));
    assert_eq!(counted(&within(None)), None);
}

#[test]
fn arrivals_that_cannot_start_are_counted_and_fail_the_run() {
    let server = serve(|stream, _| {
        sleep(ms(400));
        say(stream, OK)
    });
    let mut plan = LoadPlan { max_in_flight: 5, timeout: ms(2000), ..plan(&server.url(), "100", ms(1000)) };
    let report = go(&plan);
    assert!(report.dropped >= 60 && report.ok >= 5, "{}", render(&report));
    assert_eq!((report.verdict.kind, report.verdict.exit_code()), (VerdictKind::Failed, 1));
    assert!(report.latency_ms.expect("data").p50 >= 1999.0, "a drop is no fast answer: {:?}", report.latency_ms);
    plan.thresholds = vec!["dropped>99".parse().expect("threshold")];
    assert_eq!(go(&plan).verdict.exit_code(), 0, "a threshold on drops decides");
    plan.thresholds = vec!["errors>10%".parse().expect("threshold")];
    assert_eq!(go(&plan).verdict.exit_code(), 4);
}

#[test]
fn thresholds_decide_the_exit_code() {
    let server = serve(|stream, _| {
        sleep(ms(20));
        say(stream, OK)
    });
    let with = |thresholds: &[&str]| LoadPlan {
        thresholds: thresholds.iter().map(|t| t.parse().expect("threshold")).collect(),
        ..plan(&server.url(), "50", ms(600))
    };
    assert_eq!(go(&with(&["p95>4s", "errors>0", "rps<1"])).verdict.exit_code(), 0);
    let report = go(&with(&["p95>4s", "p50>10ms", "rps<1000"]));
    assert_eq!((report.verdict.exit_code(), report.verdict.reasons.len()), (4, 2), "{:?}", report.verdict);
    assert_eq!(report.thresholds.iter().map(|t| t.missed).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_generator_that_lags_is_called_invalid() {
    let server = serve(|stream, _| say(stream, OK));
    let report = go(&LoadPlan { lag_bound: Some(Duration::from_nanos(1)), ..plan(&server.url(), "50", ms(200)) });
    assert_eq!((report.verdict.kind, report.verdict.exit_code()), (VerdictKind::Invalid, 5), "{:?}", report.verdict);
    assert!(render(&report).starts_with("INVALID"), "{}", render(&report));
}

#[test]
fn answers_of_every_framing_are_read() {
    let answers: [&[u8]; 7] = [
        OK,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
    ];
    let server = serve(move |stream, request| {
        let answer = answers[(request.nth % 7) as usize];
        let (first, second) = answer.split_at(answer.len() / 2);
        say(stream, first) && say(stream, second) && !(4..6).contains(&(request.nth % 7))
    });
    let report = go(&plan(&server.url(), "140", ms(1000)));
    assert_eq!((report.requests, report.ok, report.failed.status), (140, 120, 20), "{}", render(&report));
    assert_eq!(report.failed.total, 20);
    expect!["{200: 100, 204: 20, 503: 20}"].assert_eq(&format!("{:?}", report.statuses));
}

#[test]
fn the_first_byte_of_a_stream_comes_before_its_end() {
    let server = serve(|stream, _| {
        let mut open = say(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        for _ in 0..4 {
            sleep(ms(60));
            open = open && say(stream, b"5\r\ntoken\r\n");
        }
        open && say(stream, b"0\r\n\r\n")
    });
    let report = go(&plan(&server.url(), "20", ms(500)));
    let (first, whole) = (report.first_byte_ms.expect("answers").p50, report.latency_ms.expect("answers").p50);
    assert_eq!(report.ok, 10);
    assert!(whole >= 235.0 && whole - first > 200.0, "first byte {first} ms, end {whole} ms");
}

#[test]
fn a_connection_closed_while_it_waited_is_replaced() {
    // Reads the third request of each connection and closes instead of answering, as a server does whose keep-alive has run out.
    let server = serve(|stream, request| request.nth_on_connection < 2 && say(stream, OK));
    let report = go(&plan(&server.url(), "50", ms(1000)));
    assert_eq!((report.requests, report.ok), (50, 50), "{}", render(&report));
    assert!(report.reconnects >= 10, "{} reconnects", report.reconnects);
}

#[test]
fn a_connection_closed_before_it_is_needed_costs_nothing() {
    let server = serve(|stream, _| {
        say(stream, OK);
        false
    });
    let report = go(&plan(&server.url(), "50", ms(600)));
    assert_eq!((report.requests, report.ok), (30, 30), "{}", render(&report));
    assert!(report.connections >= 30);
}

#[test]
fn failures_are_told_apart_and_none_hangs() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let refused = go(&LoadPlan { timeout: ms(500), ..plan(&format!("http://{closed}/"), "20", ms(500)) });
    assert_eq!((refused.failed.connect, refused.failed.total, refused.verdict.exit_code()), (10, 10, 1), "{}", render(&refused));
    assert!(refused.latency_ms.expect("data").p50 >= 499.0, "a refusal is no fast answer");
    assert_eq!(refused.service_ms, None);

    let server = serve(|stream, request| match request.nth % 4 {
        0 => {
            say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
            false
        }
        1 => {
            say(stream, b"220 smtp ready\r\n");
            false
        }
        2 => false,
        _ => {
            sleep(ms(1500));
            say(stream, b"HTTP/1.1 200 OK\r\nx-slow: ");
            sleep(ms(60_000));
            false
        }
    });
    let report = go(&LoadPlan { timeout: ms(500), keep_alive: false, ..plan(&server.url(), "80", ms(500)) });
    let f = &report.failed;
    assert_eq!((f.reset, f.protocol, f.timeout, f.total), (20, 10, 10, 40), "{}", render(&report));
}

#[test]
fn an_impossible_rate_ends_with_a_verdict() {
    let server = serve(|stream, _| say(stream, OK));
    let plan = LoadPlan { max_in_flight: 100, timeout: ms(200), ..plan(&server.url(), "10000000", ms(60_000)) };
    let (stop, started) = (Stop::new(), Instant::now());
    let report = run(
        &plan,
        |p| {
            if p.elapsed >= ms(1000) {
                stop.stop()
            }
        },
        &stop,
    )
    .expect("runs");
    assert!(started.elapsed() < ms(8000), "took {:?}", started.elapsed());
    assert!(report.dropped > 0 && report.verdict.kind != VerdictKind::Ok, "{}", render(&report));
}

#[test]
fn bodies_and_headers_arrive() {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    let body = vec![b'x'; 300_000];
    file.write_all(&body).expect("written");
    let heads = Arc::new(Mutex::new(Vec::new()));
    let (seen, expected) = (heads.clone(), body.clone());
    let server = serve(move |stream, request| {
        seen.lock().expect("no panics").push((request.head.clone(), request.body == expected));
        say(stream, OK)
    });
    let report = go(&LoadPlan {
        method: "POST".into(),
        headers: vec![("x-api-key".into(), "k".into())],
        body: RequestBody::File(file.path().to_owned()),
        ..plan(&format!("{}ingest?x=1", server.url()), "20", ms(500))
    });
    assert_eq!(report.ok, 10, "{}", render(&report));
    let heads = heads.lock().expect("no panics");
    assert!(
        heads.iter().all(|(h, whole)| h.starts_with("POST /ingest?x=1 HTTP/1.1\r\n") && h.contains("x-api-key: k") && *whole)
    );
}

#[test]
fn a_run_can_be_stopped() {
    let server = serve(|stream, request| {
        if request.nth == 3 {
            sleep(ms(60_000));
        }
        say(stream, OK)
    });
    let stop = Stop::new();
    let (remote, started) = (stop.clone(), Instant::now());
    std::thread::spawn(move || {
        sleep(ms(400));
        remote.stop();
    });
    let plan = LoadPlan { timeout: ms(60_000), ..plan(&server.url(), "50", ms(600_000)) };
    let report = run(&plan, |_| {}, &stop).expect("runs");
    assert!(started.elapsed() < ms(6000), "took {:?}", started.elapsed());
    assert!(report.stopped && report.unfinished == 1 && report.ok >= 5, "{}", render(&report));
}

#[test]
fn a_backlog_that_grows_is_called_saturation() {
    let (start, turn) = (Instant::now(), Mutex::new(()));
    let server = serve(move |stream, _| {
        // Twenty-five a second, until the arrivals are over.
        if start.elapsed() < ms(6500) {
            let _turn = turn.lock().expect("no panics");
            sleep(ms(40));
        }
        say(stream, OK)
    });
    let report = go(&LoadPlan { timeout: ms(20_000), ..plan(&server.url(), "60", ms(6000)) });
    let saturated = report.saturated.expect("saturated");
    assert!(saturated.sustained_rps < 40.0 && (saturated.offered_rps - 60.0).abs() < 5.0, "{saturated:?}");
    assert!(render(&report).contains("saturated: rate not sustained"), "{}", render(&report));
    assert!(report.achieved_rps < 45.0, "{}", report.achieved_rps);
}

#[test]
fn connections_can_be_bounded() {
    let (open, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (now, peak) = (open.clone(), most.clone());
    let server = serve(move |stream, _| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(ms(50));
        now.fetch_sub(1, Ordering::SeqCst);
        say(stream, OK)
    });
    let report = go(&LoadPlan { connections: Some(2), ..plan(&server.url(), "100", ms(1000)) });
    assert_eq!((report.ok, most.load(Ordering::SeqCst) <= 2), (100, true), "{}", render(&report));
    let (latency, service) = (report.latency_ms.expect("answers").p95, report.service_ms.expect("answers").p50);
    assert!(latency > 800.0 && service < 400.0, "the wait for a connection is latency, not service: {latency} {service}");
}

#[test]
fn a_warm_up_is_sent_but_not_measured() {
    let server = serve(|stream, _| say(stream, OK));
    let report = go(&LoadPlan { warm_up: ms(500), ..plan(&server.url(), "100", ms(1000)) });
    assert_eq!((report.requests, report.ok, report.offered_rps), (50, 50, 100.0));
    assert_eq!(server.seen.lock().expect("no panics").len(), 100);
    assert_eq!(report.series.points.iter().map(|p| p.offered).sum::<u64>(), 100);
}

#[test]
fn a_trace_is_replayed() {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(b"arrival_s,tokens\n100.0,1\n100.2,5\n100.2,5\n100.6,7\n").expect("written");
    let server = serve(|stream, _| say(stream, OK));
    let arrivals = Arrivals::Trace { path: file.path().to_owned(), scale: 1.0 };
    let report = go(&LoadPlan { arrivals: arrivals.clone(), duration: None, ..plan(&server.url(), "1", ms(1)) });
    assert_eq!(report.ok, 4);
    let seen = server.seen.lock().expect("no panics");
    assert!((seen[3] - seen[0]).abs_diff(ms(600)) < ms(250), "{:?}", seen[3] - seen[0]);
    file.write_all(b"99,1\n").expect("written");
    let error = run(&LoadPlan::new(server.url(), arrivals), |_| {}, &Stop::new()).expect_err("unsorted");
    assert!(error.to_string().contains(":6: time 99 comes before"), "{error}");
}

#[test]
fn progress_and_series_agree_with_the_report() {
    let server = serve(|stream, _| say(stream, OK));
    let lines = Mutex::new(Vec::new());
    let plan = plan(&server.url(), "100", ms(2500));
    let report = run(&plan, |p| lines.lock().expect("no panics").push(p.clone()), &Stop::new()).expect("runs");
    let lines = lines.into_inner().expect("no panics");
    assert!(lines.len() >= 2 && lines[0].elapsed == ms(1000), "{lines:?}");
    assert!(lines[0].arrivals.abs_diff(100) < 30, "{:?}", lines[0]);
    let sum = |of: fn(&skala_load::Point) -> u64| report.series.points.iter().map(of).sum::<u64>();
    assert_eq!((sum(|p| p.offered), sum(|p| p.ok)), (250, 250));
    let json = serde_json::to_value(&report).expect("serializes");
    let keys: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    expect![[r#"schemaVersion verdict url method arrivals spacing seed durationSeconds warmUpSeconds stopped requests ok failed dropped unfinished statuses offeredRps achievedRps saturated latencyMs late serviceMs serviceCv firstByteMs bytes connections reconnects generator thresholds series"#]].assert_eq(&keys.join(" "));
    assert_eq!(json["verdict"]["kind"], "ok");
}
