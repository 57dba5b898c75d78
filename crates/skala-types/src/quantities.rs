//! Quantities as types, so that a rate is never added to a count.
//!
//! Units: [`Replicas`] whole servers; [`Rps`] requests per second; [`Utilisation`] a ratio (1.0 is full, may exceed it);
//! [`Cores`] CPU cores (0.5 is half a core); [`Bytes`] bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty) $(: $($extra:ident)+)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize $($(, $extra)+)?)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
    };
}

quantity!(
    /// A whole number of replicas.
    Replicas(u32): Eq Ord Hash
);
quantity!(
    /// Requests per second.
    Rps(f64)
);
quantity!(
    /// Share of a capacity in use: 0.7 is 70 %; may exceed 1 when more is used than was requested.
    Utilisation(f64)
);
quantity!(
    /// CPU cores.
    Cores(f64)
);
quantity!(
    /// Bytes.
    Bytes(u64): Eq Ord Hash
);

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Rps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}/s", self.0)
    }
}

impl fmt::Display for Utilisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}%", self.0 * 100.0)
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}m", self.0 * 1000.0)
    }
}

impl fmt::Display for Bytes {
    /// Binary units with at most one decimal: `1.5Gi`, `512Mi`, `900`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["", "Ki", "Mi", "Gi", "Ti"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1024.0 && unit < UNITS.len() - 1 {
            value /= 1024.0;
            unit += 1;
        }
        if unit == 0 || value.fract() < 0.05 || value >= 100.0 {
            write!(f, "{value:.0}{}", UNITS[unit])
        } else {
            write!(f, "{value:.1}{}", UNITS[unit])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_print_with_their_unit() {
        let shown = [
            Replicas(3).to_string(),
            Rps(99.94).to_string(),
            Utilisation(0.7).to_string(),
            Cores(0.5).to_string(),
            Bytes(512 << 20).to_string(),
            Bytes(1_610_612_736).to_string(),
            Bytes(900).to_string(),
        ];
        assert_eq!(shown, ["3", "99.9/s", "70%", "500m", "512Mi", "1.5Gi", "900"]);
    }
}
