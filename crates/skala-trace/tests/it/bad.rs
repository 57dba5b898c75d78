//! Files that are refused, with the line and what to do.

use expect_test::{Expect, expect};
use skala_trace::{ReadOptions, Steps as _, Trace};

use super::{secs, text, told};

fn check(input: &str, expected: Expect) {
    let all = told(&text(input));
    let last = all.lines().last().unwrap_or("nothing").to_owned();
    expected.assert_eq(&last);
}

#[test]
fn nothing_in_it() {
    check("", expect!["error: holds no arrivals"]);
    check("\n \n", expect!["error: holds no arrivals"]);
    check("arrival_s\n", expect!["error: holds no arrivals"]);
    check("timestamp,requests\n", expect!["error: holds no arrivals"]);
}

#[test]
fn out_of_order() {
    check(
        "arrival_s\n5\n3\n",
        expect!["error: line 3: is 2 s earlier than line 2: sort the file, or allow for it, such as with --sort 4s"],
    );
    check(
        "timestamp,rps\n60,1\n0,1\n",
        expect!["error: line 3: is 60 s earlier than line 2: sort the file, or allow for it, such as with --sort 120s"],
    );
    let sorted =
        Trace::text(b"arrival_s\n5\n3\n4\n9\n".to_vec(), ReadOptions { sort: Some(secs(4.0)), ..ReadOptions::default() });
    assert_eq!(told(&sorted), "3\n4\n5\n9\n");
}

#[test]
fn overlapping_steps() {
    check(
        "timestamp,rps\n0,1\n60,1\n60,2\n",
        expect!["error: line 4: has the time of line 3: steps must not overlap; join the rows or remove one"],
    );
}

#[test]
fn times_that_are_none() {
    check(
        "arrival_s\n-1\n",
        expect![
            "error: line 2: '-1' in column 'arrival_s' is no time: write seconds, a time since 1970 in s, ms, us or ns, or 2026-11-20 21:27:00"
        ],
    );
    check(
        "arrival_s\n0\nNaN\n",
        expect![
            "error: line 3: 'NaN' in column 'arrival_s' is no time: write seconds, a time since 1970 in s, ms, us or ns, or 2026-11-20 21:27:00"
        ],
    );
    check(
        "arrival_s\n0\n1e300\n",
        expect![
            "error: line 3: '1e300' in column 'arrival_s' is no time: write seconds, a time since 1970 in s, ms, us or ns, or 2026-11-20 21:27:00"
        ],
    );
    check("arrival_s\n0\n9999999999\n", expect!["error: line 3: is more than 100 years behind the beginning"]);
}

#[test]
fn numbers_that_are_none() {
    check("timestamp,rps\n0,1\n60,-2\n", expect!["error: line 3: '-2' in column 'rps' is no number of requests, 0 or more"]);
    check("timestamp,rps\n0,1\n60,inf\n", expect!["error: line 3: 'inf' in column 'rps' is no number of requests, 0 or more"]);
    check("timestamp,rps\n0,1\n60,1e18\n", expect!["error: line 3: makes 1.000e18 requests per second; 1e8 is the most"]);
    check("arrival_s,input_tokens\n0,many\n", expect!["error: line 2: 'many' in column 'input_tokens' is no number of tokens"]);
    check("arrival_s,input_tokens\n0,1e12\n", expect!["error: line 2: '1e12' in column 'input_tokens' is no number of tokens"]);
}

#[test]
fn columns_that_are_missing() {
    check(
        "user,bytes\na,1\n",
        expect!["error: line 1: no column tells the time: found 'user', 'bytes'; call it 'arrival_s' or 'timestamp'"],
    );
    check("arrival_s,input_tokens\n0,1\n2\n", expect!["error: line 3: has 1 columns, and 2 are needed"]);
    check(
        "0,5\n60,7\n",
        expect![
            "error: line 1: there is no header, and rows of this many columns can mean several things: write one, such as 'arrival_s,input_tokens,output_tokens' or 'timestamp,requests', or say what rows are"
        ],
    );
    check(
        "timestamp,rps\n0,5\n",
        expect!["error: line 2: is the only row: how long its step is must be told, such as with --row-step 60s"],
    );
}

#[test]
fn other_forms() {
    check("{\"at\": 1}\n{\"at\": }\n", expect!["error: line 2: is no JSON object: expected value at line 1 column 8"]);
    check(
        "{\"at\": 1}\n{\"model\": \"x\"}\n",
        expect![[r#"error: line 2: no member tells the time: call it "at" or "timestamp""#]],
    );
    check(
        "h - - [20/Nov/2025:21:27:00 +0000] \"GET /\" 200 1\ngarbage\n",
        expect!["error: line 2: has no time in brackets, such as [20/Nov/2026:21:27:00 +0000]"],
    );
    check("# hole 5 3\narrival_s\n1\n# hole 5 3\n", expect!["error: line 4: a hole is written '# hole FROM TO', in seconds"]);
}

#[test]
fn a_line_without_end() {
    let long = format!("arrival_s\n{}", "1".repeat(70_000));
    check(&long, expect!["error: line 2: is longer than 65536 bytes: this is no trace as text"]);
}

#[test]
fn settings_out_of_bounds() {
    let one = || text("arrival_s\n0\n1\n");
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(one().scaled(factor).is_err(), "{factor}");
    }
    assert!(one().steps(secs(0.0)).is_err());
    let rates = text("timestamp,rps\n0,1e7\n60,1e7\n").scaled(100.0).unwrap();
    let error = rates.steps(secs(60.0)).unwrap().next().unwrap_err();
    assert_eq!(error.to_string(), "scale: makes 1.000e9 requests per second of 10000000; 1e8 is the most");
}
