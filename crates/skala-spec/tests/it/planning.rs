//! `capacity:`: what it can say, and what is wrong with it.

use expect_test::{Expect, expect};
use skala_spec::scalar::{Amount, GrowthRate};

use crate::{listing, load_in};

const SERVICES: &str =
    "platform: p\ncost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}\nservices: {api: {command: [serve, $PORT]}}\n";

fn check(capacity: &str, expected: Expect) {
    expected.assert_eq(&listing(&load_in(&format!("{SERVICES}{capacity}"), None)));
}

#[test]
fn amounts_and_growth() {
    for text in ["1000", "100/s", "5000/day", "500GB", "2Gi", "10%", "0.5/min", "1KB"] {
        assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
    }
    for (text, same) in [("500 GB", "500GB"), ("5000rps", "5000/s"), ("3 / hour", "3/h"), ("1/d", "1/day")] {
        assert_eq!(text.parse::<Amount>().unwrap(), same.parse().unwrap(), "{text}");
    }
    for text in ["", "x", "-1", "1/week", "1e400", "NaN", "1.2.3", "9999999999999999999", "0.0000000001", "1 000"] {
        assert!(text.parse::<Amount>().is_err(), "{text}");
    }
    for (text, millionths) in
        [("25%", 250_000), ("-5.5%", -55_000), ("0%", 0), ("-100%", -1_000_000), ("1000%/month", 10_000_000)]
    {
        assert_eq!(text.parse::<GrowthRate>().unwrap().millionths(), millionths, "{text}");
    }
    for text in ["25", "-100.1%", "1001%", "--5%", "%", "1.00001%"] {
        assert!(text.parse::<GrowthRate>().is_err(), "{text}");
    }
}

#[test]
fn a_sound_plan() {
    let text = "capacity:\n  loads: {users: {now: 10}, rate: {now: 5/s, growth: [10%, 5%], peak: 2}, open: {of: rate, lasting: 2s}, disk: {now: 1GB}}\n  \
                services: {api: {replicaPer: {rate: 1/s, users: 3}, memoryPer: {open: 100M}}}\n  \
                stores: {s: {per: {disk: 20%, users: 1KB}, pricePerGb: 0.1 EUR/month}}\n  \
                stages: [{name: a, below: {users: 50}}, {name: b, below: {users: 500}}, {name: c}]\n";
    check(text, expect![[""]]);
}

#[test]
fn loads() {
    check(
        "capacity:\n  loads:\n    none: {}\n    both: {now: 1, of: none}\n    zero: {now: 0}\n    share: {now: 10%}\n    gone: {now: 1, growth: -101%}\n    \
         a: {of: b}\n    b: {of: a}\n    far: {of: usrs}\n    users: {now: 5}\n    long: {of: users, lasting: 2s}\n    low: {now: 1, peak: 0.5}\n",
        expect![[""]],
    );
}

#[test]
fn services_stores_stages_and_scenarios() {
    check(
        r"capacity:
  loads: {users: {now: 10}, rate: {now: 5/s}, disk: {now: 1GB}}
  services:
    apy: {replicaPer: {rate: 1/s}}
    api: {replicaPer: {rate: 100, users: 0, usrs: 1}, memoryPer: {rate: 100M}, load: disk, share: 0%, quorum: 0}
  stores:
    s: {per: {disk: 1GB, users: 2, rate: 1KB}, perConnection: {main: 10M}, price: 5 USD/month, availability: 101%}
  stages: [{name: a}, {name: b, below: {users: 50}, services: {web: {replicas: 1}}, stores: {t: 1G}}, {name: b, below: {users: 40}}]
  scenarios:
    x: {replicas: {web: 1}, stores: {t: 1}, budget: 5 USD/h, carries: {users: 5/s}, regions: 0, availability: 0%}
    y: {spot: {saving: 100%, interruptionsPerHour: 9, replacement: 20m}, reserved: {saving: 30%, share: 101%}}
  rolloutSurge: 200%
  regionAvailability: 0%
",
        expect![[""]],
    );
}
