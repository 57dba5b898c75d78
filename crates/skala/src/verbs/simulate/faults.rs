//! Faults as words: `replicaLoss at=10m replicas=2`.
//!
//! Invariants: every word is used or refused; a number that is missing is named.
//! Tested: `tests` below.

use std::time::Duration;

use skala_load::parse_duration;
use skala_sim::{Fault, FaultKind};

use super::suggest::nearest;

/// The kinds, with the words that each takes besides `at` and `service`.
const KINDS: [(&str, &[&str]); 6] = [
    ("replicaLoss", &["replicas"]),
    ("slowReplica", &["factor", "for"]),
    ("staleMetrics", &["for"]),
    ("missingMetrics", &["for"]),
    ("controllerRestart", &["for"]),
    ("providerOutage", &["for"]),
];
/// Most replicas that a fault may take; more than any service has.
const MOST_REPLICAS: u32 = 10_000;
/// Slower than this is an outage.
const MOST_FACTOR: f64 = 1e6;

/// Reads a fault; `services` are those of the scenario, in its order.
///
/// # Errors
/// What cannot be understood, and what would be right.
pub fn parse(text: &str, services: &[&str]) -> Result<Fault, String> {
    let mut words = text.split_whitespace();
    let kind = words.next().ok_or("a fault needs a kind, such as 'replicaLoss at=10m replicas=2'")?;
    let (_, own) = KINDS.iter().find(|(name, _)| *name == kind).ok_or_else(|| unknown(kind))?;
    let mut given = Vec::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("'{word}' in the fault '{text}': write KEY=VALUE"))?;
        if key != "at" && key != "service" && !own.contains(&key) {
            return Err(format!("{kind} takes no '{key}': write at, service, {}", own.join(", ")));
        }
        given.push((key, value));
    }
    let read = Words { kind, given };
    let lasts = || read.time("for");
    let kind = match kind {
        "replicaLoss" => FaultKind::ReplicaLoss { replicas: read.replicas()? },
        "slowReplica" => FaultKind::SlowReplica { factor: read.factor()?, lasts: lasts()? },
        "staleMetrics" => FaultKind::StaleMetrics { lasts: lasts()? },
        "missingMetrics" => FaultKind::MissingMetrics { lasts: lasts()? },
        "controllerRestart" => FaultKind::ControllerRestart { lasts: lasts()? },
        _ => FaultKind::ProviderOutage { lasts: lasts()? },
    };
    Ok(Fault { service: read.service(services)?, at: read.time("at")?, kind })
}

fn unknown(kind: &str) -> String {
    let names = KINDS.map(|(name, _)| name);
    let meant = nearest(kind, names).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    format!("'{kind}' is not a fault{meant}\nfaults: {}", names.join(", "))
}

struct Words<'a> {
    kind: &'a str,
    given: Vec<(&'a str, &'a str)>,
}

impl Words<'_> {
    fn word(&self, key: &str) -> Option<&str> {
        self.given.iter().rev().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    fn time(&self, key: &str) -> Result<Duration, String> {
        let word = self.word(key).ok_or_else(|| format!("{} needs {key}=TIME, such as {key}=10m", self.kind))?;
        parse_duration(word).map_err(|e| format!("{key} of {}: {e}", self.kind))
    }

    fn replicas(&self) -> Result<u32, String> {
        let word = self.word("replicas").unwrap_or("1");
        let read = word.parse().ok().filter(|n| (1..=MOST_REPLICAS).contains(n));
        read.ok_or_else(|| format!("replicas of {}: '{word}' is not a number from 1 to {MOST_REPLICAS}", self.kind))
    }

    fn factor(&self) -> Result<f64, String> {
        let word = self.word("factor").ok_or("slowReplica needs factor=N: how many times as long requests take")?;
        let read = word.parse().ok().filter(|x: &f64| (1.0..=MOST_FACTOR).contains(x));
        read.ok_or_else(|| format!("factor of slowReplica: '{word}' is not a number of at least 1"))
    }

    fn service(&self, services: &[&str]) -> Result<usize, String> {
        let Some(name) = self.word("service") else { return Ok(0) };
        services.iter().position(|s| *s == name).ok_or_else(|| {
            let meant = nearest(name, services.iter().copied()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            format!("{} names the service '{name}', which is not simulated{meant}", self.kind)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn faults_are_read_or_refused_with_the_reason() {
        let texts = [
            "replicaLoss at=10m replicas=2",
            "slowReplica at=1h factor=5 for=90s service=worker",
            "providerOutage for=2m at=0s",
            "",
            "replicaloss at=1m",
            "meteor at=1m",
            "replicaLoss replicas=2",
            "replicaLoss at=1m for=2m",
            "replicaLoss at=1m replicas=0",
            "slowReplica at=1m factor=0.5 for=1m",
            "slowReplica at=1m factor=nan for=1m",
            "staleMetrics at=1m for=soon",
            "staleMetrics at=1m for",
            "replicaLoss at=1m service=wrker",
        ];
        let shown = texts.map(|t| match parse(t, &["api", "worker"]) {
            Ok(f) => format!("{} {:?} {:?}", f.service, f.at, f.kind),
            Err(e) => format!("refused: {e}"),
        });
        expect![[r#"
            0 600s ReplicaLoss { replicas: 2 }
            1 3600s SlowReplica { factor: 5.0, lasts: 90s }
            0 0ns ProviderOutage { lasts: 120s }
            refused: a fault needs a kind, such as 'replicaLoss at=10m replicas=2'
            refused: 'replicaloss' is not a fault; did you mean replicaLoss?
            faults: replicaLoss, slowReplica, staleMetrics, missingMetrics, controllerRestart, providerOutage
            refused: 'meteor' is not a fault
            faults: replicaLoss, slowReplica, staleMetrics, missingMetrics, controllerRestart, providerOutage
            refused: replicaLoss needs at=TIME, such as at=10m
            refused: replicaLoss takes no 'for': write at, service, replicas
            refused: replicas of replicaLoss: '0' is not a number from 1 to 10000
            refused: factor of slowReplica: '0.5' is not a number of at least 1
            refused: factor of slowReplica: 'nan' is not a number of at least 1
            refused: for of staleMetrics: 'soon' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            refused: 'for' in the fault 'staleMetrics at=1m for': write KEY=VALUE
            refused: replicaLoss names the service 'wrker', which is not simulated; did you mean worker?"#]]
        .assert_eq(&shown.join("\n"));
    }
}
