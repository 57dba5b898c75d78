//! A drawing as SVG text: just the shapes that a chart needs.
//!
//! Units: pixels, from the top left.
//! Invariants: the text is well-formed whatever the names hold; numbers are finite and have one decimal.

use std::fmt::Write as _;

/// A drawing under way.
pub struct Svg {
    body: String,
    width: f64,
    height: f64,
}

/// How a line looks.
#[derive(Clone, Copy)]
pub struct Stroke<'a> {
    /// Its colour.
    pub color: &'a str,
    /// Its width.
    pub width: f64,
    /// Its dashes, such as `4 3`; empty is solid.
    pub dash: &'a str,
}

impl<'a> Stroke<'a> {
    /// A solid line.
    pub const fn solid(color: &'a str, width: f64) -> Stroke<'a> {
        Stroke { color, width, dash: "" }
    }
}

/// Where a text stands.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

impl Svg {
    /// An empty drawing.
    pub fn new(width: f64, height: f64) -> Svg {
        Svg { body: String::new(), width, height }
    }

    /// A filled rectangle.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        let (x, y, w, h) = (n(x), n(y), n(width.max(0.0)), n(height.max(0.0)));
        let _ = writeln!(self.body, r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"/>"#);
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke<'_>) {
        let dash = dash(stroke);
        let _ = writeln!(
            self.body,
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}" stroke-width="{}"{dash}/>"#,
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1),
            stroke.color,
            n(stroke.width),
        );
    }

    /// A path that is drawn; `class` says what it is.
    pub fn path(&mut self, path: &Path, class: &str, stroke: Stroke<'_>) {
        if path.0.is_empty() {
            return;
        }
        let _ = writeln!(
            self.body,
            r#"<path class="{}" d="{}" fill="none" stroke="{}" stroke-width="{}"{} stroke-linejoin="round"/>"#,
            escaped(class),
            path.0.trim_end(),
            stroke.color,
            n(stroke.width),
            dash(stroke),
        );
    }

    /// A path that is filled.
    pub fn area(&mut self, path: &Path, class: &str, fill: &str) {
        if !path.0.is_empty() {
            let _ = writeln!(self.body, r#"<path class="{}" d="{}" fill="{fill}"/>"#, escaped(class), path.0.trim_end());
        }
    }

    /// A text; `size` in pixels.
    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, size: f64, color: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y) = (n(at.0), n(at.1));
        let text = escaped(text);
        let _ = writeln!(
            self.body,
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{}" fill="{color}">{text}</text>"#,
            n(size)
        );
    }

    /// The drawing as a document.
    pub fn finish(self) -> String {
        let (w, h) = (n(self.width), n(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"DejaVu Sans, Verdana, sans-serif\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// The outline of a path.
#[derive(Default)]
pub struct Path(String);

impl Path {
    /// Goes there without drawing.
    pub fn begin(&mut self, x: f64, y: f64) {
        let _ = write!(self.0, "M{} {} ", n(x), n(y));
    }

    /// Draws a line to there.
    pub fn to(&mut self, x: f64, y: f64) {
        let _ = write!(self.0, "L{} {} ", n(x), n(y));
    }

    /// Draws to that height, then along.
    pub fn step(&mut self, x: f64, y: f64) {
        let _ = write!(self.0, "V{} H{} ", n(y), n(x));
    }

    /// Back to where it began.
    pub fn close(&mut self) {
        self.0.push_str("Z ");
    }
}

fn dash(stroke: Stroke<'_>) -> String {
    if stroke.dash.is_empty() { String::new() } else { format!(r#" stroke-dasharray="{}""#, stroke.dash) }
}

/// One decimal at most; what is no number is the edge.
fn n(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no other control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
