//! From text to a checked platform.
//!
//! Decides: which variant of the file runs, and which problems are told.
//! Inputs: the source; the chosen environment; environment variables and files as functions.
//! Method: the chosen variant first, then the file without overlay and with every other one; a problem that an earlier variant
//!   had is told once. Variants that do not run may have unset variables, and their files are not read.
//! Invariants: problems are in the order of the text.
//! Tested: `tests/it/load.rs`, `tests/it/problems.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::check::{World, check};
use crate::model::{ENVIRONMENTS, Platform, is_dns_label};
use crate::overlay::merge;
use crate::problem::{Problem, Sink, Span, Text};
use crate::suggest::{list, nearest};
use crate::tree::{Data, Node};
use crate::{schema, semantic, yaml};

/// A platform file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Name for messages, usually the path.
    pub name: &'a str,
    /// Text.
    pub text: &'a str,
}

/// What a file is loaded with.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Environment whose overlay applies; `None` for the file without overlay.
    pub environment: Option<&'a str>,
    /// Value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Text of a file that `{file: path}` names, or why it cannot be read.
    pub read_file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// A loaded file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The platform, when the chosen variant has no errors (other environments may have some).
    pub platform: Option<Platform>,
    /// Everything that is wrong, errors and warnings, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether any problem is an error, in whichever environment.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// Reads, checks and decodes a platform file. Never fails as such: what is wrong is in the result.
///
/// ```
/// use skala_spec::{LoadOptions, Source, load};
///
/// let text = "platform: shop\nservices: {web: {comand: [serve, $PORT]}}";
/// let options = LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("no files here".to_owned()) };
/// let loaded = load(&Source { name: "skala.yaml", text }, &options);
/// assert!(loaded.platform.is_none());
/// assert!(loaded.problems[0].to_string().starts_with("skala.yaml:2:18: error[E0201] services.web.comand"));
/// assert_eq!(loaded.problems[0].help, "did you mean `command`?");
/// ```
pub fn load(source: &Source<'_>, options: &LoadOptions<'_>) -> Loaded {
    let mut sink = Sink::new(source.name);
    let tree = yaml::parse(source.text, &mut sink);
    let mut platform = None;
    if let Some(tree) = tree {
        if matches!(tree.data, Data::Map(_)) {
            platform = variants(&tree, source, options, &mut sink);
        } else {
            let text =
                Text::new("a platform file is a mapping").fix("start with `platform: NAME` and a service under `services:`");
            sink.add("E0202", "", Span { end: tree.span.start, ..tree.span }, text);
        }
    }
    let mut problems = sink.problems;
    problems.sort_by(|a, b| (a.span.start, a.code, &a.path).cmp(&(b.span.start, b.code, &b.path)));
    Loaded { platform, problems }
}

/// Checks every variant; returns the chosen one.
fn variants(tree: &Node, source: &Source<'_>, options: &LoadOptions<'_>, sink: &mut Sink) -> Option<Platform> {
    // Problems of the YAML itself (a key given twice) concern every variant.
    let whole = sink.problems.iter().any(Problem::is_error);
    let base = without_environments(tree);
    let overlays = overlays(tree, sink);
    let chosen = match options.environment {
        None => None,
        Some(name) => match overlays.iter().find(|(n, _)| *n == name) {
            Some(overlay) => Some(*overlay),
            None => {
                unknown_environment(name, tree, &overlays, sink);
                None
            }
        },
    };
    let unknown = chosen.is_none() && options.environment.is_some();
    let apply = |overlay: Option<(&str, &Node)>| match overlay {
        Some((_, node)) if !node.is_null() => merge(&base, node),
        _ => base.clone(),
    };

    let (platform, problems) = variant(&apply(chosen), source, options, !unknown);
    let failed = whole || unknown || problems.iter().any(Problem::is_error);
    let mut told: BTreeSet<_> = problems.iter().map(key).collect();
    sink.problems.extend(problems);
    // The file without overlay need not be complete when an environment is chosen: only its overlays are.
    for (name, overlay) in overlays.iter().filter(|(n, _)| Some(*n) != chosen.map(|(n, _)| n)) {
        let (_, problems) = variant(&apply(Some((name, overlay))), source, options, false);
        for mut problem in problems {
            if told.insert(key(&problem)) {
                problem.environment = Some((*name).to_owned());
                sink.problems.push(problem);
            }
        }
    }
    let mut platform = platform.filter(|_| !failed)?;
    platform.set_environments(overlays.iter().map(|(n, _)| (*n).to_owned()).collect(), options.environment);
    Some(platform)
}

