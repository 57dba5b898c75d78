//! "Did you mean": the nearest of known names.

/// The known name that `text` most likely stands for: equal but for capitals, or at most a third of it mistyped.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let distance = |name: &&'a str| strsim::osa_distance(&lower, &name.to_lowercase());
    known.into_iter().min_by_key(distance).filter(|name| distance(name) <= text.chars().count().max(3) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["missedMinutes", "cost", "p95", "hpa", "kpa"];
        let rows = [
            ("missedminutes", Some("missedMinutes")),
            ("missedMinuts", Some("missedMinutes")),
            ("hpaa", Some("hpa")),
            ("x", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(nearest(text, known), wanted, "{text}");
        }
    }
}
