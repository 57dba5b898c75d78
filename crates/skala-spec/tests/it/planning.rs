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
fn what_follows_a_load_has_its_peak_unless_it_has_its_own() {
    let text = "capacity:\n  loads: {tasks: {of: requests}, requests: {now: 10/s, peak: 3}, open: {of: tasks, lasting: 2s}, \
                data: {of: requests, times: 2, peak: 1}, kept: {of: data}, users: {now: 5}, seats: {of: users}}\n  \
                services: {api: {replicaPer: {tasks: 1/s}}}\n";
    let loaded = load_in(&format!("{SERVICES}{text}"), None);
    let model = loaded.platform.expect("a sound file").plan_model();
    let peaks: Vec<(&str, f64)> = model.loads.iter().map(|l| (l.name.as_str(), l.peak.to_f64())).collect();
    let wanted = [("tasks", 3.0), ("requests", 3.0), ("open", 3.0), ("data", 1.0), ("kept", 1.0), ("users", 1.0), ("seats", 1.0)];
    assert_eq!(peaks, wanted);
}

#[test]
fn loads() {
    check(
        "capacity:\n  loads:\n    none: {}\n    both: {now: 1, of: none}\n    zero: {now: 0}\n    share: {now: 10%}\n    gone: {now: 1, growth: -101%}\n    \
         a: {of: b}\n    b: {of: a}\n    far: {of: usrs}\n    users: {now: 5}\n    long: {of: users, lasting: 2s}\n    low: {now: 1, peak: 0.5}\n",
        expect![[r#"
            skala.yaml:6:5: error[E0714] capacity.loads.none: this load has no size -> add `now: 100/s`, or `of:` another load
            skala.yaml:7:5: error[E0714] capacity.loads.both: a load has either `now` or `of` (it grows by itself or follows another) -> keep one
            skala.yaml:8:17: error[E0713] capacity.loads.zero.now: a load of zero never grows (growth is a share of what there is) -> state what there is, or leave the load out
            skala.yaml:9:18: error[E0712] capacity.loads.share.now: a share is no load -> write a number, a rate (`100/s`) or a size (`500GB`)
            skala.yaml:10:28: error[E0204] capacity.loads.gone.growth: `-101%` is below -100% (growth per month is wanted here) -> a load that is gone cannot shrink further: use -100% to 1000%
            skala.yaml:11:13: error[E0714] capacity.loads.a.of: the loads follow one another in a circle (a and b) -> give one of them `now:`
            skala.yaml:12:13: error[E0714] capacity.loads.b.of: the loads follow one another in a circle (b and a) -> give one of them `now:`
            skala.yaml:13:15: error[E0711] capacity.loads.far.of: there is no load `usrs` -> did you mean `users`?
            skala.yaml:15:32: error[E0712] capacity.loads.long.lasting: `lasting` is for a rate, and `users` is none -> remove it, or follow a rate
            skala.yaml:16:25: error[E0206] capacity.loads.low.peak: the number is out of range -> use 1 to 1000
        "#]],
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
        expect![[r#"
            skala.yaml:7:5: error[E0711] capacity.services.apy: there is no service `apy` -> did you mean `api`?
            skala.yaml:8:30: error[E0712] capacity.services.api.replicaPer.rate: `rate` is a rate, such as `100/s`, and this is not -> write it in the load's kind of unit
            skala.yaml:8:42: error[E0713] capacity.services.api.replicaPer.users: an amount of zero bounds nothing -> use an amount above zero
            skala.yaml:8:51: error[E0711] capacity.services.api.replicaPer.usrs: there is no load `usrs` -> did you mean `users`?
            skala.yaml:8:73: error[E0712] capacity.services.api.memoryPer.rate: memory is for each one of a load, and `rate` cannot be counted -> use a load that is a plain number, or one with `lasting:`
            skala.yaml:8:86: error[E0712] capacity.services.api.load: what comes to a service is a rate, and `disk` is none -> use a load such as `100/s`
            skala.yaml:8:99: error[E0713] capacity.services.api.share: the share is out of range -> use more than 0%, at most 100000%
            skala.yaml:8:111: error[E0206] capacity.services.api.quorum: the number is out of range -> use 1 to 1000
            skala.yaml:10:21: error[E0712] capacity.stores.s.per.disk: this does not make a size of `disk` (a size follows from a load in bytes times a factor or share, or from a size for each one of a number) -> write `2` or `10%` for a load in bytes, `1KB` for a load that is a number
            skala.yaml:10:33: error[E0712] capacity.stores.s.per.users: this does not make a size of `users` (a size follows from a load in bytes times a factor or share, or from a size for each one of a number) -> write `2` or `10%` for a load in bytes, `1KB` for a load that is a number
            skala.yaml:10:42: error[E0712] capacity.stores.s.per.rate: this does not make a size of `rate` (a size follows from a load in bytes times a factor or share, or from a size for each one of a number) -> write `2` or `10%` for a load in bytes, `1KB` for a load that is a number
            skala.yaml:10:70: error[E0711] capacity.stores.s.perConnection.main: there is no database `main` -> state the databases first
            skala.yaml:10:83: error[E0703] capacity.stores.s.price: this is in USD, and cost.currency in EUR (amounts of different currencies cannot be added) -> give it in EUR
            skala.yaml:10:110: error[E0713] capacity.stores.s.availability: an availability is above 0% and at most 100% -> use `99.9%`
            skala.yaml:11:12: error[E0714] capacity.stages[0]: this stage never ends, and others follow it -> add `below: {users: 50}`, or put it last
            skala.yaml:11:64: error[E0711] capacity.stages[1].services.web: there is no service `web` -> the services are api
            skala.yaml:11:97: error[E0711] capacity.stages[1].stores.t: there is no store `t` -> the stores are s
            skala.yaml:11:110: error[E0714] capacity.stages[2].name: there are two stages `b` -> rename one
            skala.yaml:11:128: error[E0714] capacity.stages[2].below.users: a later stage ends at more than an earlier one -> put the smallest stage first
            skala.yaml:13:25: error[E0711] capacity.scenarios.x.replicas.web: there is no service `web` -> the services are api
            skala.yaml:13:41: error[E0711] capacity.scenarios.x.stores.t: there is no store `t` -> the stores are s
            skala.yaml:13:53: error[E0703] capacity.scenarios.x.budget: this is in USD, and cost.currency in EUR (amounts of different currencies cannot be added) -> give it in EUR
            skala.yaml:13:79: error[E0712] capacity.scenarios.x.carries.users: `users` is a plain number, and this is not -> write it in the load's kind of unit
            skala.yaml:13:94: error[E0206] capacity.scenarios.x.regions: the number is out of range -> use 1 to 20
            skala.yaml:13:111: error[E0713] capacity.scenarios.x.availability: an availability is above 0% and at most 100% -> use `99.9%`
            skala.yaml:14:24: error[E0713] capacity.scenarios.y.spot.saving: the share is out of range -> use 0% to 99%
            skala.yaml:14:52: error[E0713] capacity.scenarios.y.spot.interruptionsPerHour: machines are taken back faster than they are replaced (no number of them keeps the work up) -> lower `interruptionsPerHour` or `replacement`
            skala.yaml:14:105: error[E0713] capacity.scenarios.y.reserved.share: the share is out of range -> use 0% to 100%
            skala.yaml:15:17: error[E0713] capacity.rolloutSurge: the share is out of range -> use 0% to 100%
            skala.yaml:16:23: error[E0713] capacity.regionAvailability: an availability is above 0% and at most 100% -> use `99.9%`
        "#]],
    );
}
