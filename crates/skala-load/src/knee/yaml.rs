//! What was measured, as the platform file writes it.
//!
//! Decides: the text of the `capacity:` section, and of its fields.
//! Inputs: throughput (per second), service time and start-up.
//! Invariants: only what was measured is written; numbers keep three digits, throughput is rounded down.
//! Tested: `tests` below.

use std::fmt::Write as _;

/// What was measured of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Requests per second of one replica within the objective.
    pub throughput_per_replica: Option<f64>,
    /// Service time at low load: mean in milliseconds, standard deviation over mean.
    pub service_time: Option<(f64, f64)>,
    /// Mean time from a replica's start until it is ready, milliseconds.
    pub start_up_ms: Option<f64>,
}

impl Measured {
    /// Field names and their values, in the order of the reference.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if let Some((mean, cv)) = self.service_time {
            fields.push(("serviceTime", format!("{{mean: {}, cv: {:.2}}}", duration(mean), cv.clamp(0.0, 100.0))));
        }
        if let Some(mean) = self.start_up_ms {
            fields.push(("startUp", format!("{{mean: {}}}", duration(mean))));
        }
        if let Some(rate) = self.throughput_per_replica {
            fields.push(("throughputPerReplica", down_to_3_digits(rate)));
        }
        fields
    }
}

/// The section for one service, indented by two.
pub fn capacity_yaml(service: &str, measured: &Measured) -> String {
    let mut out = format!("capacity:\n  services:\n    {service}:\n");
    for (name, value) in measured.fields() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "      {name}: {value}");
    }
    out
}

/// A duration in whole microseconds or milliseconds, to three digits or more.
fn duration(ms: f64) -> String {
    if ms < 100.0 { format!("{}us", (ms * 1e3).round().max(1.0)) } else { format!("{}ms", ms.round()) }
}

fn down_to_3_digits(x: f64) -> String {
    let unit = 10f64.powf(x.log10().floor() - 2.0).min(1.0);
    let digits = if unit < 1.0 { (-unit.log10()).round() as usize } else { 0 };
    let text = format!("{:.digits$}", (x / unit + 1e-9).floor() * unit);
    if digits > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn writes_what_was_measured() {
        let measured =
            Measured { throughput_per_replica: Some(118.75), service_time: Some((52.349, 0.416)), start_up_ms: Some(4210.0) };
        expect![[r#"
            capacity:
              services:
                api:
                  serviceTime: {mean: 52349us, cv: 0.42}
                  startUp: {mean: 4210ms}
                  throughputPerReplica: 118
        "#]]
        .assert_eq(&capacity_yaml("api", &measured));
        assert_eq!([0.123456, 9.999, 1234.9, 0.5].map(down_to_3_digits), ["0.123", "9.99", "1234", "0.5"]);
        assert_eq!(Measured::default().fields(), []);
    }
}