fn key(problem: &Problem) -> (&'static str, Span, String) {
    (problem.code, problem.span, problem.message.clone())
}

/// One variant: grammar, then decoding, then the checks across fields.
fn variant(tree: &Node, source: &Source<'_>, options: &LoadOptions<'_>, selected: bool) -> (Option<Platform>, Vec<Problem>) {
    let mut sink = Sink::new(source.name);
    let world = World { env: options.env, read_file: options.read_file, selected };
    let mut checked = check(tree, &world, &mut sink);
    // What the top lacks was told; the rest can still be checked.
    checked.value.entry("platform").or_insert_with(|| json!("unnamed"));
    checked.value.entry("services").or_insert_with(|| json!({}));
    let value = Value::Object(std::mem::take(&mut checked.value));
    match serde_json::from_value::<Platform>(value) {
        Ok(mut platform) => {
            platform.keep_promises();
            semantic::check(&platform, &checked, &mut sink);
            (Some(platform), sink.problems)
        }
        // The schema and the types come from one source, so this does not happen; if it does, it must not pass for a good file.
        Err(_) => {
            sink.add("E0299", "", Span { line: 1, column: 1, ..Span::default() }, Text::new("the file cannot be decoded"));
            (None, sink.problems)
        }
    }
}

fn without_environments(tree: &Node) -> Node {
    let mut tree = tree.clone();
    if let Data::Map(entries) = &mut tree.data {
        entries.retain(|e| e.key != ENVIRONMENTS);
    }
    tree
}

/// The overlays that have the right shape.
fn overlays<'a>(tree: &'a Node, sink: &mut Sink) -> Vec<(&'a str, &'a Node)> {
    let Some(section) = tree.entry(ENVIRONMENTS).filter(|e| !e.value.is_null()) else { return Vec::new() };
    let Data::Map(entries) = &section.value.data else {
        let text = Text::new("a map of overlays is wanted here").fix("write `environments: {staging: {services: ...}}`");
        sink.add("E0202", ENVIRONMENTS, section.key_span, text);
        return Vec::new();
    };
    let mut good = Vec::new();
    for entry in entries {
        let path = format!("{ENVIRONMENTS}.{}", entry.key);
        if !is_dns_label(&entry.key) {
            let text = Text::new(format!("`{}` is not a good name", entry.key)).fix("use 1 to 63 of a-z, 0-9 and `-`");
            sink.add("E0208", &path, entry.key_span, text);
        } else if let Some(nested) = entry.value.entry(ENVIRONMENTS) {
            sink.add(
                "E0201",
                &path,
                nested.key_span,
                Text::new("an overlay has no overlays of its own").fix("move it up beside this one"),
            );
        } else if matches!(entry.value.data, Data::Map(_)) || entry.value.is_null() {
            good.push((entry.key.as_str(), &entry.value));
        } else {
            let sections = schema::properties(schema::root()).into_iter().flatten().map(|(k, _)| k.as_str());
            let text = Text::new("an overlay is a mapping")
                .fix(format!("its keys are {}", list(sections.filter(|k| *k != ENVIRONMENTS))));
            sink.add("E0202", &path, entry.key_span, text);
        }
    }
    good
}

fn unknown_environment(name: &str, tree: &Node, overlays: &[(&str, &Node)], sink: &mut Sink) {
    let known = || overlays.iter().map(|(n, _)| *n);
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if overlays.is_empty() => "the file has no `environments:`".to_owned(),
        None => format!("the file has {}", list(known())),
    };
    let span = tree.entry(ENVIRONMENTS).map_or(Span { line: 1, column: 1, ..Span::default() }, |e| e.key_span);
    sink.add("E0304", ENVIRONMENTS, span, Text::new(format!("there is no environment `{name}`")).fix(help));
}
