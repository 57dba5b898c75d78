//! Quantities: what is read, what is refused, and that printing reads back.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use skala_spec::scalar::{
    Cpu, CpuTarget, Cron, Dur, HostPattern, HostPort, HpaRelease, Identifier, MemoryTarget, Money, Percent, Quantity, Ratio,
    ScalarError, Size, Spend, Upstream, ZoneName,
};

fn rows<T: FromStr<Err = ScalarError> + Display + Debug>(texts: &[&str], expected: Expect) {
    let mut out = String::new();
    for text in texts {
        match text.parse::<T>() {
            Ok(value) => out += &format!("{text:?} = {value} = {value:?}\n"),
            Err(error) => out += &format!("{text:?} {error}: {}\n", error.help),
        }
    }
    expected.assert_eq(&out);
}

#[test]
fn money_per_time() {
    let texts = [
        "30 EUR/h",
        "0.5 EUR/hour",
        "5 EUR / day",
        "900 USD/month",
        "5 EUR/d",
        "30",
        "30 EUR",
        "30/h",
        "30 eur/h",
        "30 EURO/h",
        "30 EUR/year",
        "30 EUR/h/h",
        "-1 EUR/h",
        "NaN EUR/h",
        "0.0000000001 EUR/h",
        "99999999999999999999 EUR/h",
        "/",
        "",
    ];
    rows::<Spend>(
        &texts,
        expect![[r#"
        "30 EUR/h" = 30 EUR/h = Spend { amount: Money(30000000000), currency: EUR, per: Hour }
        "0.5 EUR/hour" = 0.5 EUR/h = Spend { amount: Money(500000000), currency: EUR, per: Hour }
        "5 EUR / day" = 5 EUR/day = Spend { amount: Money(5000000000), currency: EUR, per: Day }
        "900 USD/month" = 900 USD/month = Spend { amount: Money(900000000000), currency: USD, per: Month }
        "5 EUR/d" = 5 EUR/day = Spend { amount: Money(5000000000), currency: EUR, per: Day }
        "30" does not say per which time: end it with `/h`, `/day` or `/month`, as in `30 EUR/h`
        "30 EUR" does not say per which time: end it with `/h`, `/day` or `/month`, as in `30 EUR/h`
        "30/h" has no currency: write the amount, a space and the currency, as in `30 EUR/h`
        "30 eur/h" has no currency code: write three capital letters, such as `EUR`
        "30 EURO/h" has no currency code: write three capital letters, such as `EUR`
        "30 EUR/year" has a time that is not counted in: end it with `/h`, `/day` or `/month`
        "30 EUR/h/h" has a time that is not counted in: end it with `/h`, `/day` or `/month`
        "-1 EUR/h" is not money per time: write it like `30 EUR/h`, `5 EUR/day`, `900 EUR/month`
        "NaN EUR/h" is not money per time: write it like `30 EUR/h`, `5 EUR/day`, `900 EUR/month`
        "0.0000000001 EUR/h" is not money per time: write it like `30 EUR/h`, `5 EUR/day`, `900 EUR/month`
        "99999999999999999999 EUR/h" is not money per time: write it like `30 EUR/h`, `5 EUR/day`, `900 EUR/month`
        "/" has no currency: write the amount, a space and the currency, as in `30 EUR/h`
        "" does not say per which time: end it with `/h`, `/day` or `/month`, as in `30 EUR/h`
    "#]],
    );
}

#[test]
fn times_of_the_calendar() {
    let texts = [
        "0 8 * * MON-FRI",
        " 30  22 1,15 */2 sun ",
        "0 0 29 2 *",
        "* * * *",
        "0 0 8 * * *",
        "60 0 * * *",
        "@daily",
        "a b c d e",
        "",
    ];
    rows::<Cron>(
        &texts,
        expect![[r#"
        "0 8 * * MON-FRI" = 0 8 * * MON-FRI = Cron("0 8 * * MON-FRI")
        " 30  22 1,15 */2 sun " = 30 22 1,15 */2 sun = Cron("30 22 1,15 */2 sun")
        "0 0 29 2 *" = 0 0 29 2 * = Cron("0 0 29 2 *")
        "* * * *" does not have five fields: write minute, hour, day of the month, month and day of the week, like `0 8 * * MON-FRI`, `30 22 * * *`
        "0 0 8 * * *" does not have five fields: write minute, hour, day of the month, month and day of the week, like `0 8 * * MON-FRI`, `30 22 * * *`
        "60 0 * * *" is not a cron time: write it like `0 8 * * MON-FRI`, `30 22 * * *`
        "@daily" does not have five fields: write minute, hour, day of the month, month and day of the week, like `0 8 * * MON-FRI`, `30 22 * * *`
        "a b c d e" is not a cron time: write it like `0 8 * * MON-FRI`, `30 22 * * *`
        "" does not have five fields: write minute, hour, day of the month, month and day of the week, like `0 8 * * MON-FRI`, `30 22 * * *`
    "#]],
    );
    let texts = ["Europe/Berlin", "europe/berlin", "UTC", "CET", "Europe/Berlim", "+02:00", "../../etc/passwd", ""];
    rows::<ZoneName>(
        &texts,
        expect![[r#"
        "Europe/Berlin" = Europe/Berlin = ZoneName("Europe/Berlin")
        "europe/berlin" = Europe/Berlin = ZoneName("Europe/Berlin")
        "UTC" = UTC = ZoneName("UTC")
        "CET" = CET = ZoneName("CET")
        "Europe/Berlim" is not the name of a time zone: did you mean `Europe/Berlin`?
        "+02:00" is not the name of a time zone: write it like `Europe/Berlin`, `UTC`
        "../../etc/passwd" is not the name of a time zone: write it like `Europe/Berlin`, `UTC`
        "" is not the name of a time zone: write it like `Europe/Berlin`, `UTC`
    "#]],
    );
}

#[test]
fn names_of_metrics_and_releases() {
    let texts = ["jobs", "queue_depth", "_x1", "queue-depth", "1st", "a.b", "größe", ""];
    rows::<Identifier>(
        &texts,
        expect![[r#"
        "jobs" = jobs = Identifier("jobs")
        "queue_depth" = queue_depth = Identifier("queue_depth")
        "_x1" = _x1 = Identifier("_x1")
        "queue-depth" is not a name of letters, digits and `_`: write `queue_depth`
        "1st" is not a name of letters, digits and `_`: use 1 to 63 letters, digits and `_`, a letter first
        "a.b" is not a name of letters, digits and `_`: use 1 to 63 letters, digits and `_`, a letter first
        "größe" is not a name of letters, digits and `_`: use 1 to 63 letters, digits and `_`, a letter first
        "" is not a name of letters, digits and `_`: use 1 to 63 letters, digits and `_`, a letter first
    "#]],
    );
    rows::<HpaRelease>(
        &["hpa-1.37", "hpa-1.23", "hpa-1.22", "1.37", "HPA-1.37", ""],
        expect![[r#"
        "hpa-1.37" = hpa-1.37 = HpaRelease(Compat(37))
        "hpa-1.23" = hpa-1.23 = HpaRelease(Compat(23))
        "hpa-1.22" is not a release that skala knows: use `hpa-1.23` to `hpa-1.38`
        "1.37" is not a release that skala knows: use `hpa-1.23` to `hpa-1.38`
        "HPA-1.37" is not a release that skala knows: use `hpa-1.23` to `hpa-1.38`
        "" is not a release that skala knows: use `hpa-1.23` to `hpa-1.38`
    "#]],
    );
}

#[test]
fn durations() {
    let texts = [
        "90s",
        "500ms",
        "10m",
        "1h30m",
        "30d",
        "1.5s",
        "0s",
        "100us",
        "1m500ms",
        "30",
        "30 s",
        "s",
        "",
        "1m1h",
        "5w",
        "-5s",
        "40000d",
        "0.0000000001s",
        "1..5s",
    ];
    rows::<Dur>(
        &texts,
        expect![[r#"
        "90s" = 1m30s = Dur(90s)
        "500ms" = 500ms = Dur(500ms)
        "10m" = 10m = Dur(600s)
        "1h30m" = 1h30m = Dur(5400s)
        "30d" = 30d = Dur(2592000s)
        "1.5s" = 1.5s = Dur(1.5s)
        "0s" = 0s = Dur(0ns)
        "100us" = 0.1ms = Dur(100µs)
        "1m500ms" = 1m500ms = Dur(60.5s)
        "30" has no unit: write `30s` for seconds, or `30ms`, `30m`, `30h`
        "30 s" has a unit that is not a duration's: the units are d, h, m, s, ms and us
        "s" is not a duration: write it like `90s`, `500ms`, `1h30m`
        "" is not a duration: write it like `90s`, `500ms`, `1h30m`
        "1m1h" has its units out of order: write the largest unit first, each once: `1h30m`
        "5w" has a unit that is not a duration's: the units are d, h, m, s, ms and us
        "-5s" is negative: a duration is zero or more
        "40000d" is longer than a hundred years: use a shorter duration
        "0.0000000001s" is finer than a nanosecond: use fewer digits
        "1..5s" is not a duration: write it like `90s`, `500ms`, `1h30m`
    "#]],
    );
}

#[test]
fn sizes() {
    let texts =
        ["512Mi", "2Gi", "500M", "1.5Gi", "1G", "1e9", "0Ki", "134217728", "512", "512m", "512MB", "lots", "99999999999Ei"];
    rows::<Size>(
        &texts,
        expect![[r#"
        "512Mi" = 512Mi = Size(536870912)
        "2Gi" = 2Gi = Size(2147483648)
        "500M" = 500M = Size(500000000)
        "1.5Gi" = 1536Mi = Size(1610612736)
        "1G" = 1G = Size(1000000000)
        "1e9" = 1G = Size(1000000000)
        "0Ki" = 0Ki = Size(0)
        "134217728" has no unit: write `128Mi`
        "512" has no unit: write `512Mi` for mebibytes, or `512Ki`, `512Gi`
        "512m" is a fraction of a byte: `m` means a thousandth: write `512Mi` for mebibytes
        "512MB" is not a size: write it like `512Mi`, `2Gi`, `500M`
        "lots" is not a size: write it like `512Mi`, `2Gi`, `500M`
        "99999999999Ei" is not a size: write it like `512Mi`, `2Gi`, `500M`
    "#]],
    );
}

#[test]
fn cpu_and_money() {
    rows::<Cpu>(
        &["500m", "2", "1.5", "0.0001", "0", "70%", "2Gi", "-1"],
        expect![[r#"
        "500m" = 500m = Cpu(500)
        "2" = 2 = Cpu(2000)
        "1.5" = 1500m = Cpu(1500)
        "0.0001" = 1m = Cpu(1)
        "0" is no CPU at all: leave it out, or ask for at least `1m`
        "70%" is not an amount of CPU: write cores (`2`, `1.5`) or thousandths (`500m`)
        "2Gi" is not an amount of CPU: write cores (`2`, `1.5`) or thousandths (`500m`)
        "-1" is not an amount of CPU: write cores (`2`, `1.5`) or thousandths (`500m`)
    "#]],
    );
    rows::<Money>(
        &["0.04", "30", "0.0000000001", "4 EUR", "-1", "1e3"],
        expect![[r#"
        "0.04" = 0.04 = Money(40000000)
        "30" = 30 = Money(30000000000)
        "0.0000000001" is not an amount of money: write a number, such as `0.04`; the currency is `cost.currency`
        "4 EUR" is not an amount of money: write a number, such as `0.04`; the currency is `cost.currency`
        "-1" is not an amount of money: write a number, such as `0.04`; the currency is `cost.currency`
        "1e3" is not an amount of money: write a number, such as `0.04`; the currency is `cost.currency`
    "#]],
    );
    rows::<Quantity>(
        &["100", "1k", "500m", "0.05", "1e3", "1E", "500Mi", "x"],
        expect![[r#"
        "100" = 100 = Quantity(100000)
        "1k" = 1000 = Quantity(1000000)
        "500m" = 500m = Quantity(500)
        "0.05" = 50m = Quantity(50)
        "1e3" = 1000 = Quantity(1000000)
        "1E" is not a Kubernetes quantity: write it like `100`, `1k`, `500m`, `2Gi`
        "500Mi" = 524288000 = Quantity(524288000000)
        "x" is not a Kubernetes quantity: write it like `100`, `1k`, `500m`, `2Gi`
    "#]],
    );
}

#[test]
fn shares() {
    rows::<Percent>(
        &["70%", "99.9%", "150%", "99.99999%", "70", "0.7", "%", "-1%"],
        expect![[r#"
        "70%" = 70% = Percent(700000)
        "99.9%" = 99.9% = Percent(999000)
        "150%" = 150% = Percent(1500000)
        "99.99999%" is not a percentage: write it like `70%`, `99.9%`, with at most 4 decimals
        "70" has no percent sign: write `70%`
        "0.7" has no percent sign: write `70%`
        "%" is not a percentage: write it like `70%`, `99.9%`, with at most 4 decimals
        "-1%" is not a percentage: write it like `70%`, `99.9%`, with at most 4 decimals
    "#]],
    );
    rows::<Ratio>(
        &["10%", "0.1", "100m", "2", "x"],
        expect![[r#"
        "10%" = 10% = Ratio(100000)
        "0.1" = 10% = Ratio(100000)
        "100m" = 10% = Ratio(100000)
        "2" = 200% = Ratio(2000000)
        "x" is not a ratio: write it like `10%`, `0.1`
    "#]],
    );
    rows::<CpuTarget>(
        &["70%", "300m", "70", "2", "0%"],
        expect![[r#"
        "70%" = 70% = Utilization(Percent(700000))
        "300m" = 300m = AverageValue(Cpu(300))
        "70" could be cores or percent: write `70%` of the request, or an amount such as `300m`
        "2" = 2 = AverageValue(Cpu(2000))
        "0%" is a target of zero: use more than `0%`
    "#]],
    );
    rows::<MemoryTarget>(
        &["80%", "400Mi", "80", "0Mi"],
        expect![[r#"
        "80%" = 80% = Utilization(Percent(800000))
        "400Mi" = 400Mi = AverageValue(Size(419430400))
        "80" has no unit: write `80%` of the request, or `80Mi` per replica
        "0Mi" is a target of zero: use more than `0Mi`
    "#]],
    );
}

#[test]
fn addresses() {
    let texts = [
        "0.0.0.0:8080",
        "[::1]:80",
        "localhost:0",
        "8080",
        ":8080",
        "host",
        "::1:80",
        "http://a:80",
        "a b:80",
        "a:99999",
        "[x]:1",
    ];
    rows::<HostPort>(
        &texts,
        expect![[r#"
        "0.0.0.0:8080" = 0.0.0.0:8080 = HostPort { host: "0.0.0.0", port: 8080 }
        "[::1]:80" = [::1]:80 = HostPort { host: "::1", port: 80 }
        "localhost:0" = localhost:0 = HostPort { host: "localhost", port: 0 }
        "8080" has no host: write `127.0.0.1:8080` for this machine alone, or `0.0.0.0:8080`
        ":8080" has no host: write `0.0.0.0:8080` for every address of this machine
        "host" has no port: write it like `127.0.0.1:8080`, `[::1]:8080`
        "::1:80" has an IPv6 address without brackets: write it like `[::1]:8080`
        "http://a:80" has a scheme: write only host and port, without `http://`
        "a b:80" has a host that is neither a name nor an address: write it like `127.0.0.1:8080`
        "a:99999" has no port from 0 to 65535: write it like `127.0.0.1:8080`
        "[x]:1" has no IPv6 address in its brackets: write it like `[::1]:8080`
    "#]],
    );
    rows::<Upstream>(
        &["10.0.0.5:8000", "dns://b.internal:8000", "b:0", "https://b:1"],
        expect![[r#"
        "10.0.0.5:8000" = 10.0.0.5:8000 = Upstream { dns: false, address: HostPort { host: "10.0.0.5", port: 8000 } }
        "dns://b.internal:8000" = dns://b.internal:8000 = Upstream { dns: true, address: HostPort { host: "b.internal", port: 8000 } }
        "b:0" has port 0: name the port that the server listens on
        "https://b:1" has a scheme: write only host and port, without `http://`
    "#]],
    );
    rows::<HostPattern>(
        &["API.example.com", "*.example.com", "a.*.com", "http://a", "a:80", "a/b", ""],
        expect![[r#"
        "API.example.com" = api.example.com = Exact("api.example.com")
        "*.example.com" = *.example.com = Below("example.com")
        "a.*.com" has a star elsewhere than in front: write it like `api.example.com`, `*.example.com`
        "http://a" is a URL or has a path: write it like `api.example.com`, `*.example.com`
        "a:80" has a port: write it like `api.example.com`, `*.example.com`
        "a/b" is a URL or has a path: write it like `api.example.com`, `*.example.com`
        "" is not a host name: write it like `api.example.com`, `*.example.com`
    "#]],
    );
}

#[test]
fn a_host_pattern_matches_whole_labels() {
    let below: HostPattern = "*.example.com".parse().unwrap();
    let rows = [
        ("api.example.com", true),
        ("a.b.EXAMPLE.com", true),
        ("example.com", false),
        ("badexample.com", false),
        (".example.com", false),
    ];
    for (host, expected) in rows {
        assert_eq!(below.matches(host), expected, "{host}");
    }
}

fn reads_back<T: FromStr<Err = ScalarError> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>(), Ok(value), "{text}");
    }
}

proptest! {
    #[test]
    fn printing_reads_back(number in "[0-9]{1,9}(\\.[0-9]{1,4})?", unit in "(|m|s|ms|us|h|d|k|M|G|T|Ki|Mi|Gi|Ti|%|e3)", text in ".{0,12}") {
        for text in [format!("{number}{unit}"), text] {
            reads_back::<Dur>(&text);
            reads_back::<Size>(&text);
            reads_back::<Cpu>(&text);
            reads_back::<Money>(&text);
            reads_back::<Quantity>(&text);
            reads_back::<Percent>(&text);
            reads_back::<Ratio>(&text);
            reads_back::<CpuTarget>(&text);
            reads_back::<MemoryTarget>(&text);
            reads_back::<HostPort>(&text);
            reads_back::<Upstream>(&text);
            reads_back::<HostPattern>(&text);
            reads_back::<Spend>(&text);
            reads_back::<Spend>(&format!("{text} EUR/h"));
            reads_back::<Cron>(&text);
            reads_back::<Identifier>(&text);
            reads_back::<HpaRelease>(&text);
        }
    }

    #[test]
    fn cron_times_read_back(fields in prop::collection::vec("([0-9]{1,2}|\\*|[0-9]-[0-9]|\\*/[0-9]|MON|JAN|L|[0-9]#[0-9]|,){1,2}", 5)) {
        reads_back::<Cron>(&fields.join("  "));
    }

    #[test]
    fn compound_durations_read_back(d in 0u32..400, h in 0u32..24, m in 0u32..60, ms in 0u32..60_000) {
        reads_back::<Dur>(&format!("{d}d{h}h{m}m{ms}ms"));
    }
}
