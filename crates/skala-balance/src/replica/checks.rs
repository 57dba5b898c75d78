//! Readiness by checks in a row.
//!
//! Decides: when a replica turns ready, and unready.
//! Inputs: the result of each check, in order.
//! Method: Kubernetes' probe thresholds: so many passed checks in a row make it ready, so many failed ones unready.
//! Invariants: turns alternate; a threshold of 0 counts as 1.
//! Tested: `tests` below.

/// Checks in a row that change a replica's readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    ready: bool,
    /// Checks in a row that speak against the present state.
    against: u32,
    success_threshold: u32,
    failure_threshold: u32,
}

/// A change of readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may be given work.
    Ready,
    /// It may not any more.
    Unready,
}

impl Checks {
    /// A replica that is not ready, with its thresholds.
    pub fn new(success_threshold: u32, failure_threshold: u32) -> Checks {
        Checks {
            ready: false,
            against: 0,
            success_threshold: success_threshold.max(1),
            failure_threshold: failure_threshold.max(1),
        }
    }

    /// Whether it may be given work.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Counts a check.
    pub fn count(&mut self, passed: bool) -> Option<Turn> {
        if passed == self.ready {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed = if self.ready { self.failure_threshold } else { self.success_threshold };
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.ready = passed;
        Some(if passed { Turn::Ready } else { Turn::Unready })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `p` passed, `f` failed; answers `R` ready, `U` unready, `.` nothing.
    fn turns(success: u32, failure: u32, results: &str) -> String {
        let mut checks = Checks::new(success, failure);
        let turn = |c| match checks.count(c == 'p') {
            Some(Turn::Ready) => 'R',
            Some(Turn::Unready) => 'U',
            None => '.',
        };
        results.chars().map(turn).collect()
    }

    #[test]
    fn turns_by_results() {
        assert_eq!(turns(1, 3, "fpppffpfffp"), ".R.......UR");
        assert_eq!(turns(2, 1, "pfppfpp"), "...RU.R");
        assert_eq!(turns(0, 0, "pfpf"), "RURU", "a threshold of 0 counts as 1");
    }
}
