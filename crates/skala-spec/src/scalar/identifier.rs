//! Names that stand in formulas.

use std::fmt;
use std::str::FromStr;

use super::{ScalarError, kind};

/// Longest name, in bytes.
const LONGEST: usize = 63;

/// A metric's own name: letters, digits and `_`, not beginning with a digit. A `-` would be a minus in a formula.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(String);

impl Identifier {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Identifier {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Identifier, ScalarError> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let good = text.bytes().all(letter) && !text.starts_with(|c: char| c.is_ascii_digit());
        if good && (1..=LONGEST).contains(&text.len()) {
            return Ok(Identifier(text.to_owned()));
        }
        let help = match text.replace('-', "_") {
            under if under != text && under.bytes().all(letter) => format!("write `{under}`"),
            _ => "use 1 to 63 letters, digits and `_`, a letter first".to_owned(),
        };
        Err(ScalarError::new("is not a name of letters, digits and `_`", help))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

kind!(Identifier, "metric-name", "a metric's name", "`jobs`, `queue_depth`", r"^[A-Za-z_][A-Za-z0-9_]{0,62}$|\$\{", "string");
