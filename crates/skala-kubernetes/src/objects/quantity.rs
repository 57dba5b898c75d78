//! Kubernetes' quantities where a bad one must not make the whole object unreadable.
//!
//! Tested: `tests` below; the grammar in `skala-manifests`.

use serde::{Deserialize, Deserializer};

/// A quantity in thousandths, or the text that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(Result<i64, String>);

impl Quantity {
    pub(crate) fn milli(&self) -> Option<i64> {
        self.0.as_ref().ok().copied()
    }

    /// # Errors
    /// In words that name the text.
    pub(crate) fn try_milli(&self) -> Result<i64, String> {
        self.0.clone().map_err(|text| format!("'{text}' is not a quantity such as 500m or 2Gi"))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Quantity, D::Error> {
        let text = match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let milli = text.parse::<skala_manifests::Quantity>().ok().and_then(|q| q.milli().ok());
        Ok(Quantity(milli.ok_or_else(|| text.chars().take(64).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_and_neither() {
        let read = |json: &str| serde_json::from_str::<Quantity>(json).unwrap().milli();
        let read = [read("2"), read("\"1n\""), read("0.5"), read("\"1Ki\""), read("{}"), read("null"), read("\"9e99\"")];
        assert_eq!(read, [Some(2000), Some(1), Some(500), Some(1_024_000), None, None, None]);
    }
}
