//! Amounts of things: memory, CPU, money, and Kubernetes' own number format.
//!
//! Units: [`Size`] bytes; [`Cpu`] thousandths of a core; [`Money`] billionths of the currency; [`Quantity`] thousandths.
//! Method: the grammar of Kubernetes' `resource.Quantity`; what is finer than the unit kept rounds up.

use std::fmt;
use std::str::FromStr;

use super::decimal::{self, NANO};
use super::{ScalarError, kind};

/// What a suffix multiplies by, in nanos; decimal exponents (`1e3`) are read apart.
fn suffix_nanos(suffix: &str) -> Option<u128> {
    let power = |base: u128, n: u32| Some(base.pow(n) * NANO);
    match suffix {
        "" => Some(NANO),
        "n" => Some(1),
        "u" => Some(1_000),
        "m" => Some(1_000_000),
        "k" => power(1000, 1),
        "M" => power(1000, 2),
        "G" => power(1000, 3),
        "T" => power(1000, 4),
        "P" => power(1000, 5),
        "E" => power(1000, 6),
        "Ki" => power(1024, 1),
        "Mi" => power(1024, 2),
        "Gi" => power(1024, 3),
        "Ti" => power(1024, 4),
        "Pi" => power(1024, 5),
        "Ei" => power(1024, 6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            match exponent {
                0..=18 => Some(10u128.pow(exponent.unsigned_abs()) * NANO),
                -9..0 => Some(NANO / 10u128.pow(exponent.unsigned_abs())),
                _ => None,
            }
        }
    }
}

/// A Kubernetes quantity in nanos and the suffix it had; `None` when it is none, or too large to count.
pub(super) fn parse(text: &str) -> Option<(u128, &str)> {
    let (number, suffix) = decimal::split(text)?;
    Some((number.times(suffix_nanos(suffix)?)?, suffix))
}

/// A `resource.Quantity` as in Kubernetes manifests (`100`, `1k`, `500m`), in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u64);

impl Quantity {
    /// In thousandths.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// As a number.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl FromStr for Quantity {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Quantity, ScalarError> {
        let bad = || ScalarError::new("is not a Kubernetes quantity", format!("write it like {}", Quantity::KIND.examples));
        let (nanos, _) = parse(text).ok_or_else(bad)?;
        u64::try_from(nanos.div_ceil(1_000_000)).map(Quantity).map_err(|_| bad())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

/// An amount of memory or disk, in bytes: `512Mi`, `2Gi`, `500M`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// From mebibytes.
    pub const fn mebibytes(n: u64) -> Size {
        Size(n << 20)
    }

    /// From kibibytes.
    pub const fn kibibytes(n: u64) -> Size {
        Size(n << 10)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Size, ScalarError> {
        if let Some((_, "m" | "u" | "n")) = parse(text) {
            let number = text.trim_end_matches(['m', 'u', 'n']);
            let help = format!("`m` means a thousandth: write `{number}Mi` for mebibytes");
            return Err(ScalarError::new("is a fraction of a byte", help));
        }
        if let Some((nanos, "")) = parse(text) {
            let mebibytes = (nanos / NANO) >> 20;
            let help = if mebibytes > 0 && nanos / NANO == mebibytes << 20 {
                format!("write `{mebibytes}Mi`")
            } else {
                format!("write `{text}Mi` for mebibytes, or `{text}Ki`, `{text}Gi`")
            };
            return Err(ScalarError::new("has no unit", help));
        }
        let bad = || ScalarError::new("is not a size", format!("write it like {}", Size::KIND.examples));
        let (nanos, _) = parse(text).ok_or_else(bad)?;
        u64::try_from(nanos.div_ceil(NANO)).map(Size).map_err(|_| bad())
    }
}

impl fmt::Display for Size {
    /// The largest unit that divides it, binary first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 9] = [
            ("Ti", 1 << 40),
            ("Gi", 1 << 30),
            ("Mi", 1 << 20),
            ("T", 1_000_000_000_000),
            ("G", 1_000_000_000),
            ("M", 1_000_000),
            ("Ki", 1 << 10),
            ("k", 1000),
            // Bytes have no suffix of their own; as exponent they read back.
            ("e0", 1),
        ];
        let fits = UNITS.iter().find(|(_, n)| self.0 >= *n && self.0.is_multiple_of(*n));
        let (unit, n) = fits.unwrap_or(&("Ki", 1 << 10));
        f.pad(&format!("{}{unit}", self.0 / n))
    }
}

/// An amount of CPU in thousandths of a core: `500m`, `2`, `1.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u64);

impl Cpu {
    /// In thousandths of a core.
    pub const fn millicores(self) -> u64 {
        self.0
    }

    /// In cores.
    pub fn cores(self) -> skala_types::Cores {
        skala_types::Cores(self.0 as f64 / 1000.0)
    }
}

impl FromStr for Cpu {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Cpu, ScalarError> {
        let bad = || ScalarError::new("is not an amount of CPU", "write cores (`2`, `1.5`) or thousandths (`500m`)");
        let (nanos, suffix) = parse(text).ok_or_else(bad)?;
        if !matches!(suffix, "" | "m") {
            return Err(bad());
        }
        match u64::try_from(nanos.div_ceil(1_000_000)) {
            Ok(0) => Err(ScalarError::new("is no CPU at all", "leave it out, or ask for at least `1m`")),
            Ok(millis) => Ok(Cpu(millis)),
            Err(_) => Err(bad()),
        }
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quantity(self.0).fmt(f)
    }
}

/// An amount of the currency of `cost.currency`, exact to a billionth: `0.04`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

impl Money {
    /// In billionths of the currency.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// In the currency.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl FromStr for Money {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Money, ScalarError> {
        let bad =
            || ScalarError::new("is not an amount of money", "write a number, such as `0.04`; the currency is `cost.currency`");
        let Some((number, "")) = decimal::split(text) else { return Err(bad()) };
        let nanos = number.times_exactly(NANO).ok_or_else(bad)?;
        u64::try_from(nanos).map(Money).map_err(|_| bad())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&decimal::show(u128::from(self.0)))
    }
}

kind!(
    Quantity,
    "quantity",
    "a Kubernetes quantity",
    "`100`, `1k`, `500m`, `2Gi`",
    r"^[0-9.]+([numkMGTPE]|[KMGTPE]i|[eE]-?[0-9]+)?$|\$\{",
    ["string", "number"]
);
kind!(Size, "size", "a size", "`512Mi`, `2Gi`, `500M`", r"^[0-9.]+([kMGTPE]|[KMGTPE]i|[eE][0-9]+)$|\$\{", "string");
kind!(Cpu, "cpu", "an amount of CPU", "`500m`, `2`, `1.5`", r"^[0-9.]+m?$|\$\{", ["string", "number"]);
kind!(Money, "money", "an amount of money", "`0.04`, `30`", r"^[0-9]+(\.[0-9]+)?$|\$\{", ["string", "number"]);

impl From<Quantity> for Cpu {
    /// Thousandths of a core.
    fn from(q: Quantity) -> Cpu {
        Cpu(q.0)
    }
}

impl From<Quantity> for Size {
    /// Whole bytes, rounded up.
    fn from(q: Quantity) -> Size {
        Size(q.0.div_ceil(1000))
    }
}
