//! What files say.

use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use skala_trace::write::{ArrivalWriter, Form, RateWriter};
use skala_trace::{Arrival, Arrivals as _, Input, Item, Kind, RateStep, ReadOptions, RowKind, Sample, Spread, Trace};
use skala_types::Time;

use super::{arrivals, items, secs, short, steps, text, told};

fn check(input: &str, expected: Expect) {
    let trace = text(input);
    let shown = match trace.kind() {
        Ok(Kind::Rates) => short(
            &std::iter::from_fn({
                let mut own = trace.own_steps(secs(1.0)).expect("opened before");
                move || own.next().expect("good rows")
            })
            .collect::<Vec<_>>(),
        ),
        _ => told(&trace),
    };
    expected.assert_eq(&shown);
}

#[test]
fn arrivals_with_tokens() {
    check(
        "arrival_s,input_tokens,output_tokens\n0.000,374,44\n4.315,396,109\n",
        expect![[r#"
            0 (374, 44)
            4.315 (396, 109)
        "#]],
    );
}

#[test]
fn other_names_orders_quotes_marks_and_line_ends() {
    check(
        "\u{feff}\"Response tokens\";\"Note\";\"TIMESTAMP\";\"Request Tokens\"\r\n7;\"a;\"\"b\"\"\";0.5;3\r8;;\"1.25\";4\n\n9;x;2;5",
        expect![[r#"
            0.5 (3, 7)
            1.25 (4, 8)
            2 (5, 9)
        "#]],
    );
}

#[test]
fn times_since_1970_count_from_the_first_row() {
    check(
        "ts_ms,prompt_tokens\n1763674020000,5\n1763674020500,6\n",
        expect![[r#"
            0 (5, 0)
            0.5 (6, 0)
        "#]],
    );
    let trace = text("time\n2025-11-20 21:27:00\n2025-11-20T21:27:00.25Z\n");
    assert_eq!(trace.begins().unwrap().unwrap().to_string(), "2025-11-20T21:27:00.000Z");
    assert_eq!(told(&trace), "0\n0.25\n");
}

#[test]
fn without_a_header_one_column_is_time() {
    check(
        "0.5\n1.5\n",
        expect![[r#"
        0.5
        1.5
    "#]],
    );
}

#[test]
fn counts_are_divided_by_their_step_and_missing_rows_are_holes() {
    let rows: Vec<String> = [0, 1, 2, 3, 4, 5, 6, 9, 10].iter().map(|i| format!("{},{}", 1_397_088_240 + 300 * i, 300)).collect();
    check(
        &format!("timestamp,requests\n{}\n", rows.join("\n")),
        expect![[r#"
            0..300 1.000/s
            300..600 1.000/s
            600..900 1.000/s
            900..1200 1.000/s
            1200..1500 1.000/s
            1500..1800 1.000/s
            1800..2100 1.000/s
            2100..2700 ?
            2700..3000 1.000/s
            3000..3300 1.000/s
        "#]],
    );
}

#[test]
fn irregular_rates_hold_until_the_next_row() {
    check(
        "t,rps\n0,10\n60,50\n90,\n120,20\n",
        expect![[r#"
            0..60 10.000/s
            60..90 50.000/s
            90..120 ?
            120..150 20.000/s
        "#]],
    );
}

#[test]
fn long_runs_of_zero_in_a_busy_series_are_holes_and_quiet_is_not() {
    let busy = |n: i32, from: i32| (0..n).map(|i| format!("{},100\n", (from + i) * 60)).collect::<String>();
    let zero = |n: i32, from: i32| (0..n).map(|i| format!("{},0\n", (from + i) * 60)).collect::<String>();
    let rows = format!("timestamp,requests_per_s\n{}{}{}{}", busy(4, 0), zero(3, 4), busy(4, 7), zero(3, 11));
    let last = |holes: bool| {
        let trace = Trace::text(rows.clone().into_bytes(), ReadOptions { holes, ..ReadOptions::default() });
        short(&steps(&trace, secs(1200.0)))
    };
    // The run at the end may be the end of the load.
    assert_eq!(last(true), "0..240 100.000/s\n240..420 ?\n420..840 57.143/s\n");
    assert_eq!(last(false), "0..840 57.143/s\n");
    let quiet = format!("timestamp,requests_per_s\n{}", "0,0.5\n60,0\n120,0\n180,0.4\n240,0\n300,1\n360,0\n420,1\n480,1\n");
    assert!(steps(&text(&quiet), secs(60.0)).iter().all(|s| s.rate.is_some()));
}

const LOG: &str = r#"10.0.0.1 - - [20/Nov/2025:22:27:01 +0100] "GET / HTTP/1.1" 200 5 "-" "curl [x]"
10.0.0.1 - bob [20/Nov/2025:21:27:00 +0000] "GET / HTTP/1.1" 200 5
10.0.0.1 - - [20/Nov/2025:21:27:01 +0000] "POST /a HTTP/1.1" 500 0
10.0.0.1 - - [20/Nov/2025:21:27:03 +0000] "GET / HTTP/1.1" 200 5
"#;

#[test]
fn access_logs_are_put_in_order_and_their_seconds_spread() {
    let even = Trace::text(LOG.as_bytes().to_vec(), ReadOptions { spread: Some(Spread::Even), ..ReadOptions::default() });
    assert_eq!(told(&even), "0.5\n1.25\n1.75\n3.5\n");
    assert_eq!(even.begins().unwrap().unwrap().to_string(), "2025-11-20T21:27:00.000Z");
    let random = text(LOG);
    let at: Vec<u64> = arrivals(&random).iter().map(|a| a.at.as_secs()).collect();
    assert_eq!(at, [0, 1, 1, 3]);
    assert_eq!(arrivals(&random), arrivals(&text(LOG)));
    assert_ne!(arrivals(&random), arrivals(&text(LOG).with_seed(2)));
}

#[test]
fn json_lines() {
    check(
        r#"{"at": 0.5, "inputTokens": 3, "outputTokens": 4, "model": {"x": 1}}
{"at": 1.25}
{"at": 2, "holeTo": 4}
{"at": 4}
"#,
        expect![[r#"
            0.5 (3, 4)
            1.25
            2..4 ?
            4
        "#]],
    );
    check(
        "{\"ts\":\"2025-11-20T21:27:00Z\",\"count\":60}\n{\"ts\":\"2025-11-20T21:28:00Z\",\"count\":120}\n",
        expect![[r#"
            0..60 1.000/s
            60..120 2.000/s
        "#]],
    );
}

#[test]
fn rows_can_be_told_what_they_are() {
    let options = ReadOptions { rows: Some(RowKind::Counts), ..ReadOptions::default() };
    let trace = Trace::text(b"0,60\n60,120\n".to_vec(), options);
    assert_eq!(short(&steps(&trace, secs(60.0))), "0..60 1.000/s\n60..120 2.000/s\n");
}

#[test]
fn samples_of_a_platform_make_steps_and_its_absence_holes() {
    let sample = |at: u64, arrivals| Sample { at: Time::from_secs(1000 + at), window: Duration::from_secs(2), arrivals };
    // Windows of 2 s each second overlap; from 10 to 60 there was nobody.
    let samples = (1..=10).map(|at| sample(at, 20)).chain((61..=65).map(|at| sample(at, 40))).chain([sample(3, 9)]);
    let trace = Trace::from_samples(samples, secs(10.0)).unwrap();
    expect![[r#"
        0..10 10.000/s
        10..11 10.000/s
        11..60 ?
        60..66 20.000/s
    "#]]
    .assert_eq(&short(
        &std::iter::from_fn({
            let mut own = trace.own_steps(secs(10.0)).unwrap();
            move || own.next().unwrap()
        })
        .collect::<Vec<_>>(),
    ));
    assert_eq!(trace.begins().unwrap(), Some(Time::from_secs(999)));
}

/// Lines of a trace made on the way, never stored; counts what was read.
struct Endless {
    next: u64,
    lines: u64,
    buffer: Vec<u8>,
    read: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.buffer.is_empty() && self.next < self.lines {
            self.buffer = format!("{}.{:03},10,20\n", self.next / 1000, self.next % 1000).into_bytes();
            self.next += 1;
        }
        let n = out.len().min(self.buffer.len());
        out[..n].copy_from_slice(&self.buffer[..n]);
        self.buffer.drain(..n);
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[test]
fn a_long_trace_is_read_no_further_than_it_is_asked_for() {
    let read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read);
    let open = move || -> std::io::Result<Input> {
        let endless = Endless {
            next: 0,
            lines: u64::MAX,
            buffer: b"arrival_s,input_tokens,output_tokens\n".to_vec(),
            read: Arc::clone(&counter),
        };
        Ok(Box::new(BufReader::with_capacity(4096, endless)))
    };
    let trace = Trace::read(Arc::new(open), ReadOptions::default());
    let mut arrivals = trace.arrivals().unwrap();
    for i in 0..200_000u64 {
        let Some(Item::Arrival(a)) = arrivals.next().unwrap() else { panic!("it is endless") };
        assert_eq!(a.at, Duration::from_millis(i));
    }
    let bytes = read.load(Ordering::Relaxed);
    assert!(bytes < 200_000 * 16 + 100_000, "{bytes} bytes were read");
}

fn written(items: &[Item], form: Form) -> Vec<u8> {
    let mut writer = ArrivalWriter::new(Vec::new(), form, true).unwrap();
    items.iter().for_each(|i| writer.write(i).unwrap());
    writer.finish().unwrap()
}

proptest! {
    #[test]
    fn arrivals_that_were_written_read_back_the_same(
        gaps in prop::collection::vec((0u64..3_000_000_000_000, 0u32..5000, 0u32..5000, prop::bool::weighted(0.1)), 1..50),
    ) {
        let mut at = 0;
        let mut all = Vec::new();
        for (gap, input_tokens, output_tokens, hole) in gaps {
            at += gap;
            if hole {
                all.push(Item::Hole { from: Duration::from_nanos(at), to: Duration::from_nanos(at + 1 + gap) });
                at += 1 + gap;
            }
            all.push(Item::Arrival(Arrival { at: Duration::from_nanos(at), input_tokens, output_tokens }));
        }
        for form in [Form::Csv, Form::JsonLines] {
            let trace = Trace::text(written(&all, form), ReadOptions::default());
            prop_assert_eq!(&items(&trace).unwrap(), &all);
        }
    }

    #[test]
    fn rates_that_were_written_read_back_the_same(
        rows in prop::collection::vec((prop::option::weighted(0.9, 0.001f64..1e6), 0.0f64..50.0, 0.0f64..1e4), 8..40),
        step in 1u64..10_000,
    ) {
        let step = Duration::from_secs(step);
        let all: Vec<RateStep> = rows.iter().zip(0u32..).map(|((rate, scv, tokens), i)| RateStep {
            from: step * i, to: step * (i + 1), rate: *rate, gap_scv: *scv, tokens: (*tokens, 2.0),
        }).collect();
        for form in [Form::Csv, Form::JsonLines] {
            let mut writer = RateWriter::new(Vec::new(), form, true).unwrap();
            all.iter().for_each(|s| writer.write(s).unwrap());
            let trace = Trace::text(writer.finish().unwrap(), ReadOptions::default());
            let mut own = trace.own_steps(step).unwrap();
            let back: Vec<RateStep> = std::iter::from_fn(|| own.next().unwrap()).collect();
            prop_assert_eq!(&back, &all);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(bytes in prop::collection::vec(prop_oneof![
        Just(b'\n'), Just(b'\r'), Just(b','), Just(b'"'), Just(b'.'), Just(b'-'), Just(b'e'), Just(b'{'), Just(b'#'), b'0'..=b'9', any::<u8>(),
    ], 0..200)) {
        let trace = Trace::text(bytes, ReadOptions::default());
        if let Err(error) = items(&trace) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
