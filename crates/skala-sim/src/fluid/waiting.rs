//! The stationary chance of waiting, tabulated: one number of servers is asked for again and again.
//!
//! Method: `skala_capacity::erlang_c`, read from a table up to [`MANY`] servers and asked directly above.
//! Invariants: between 0 and 1; memory is bounded by [`TABLES`] tables.
//! Tested: `tests` below, against the known figures.

use std::collections::BTreeMap;

use skala_capacity::erlang_c;

/// Servers from which a table takes longer to fill than it saves.
const MANY: u64 = 2000;
/// Steps of utilisation in a table.
const STEPS: usize = 128;
/// Tables that are kept.
const TABLES: usize = 4096;

/// Erlang's C.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    tables: BTreeMap<u64, Box<[f64]>>,
}

impl Waiting {
    /// P(an arrival waits) with `servers` at a utilisation.
    pub(crate) fn chance(&mut self, servers: u64, utilisation: f64) -> f64 {
        let rho = utilisation.clamp(0.0, 1.0);
        if servers == 0 || rho >= 1.0 {
            return 1.0;
        }
        if servers > MANY {
            return of(servers, rho);
        }
        if self.tables.len() >= TABLES && !self.tables.contains_key(&servers) {
            self.tables.clear();
        }
        let table = self.tables.entry(servers).or_insert_with(|| (0..=STEPS).map(|i| of(servers, utilisation_at(i))).collect());
        // The grid is finer towards 1, where the chance is steep.
        let at = (1.0 - (1.0 - rho).sqrt()) * STEPS as f64;
        let below = (at as usize).min(STEPS - 1);
        let (low, high) = (utilisation_at(below), utilisation_at(below + 1));
        let part = ((rho - low) / (high - low)).clamp(0.0, 1.0);
        table[below] + (table[below + 1] - table[below]) * part
    }
}

fn of(servers: u64, utilisation: f64) -> f64 {
    erlang_c(utilisation * servers as f64, servers as f64)
}

fn utilisation_at(index: usize) -> f64 {
    let rest = 1.0 - index as f64 / STEPS as f64;
    1.0 - rest * rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_chances_of_waiting() {
        let mut waiting = Waiting::default();
        for (c, rho, expected) in [
            (1, 0.5, 0.5),
            (2, 0.8, 0.711_111),
            (4, 0.7, 0.428_654),
            (4, 0.9, 0.787_753),
            (8, 0.8, 0.457_645),
            (16, 0.9, 0.591_343),
            (32, 0.95, 0.695_710),
            (100, 0.9, 0.216_940),
        ] {
            assert!((waiting.chance(c, rho) - expected).abs() < 2e-3, "{c} {rho}: {}", waiting.chance(c, rho));
        }
        for rho in [0.95, 0.98, 0.99] {
            let (table, asked) = (waiting.chance(MANY, rho), waiting.chance(MANY + 1, rho));
            assert!((table - asked).abs() < 0.01, "{rho}: {table} {asked}");
        }
        assert_eq!((waiting.chance(0, 0.3), waiting.chance(5, 1.2), waiting.chance(5, 0.0)), (1.0, 1.0, 0.0));
    }
}
