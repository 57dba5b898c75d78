//! Which rate to try next.
//!
//! Decides: the next rate, and the highest that was kept.
//! Inputs: whether each rate tried was kept.
//! Method: double until one is missed, then halve the gap six times: the knee is known to a 64th of the last doubling.
//! Invariants: ends after at most the doublings up to the highest rate and six more; never tries more than the highest.
//! Tested: `tests` below.

/// Times that the gap between kept and missed is halved.
const HALVINGS: u32 = 6;

/// A search under way. Rates are per second.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    highest: f64,
    next: f64,
    kept: Option<f64>,
    missed: Option<f64>,
    halvings: u32,
}

impl Search {
    pub(crate) fn new(first: f64, highest: f64) -> Search {
        Search { highest, next: first.min(highest), kept: None, missed: None, halvings: HALVINGS }
    }

    /// The rate to try, or `None` at the end.
    pub(crate) fn rate(&self) -> Option<f64> {
        match (self.kept, self.missed) {
            (Some(_), Some(_)) => (self.halvings > 0).then_some(self.next),
            // The first rate was too much: what lies below is not searched.
            (None, Some(_)) => None,
            (Some(kept), None) => (kept < self.highest).then_some(self.next),
            (None, None) => Some(self.next),
        }
    }

    /// Takes down how the last rate went.
    pub(crate) fn record(&mut self, kept: bool) {
        if self.kept.is_some() && self.missed.is_some() {
            self.halvings -= 1;
        }
        match kept {
            true => self.kept = Some(self.next),
            false => self.missed = Some(self.next),
        }
        self.next = match (self.kept, self.missed) {
            (Some(kept), Some(missed)) => (kept + missed) / 2.0,
            _ => (self.next * 2.0).min(self.highest),
        };
    }

    /// The highest rate that was kept.
    pub(crate) fn kept(&self) -> Option<f64> {
        self.kept
    }

    /// The lowest rate that was missed; `None` when the highest was kept.
    pub(crate) fn missed(&self) -> Option<f64> {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// Searches a service that keeps up to `capacity`.
    fn check(first: f64, highest: f64, capacity: f64, expected: Expect) {
        let mut search = Search::new(first, highest);
        let mut tried = Vec::new();
        while let Some(rate) = search.rate() {
            tried.push(format!("{rate:.1}"));
            search.record(rate <= capacity);
        }
        expected.assert_eq(&format!("{} -> {:?} {:?}", tried.join(" "), search.kept(), search.missed()));
    }

    #[test]
    fn doubles_then_halves_the_gap() {
        check(
            10.0,
            1e4,
            100.0,
            expect!["10.0 20.0 40.0 80.0 160.0 120.0 100.0 110.0 105.0 102.5 101.2 -> Some(100.0) Some(101.25)"],
        );
        check(10.0, 1e4, 5.0, expect!["10.0 -> None Some(10.0)"]);
        check(10.0, 35.0, 100.0, expect!["10.0 20.0 35.0 -> Some(35.0) None"]);
        check(10.0, 5.0, 100.0, expect!["5.0 -> Some(5.0) None"]);
    }
}
