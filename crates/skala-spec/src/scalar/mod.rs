//! Quantities as they are written in the file: text with a unit, parsed exactly, printed back in one canonical form.
//!
//! Decides: the grammar of durations, sizes, CPU, percentages, money, addresses and times of the calendar.
//! Method: integer arithmetic on decimal digits, so that nothing is lost; a value finer than the unit kept rounds up, as
//!   Kubernetes does.
//! Invariants: printing and reading back gives the same value; an error never repeats the value (it may be a secret).
//! Tested: `tests/it/scalars.rs`.

mod address;
mod amount;
mod calendar;
mod decimal;
mod dur;
mod identifier;
mod positive;
mod quantity;
mod ratio;
mod release;
mod spend;
mod targets;
mod text;

pub use address::{HostPattern, HostPort, Upstream};
pub use amount::{Amount, Dimension, GrowthRate};
pub use calendar::{Cron, CronSeconds, Moment, ZoneName};
pub use dur::Dur;
pub use identifier::Identifier;
pub use positive::Positive;
pub use quantity::{Cpu, Money, Quantity, Size};
pub use ratio::{Percent, Ratio};
pub use release::HpaRelease;
pub use spend::{Per, Price, Spend};
pub use targets::{CpuTarget, MemoryTarget};
pub use text::{EnvValue, Secret};

pub(crate) use text::{FILE_KEY, SECRET_KEY};

/// Why a text is not the quantity that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ScalarError {
    /// Completes "the value ...": `has no unit`. Never contains the value.
    pub reason: String,
    /// The fix; may contain the value.
    pub help: String,
}

impl ScalarError {
    fn new(reason: &str, help: impl Into<String>) -> ScalarError {
        ScalarError { reason: reason.to_owned(), help: help.into() }
    }
}

/// A kind of quantity, as the schema names it under `x-kind`.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// With an article: "a duration".
    pub(crate) what: &'static str,
    /// Examples in backquotes.
    pub(crate) examples: &'static str,
    pub(crate) parse: fn(&str) -> Result<(), ScalarError>,
}

/// Everything a kind of quantity needs besides `FromStr` and `Display`: its row in the table of kinds, serde as text (numbers
/// are read by their digits), and a JSON schema that names the kind.
macro_rules! kind {
    ($ty:ty, $name:literal, $what:literal, $examples:literal, $pattern:literal, $types:tt) => {
        impl $ty {
            pub(crate) const KIND: $crate::scalar::Kind = $crate::scalar::Kind {
                name: $name,
                what: $what,
                examples: $examples,
                parse: |text| text.parse::<$ty>().map(drop),
            };
        }

        impl serde::Serialize for $ty {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $ty {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any($crate::scalar::Digits($what))?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $ty {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($ty).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": $types, "x-kind": $name, "pattern": $pattern})
            }
        }
    };
}
pub(crate) use kind;

/// Reads a text or a number as text.
struct Digits(&'static str);

impl serde::de::Visitor<'_> for Digits {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<String, E> {
        Ok(v.to_owned())
    }
    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<String, E> {
        Ok(v.to_string())
    }
    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<String, E> {
        Ok(v.to_string())
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<String, E> {
        Ok(v.to_string())
    }
}

/// The table of kinds.
const KINDS: [Kind; 26] = [
    Amount::KIND,
    GrowthRate::KIND,
    Dur::KIND,
    Size::KIND,
    Cpu::KIND,
    Quantity::KIND,
    Money::KIND,
    Percent::KIND,
    Ratio::KIND,
    HostPort::KIND,
    HostPattern::KIND,
    Upstream::KIND,
    CpuTarget::KIND,
    MemoryTarget::KIND,
    Spend::KIND,
    Price::KIND,
    Cron::KIND,
    CronSeconds::KIND,
    Moment::KIND,
    ZoneName::KIND,
    Identifier::KIND,
    HpaRelease::KIND,
    text::NAME,
    text::COMMAND_LINE,
    text::ENV_VALUE,
    text::SECRET,
];

/// Looks a kind up by its name in the schema.
pub(crate) fn kind_named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.name == name)
}
