//! A strict reader of Prometheus' text exposition format, version 0.0.4.
//!
//! Refuses what Prometheus forgives: a sample before its `# TYPE`, a family in two places, a series given twice, a histogram
//! whose buckets shrink or whose `+Inf` differs from its count.

use std::collections::{BTreeMap, BTreeSet};

type Labels = Vec<(String, String)>;

/// One read of `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Metrics {
    /// Reads a text or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Metrics, String> {
        let mut out = Metrics::default();
        let (mut family, mut helped) = (String::new(), BTreeSet::new());
        if !text.ends_with('\n') {
            return Err("the last line has no end".into());
        }
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').ok_or_else(|| format!("no help: {line}"))?;
                if help.is_empty() || !helped.insert(name.to_owned()) {
                    return Err(format!("empty or second help: {line}"));
                }
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(|| format!("no type: {line}"))?;
                let known = ["counter", "gauge", "histogram"].contains(&kind);
                if !known || !is_name(name) || out.kinds.insert(name.to_owned(), kind.to_owned()).is_some() {
                    return Err(format!("unknown or second type: {line}"));
                }
                family = name.to_owned();
            } else {
                let (name, labels, value) = sample(line).ok_or_else(|| format!("not a sample: {line}"))?;
                out.belongs(&family, &name, &helped).map_err(|why| format!("{why}: {line}"))?;
                if out.samples.insert((name, labels), value).is_some() {
                    return Err(format!("a series comes twice: {line}"));
                }
            }
        }
        out.check_histograms()?;
        Ok(out)
    }

    fn belongs(&self, family: &str, name: &str, helped: &BTreeSet<String>) -> Result<(), &'static str> {
        let histogram = self.kinds.get(family).is_some_and(|k| k == "histogram");
        let suffix = name.strip_prefix(family);
        let fits = if histogram { matches!(suffix, Some("_bucket" | "_sum" | "_count")) } else { suffix == Some("") };
        match (fits, helped.contains(family)) {
            (false, _) => Err("a sample outside its family"),
            (_, false) => Err("a family without help"),
            _ => Ok(()),
        }
    }

    fn check_histograms(&self) -> Result<(), String> {
        for (name, _) in self.kinds.iter().filter(|(_, kind)| *kind == "histogram") {
            let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
            for ((_, labels), value) in self.samples.iter().filter(|((n, _), _)| *n == format!("{name}_bucket")) {
                let (bound, rest): (Vec<_>, Labels) = labels.iter().cloned().partition(|(n, _)| n == "le");
                let [(_, bound)] = &bound[..] else { return Err(format!("a bucket of {name} without bound")) };
                series.entry(rest).or_default().push((number(bound).ok_or("a strange bound")?, *value));
            }
            for (labels, mut buckets) in series {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                let count = self.samples.get(&(format!("{name}_count"), labels.clone()));
                let last = buckets.last().filter(|(bound, _)| bound.is_infinite()).map(|(_, n)| n);
                if !buckets.is_sorted_by(|a, b| a.1 <= b.1) || last.is_none() || last != count {
                    return Err(format!("the buckets of {name} {labels:?} do not add up: {buckets:?}, {count:?}"));
                }
            }
        }
        Ok(())
    }

    /// The value of a series of a service, or of one without labels when `service` is empty.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, service: &str) -> f64 {
        let labels = if service.is_empty() { Vec::new() } else { vec![("service".to_owned(), service.to_owned())] };
        *self.samples.get(&(name.to_owned(), labels)).unwrap_or_else(|| panic!("no {name} of '{service}'"))
    }

    /// The value of a series by all its labels, in the order in which they are written.
    pub(crate) fn value_of(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        *self.samples.get(&(name.to_owned(), labels)).unwrap_or_else(|| panic!("no {name}: {:?}", self.samples.keys()))
    }

    /// The names of all families.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kinds.iter().map(|(name, kind)| (name.as_str(), kind.as_str()))
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        _ => text.parse().ok().filter(|v: &f64| v.is_finite()),
    }
}

/// `name{label="value",...} number`
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = number(value.strip_prefix(' ')?)?;
    is_name(name).then(|| (name.to_owned(), labels, value))
}

/// Labels up to `}`, and what follows.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut all = Labels::new();
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    _ => return None,
                }),
                (at, '"') => break at,
                (_, c) => value.push(c),
            }
        };
        if !is_name(name) || all.iter().any(|(n, _)| n == name) {
            return None;
        }
        all.push((name.to_owned(), value));
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Some((all, after));
        }
        rest = rest.strip_prefix(',')?;
    }
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a x y\n# TYPE a counter\na{b=\"c\\\"\\\\\\n\"} 1\na 2.5\n";
    assert_eq!(Metrics::parse(good).unwrap().value("a", ""), 2.5);
    let bad = [
        "a 1\n",
        "# HELP a x\n# TYPE a counter\na 1\na 2\n",
        "# HELP a x\n# TYPE a counter\nb 1\n",
        "# HELP a x\n# TYPE a counter\na NaN\n",
        "# HELP a x\n# TYPE a counter\na{b=c} 1\n",
        "# HELP a x\n# TYPE a counter\na  1\n",
        "# HELP a x\n# TYPE a counter\n# TYPE a counter\n",
        "# TYPE a gauge\na 1\n",
        "# HELP a x\n# TYPE a counter\na 1",
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
    ];
    for text in bad {
        assert!(Metrics::parse(text).is_err(), "{text}");
    }
}
