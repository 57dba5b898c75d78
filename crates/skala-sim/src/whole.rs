//! Counts in documents: whole ones as integers, fractions of fluid mode as they are.

use serde::Serializer;

/// Below this every whole `f64` is exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes a count: `20000`, not `20000.0`, where it is whole.
///
/// # Errors
/// What the serializer says.
pub fn serialize<S: Serializer>(count: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if count.fract() == 0.0 && (0.0..EXACT).contains(count) {
        // Whole and within range, so nothing is cut.
        serializer.serialize_u64(*count as u64)
    } else {
        serializer.serialize_f64(*count)
    }
}

/// Writes a count that may be missing.
///
/// # Errors
/// What the serializer says.
pub fn optional<S: Serializer>(count: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match count {
        Some(count) => serialize(count, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    #[derive(serde::Serialize)]
    struct Counts(#[serde(serialize_with = "super::serialize")] f64, #[serde(serialize_with = "super::optional")] Option<f64>);

    #[test]
    fn whole_counts_are_integers_and_others_stay_as_they_are() {
        let rows = [
            (0.0, None, "[0,null]"),
            (20_000.0, Some(3.0), "[20000,3]"),
            (0.5, Some(1e300), "[0.5,1e+300]"),
            (-1.0, Some(f64::NAN), "[-1.0,null]"),
        ];
        for (count, optional, wanted) in rows {
            assert_eq!(serde_json::to_string(&Counts(count, optional)).unwrap(), wanted);
        }
    }
}
