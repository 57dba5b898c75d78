//! The reference page of the platform file, from the schema.
//!
//! Tested: `tests/it/generated.rs` (the committed page is current).

use crate::explain::{Child, Explanation, explain, plain};

const HEAD: &str = "# Platform file reference

Every field of `skala.yaml`, with its type, default and meaning. This page is generated from the types that read the file; `skala
explain FIELD` shows the same in the terminal, and `schema/skala.schema.json` gives it to editors.

The least that runs is a name and a service; everything else has a default:

```yaml
platform: shop
services:
  web:
    command: [gunicorn, \"app:app\", --bind, \"127.0.0.1:$PORT\"]
    concurrency: 4
    autoscaling: {maxReplicas: 8, metrics: [{concurrency: 3}]}
```

- **Durations** carry units: `500ms`, `90s`, `10m`, `1h30m`, `30d`. **Sizes** as in Kubernetes: `512Mi`, `2Gi`, `500M`. **CPU**: `500m` or `2`.
  **Percentages**: `70%`. **Money** is a plain number in `cost.currency`, or
  has its currency: `0.002 EUR`, and per time `30 EUR/h`, `5 EUR/day`, `900 EUR/month`. **Cron** times have five fields; those of `schedules`
  may have six, the seconds first. **Moments** are RFC 3339: `2027-01-01T00:00:00Z`.
- `${VARIABLE}` and `${VARIABLE:-default}` are replaced from skala's environment in every text but a schedule's `body`; inside `{...}` and
  `[...]`, quote them.
  `$VARIABLE` without braces is not replaced, and `$PORT` and `${PORT}` stand for the replica's own port. `$${` is a literal `${`.
- Values of `env`, and of every field of type `secret` or `env value`, that come from `${VARIABLE}` or `{file: path}` are secrets: never shown, logged or stored.
- Anchors and aliases work; a key given twice is an error.
- `NAME` stands for a name that you choose, `[]` for an item of a list.
";

/// The reference page, in Markdown.
pub fn reference_page() -> String {
    let mut page = HEAD.to_owned();
    let top = field("");
    page.push_str("\n## The top of the file\n\n");
    table(&mut page, &top, "");
    let mut shown = Shown::default();
    for child in &top.children {
        section(&mut page, &child.name, &child.name, 2, &mut shown);
    }
    page
}

/// Tables that the page has, with their headings: a type that stands in many places is shown once.
#[derive(Default)]
struct Shown(Vec<(Vec<Child>, String)>);

impl Shown {
    /// The heading of the same fields; remembers this one when there is none.
    fn before(&mut self, children: &[Child], heading: &str) -> Option<&str> {
        let at = self.0.iter().position(|(fields, _)| fields == children);
        if at.is_none() {
            self.0.push((children.to_vec(), heading.to_owned()));
        }
        at.map(|at| self.0[at].1.as_str())
    }
}

fn field(path: &str) -> Explanation {
    explain(path).expect("a path made of the schema's own keys is known")
}

/// A heading and a table for a field that has fields below it, then theirs; a type that was shown before is only named.
fn section(page: &mut String, path: &str, heading: &str, depth: usize, shown: &mut Shown) {
    let this = field(path);
    if this.children.is_empty() {
        return;
    }
    let heading = match this.type_name.split(' ').next() {
        Some("map") => format!("{heading}.NAME"),
        Some("list") => format!("{heading}[]"),
        _ => heading.to_owned(),
    };
    let before = shown.before(&this.children, &heading);
    // `{file}` needs no second heading: the column of types shows it whole.
    if before.is_some() && this.children.len() == 1 {
        return;
    }
    page.push_str(&format!("\n{} `{heading}`\n\n", "#".repeat(depth.min(4))));
    if let Some(before) = before {
        page.push_str(&format!("The fields of `{before}`.\n"));
        return;
    }
    table(page, &this, path);
    for child in &this.children {
        section(page, &format!("{path}.{}", child.name), &format!("{heading}.{}", child.name), depth + 1, shown);
    }
}

fn table(page: &mut String, of: &Explanation, path: &str) {
    page.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
    for Child { name, .. } in &of.children {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        page.push_str(&row(name, &field(&path)));
    }
}

fn row(name: &str, field: &Explanation) -> String {
    let default = match &field.default {
        _ if field.required => "required".to_owned(),
        Some(value) if value.is_object() || value.is_array() => String::new(),
        Some(value) => format!("`{}`", plain(value)),
        None => String::new(),
    };
    let mut meaning = field.doc.clone();
    if !field.values.is_empty() {
        let values: Vec<String> = field.values.iter().map(|(value, doc)| format!("`{value}`: {doc}")).collect();
        meaning.push_str(&format!(" {}", values.join(" ")));
    }
    if !field.range.is_empty() && !field.doc.contains(&field.range) {
        meaning.push_str(&format!(" Range: {}.", field.range));
    }
    let cell = |text: &str| text.replace('|', "\\|").replace("\n\n", "<br>");
    format!("| `{name}` | {} | {default} | {} |\n", cell(&field.type_name), cell(&meaning))
}
