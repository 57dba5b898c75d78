//! "Did you mean": the known word nearest to an unknown one.

/// Words that people bring from elsewhere, and ours.
const SYNONYMS: [(&str, &str); 41] = [
    ("activationThreshold", "activation"),
    ("args", "command"),
    ("averageReplicas", "minReplicas"),
    ("cmd", "command"),
    ("cooldownPeriod", "cooldown"),
    ("cwd", "workingDir"),
    ("directory", "workingDir"),
    ("entrypoint", "command"),
    ("environment", "env"),
    ("gracePeriod", "drain"),
    ("health", "readiness"),
    ("healthCheck", "readiness"),
    ("hpa", "autoscaling"),
    ("idleReplicaCount", "idleReplicas"),
    ("initialCooldownPeriod", "initialCooldown"),
    ("initialDelaySeconds", "startTimeout"),
    ("instances", "replicas"),
    ("keepaliveTimeout", "keepAlive"),
    ("kpa", "knative"),
    ("max", "maxReplicas"),
    ("maxReplicaCount", "maxReplicas"),
    ("min", "minReplicas"),
    ("minReplicaCount", "minReplicas"),
    ("mem", "memory"),
    ("name", "platform"),
    ("path_prefix", "path"),
    ("periodSeconds", "period"),
    ("pollingInterval", "poll"),
    ("postgresql", "postgres"),
    ("prefix", "path"),
    ("readinessProbe", "readiness"),
    ("rps", "requestsPerSecond"),
    ("scaleDownThreshold", "scaleDownTarget"),
    ("scaling", "autoscaling"),
    ("scalingModifiers", "formula"),
    ("slo", "objectives"),
    ("terminationGracePeriodSeconds", "drain"),
    ("threshold", "target"),
    ("timeoutSeconds", "timeout"),
    ("triggers", "metrics"),
    ("workdir", "workingDir"),
];

/// The known word that was probably meant, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |w: &str| w.to_lowercase().replace(['_', '-'], "");
    let known: Vec<&str> = known.into_iter().collect();
    let find = |wanted: &str| known.iter().copied().find(|k| plain(k) == plain(wanted));
    if let Some(same) = find(word) {
        return Some(same);
    }
    let synonym = SYNONYMS.iter().filter(|(theirs, _)| plain(theirs) == plain(word)).find_map(|(_, ours)| find(ours));
    synonym.or_else(|| {
        let score = |k: &str| strsim::jaro_winkler(&plain(word), &plain(k));
        let best = known.into_iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
        let edits = strsim::damerau_levenshtein(&plain(word), &plain(best));
        (score(best) > 0.84 || edits <= 1 && word.len() > 2).then_some(best)
    })
}

/// Whether a word is one or two typing errors away from a known one.
pub(crate) fn is_typo<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> bool {
    known.into_iter().any(|k| strsim::damerau_levenshtein(word, k) <= 2)
}

/// `a, b and c`, at most twelve.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.len() {
        0 => String::new(),
        1 => words[0].to_owned(),
        n if n <= 12 => format!("{} and {}", words[..n - 1].join(", "), words[n - 1]),
        n => format!("{} and {} more", words[..11].join(", "), n - 11),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["minReplicas", "maxReplicas", "metrics", "behavior", "workingDir", "readiness"];
        let rows = [
            ("minReplica", Some("minReplicas")),
            ("min_replicas", Some("minReplicas")),
            ("max", Some("maxReplicas")),
            ("behaviour", Some("behavior")),
            ("metrcis", Some("metrics")),
            ("cwd", Some("workingDir")),
            ("readinessProbe", Some("readiness")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in rows {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
    }
}
