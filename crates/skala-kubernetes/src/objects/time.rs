//! Kubernetes' times in and out: RFC 3339, with what is not a time read as none.

use serde::{Deserialize, Deserializer};
use skala_types::Time;

pub(crate) fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|text| text.parse().ok()))
}

/// `metav1.Time`: whole seconds.
pub(crate) fn seconds(time: Time) -> String {
    let text = time.to_string();
    format!("{}Z", text.split('.').next().unwrap_or(&text))
}
