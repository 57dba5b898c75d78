//! Where everything stands in a drawing.
//!
//! Method: per trace and service a block of four panels over one axis of time: arrivals; need and ready replicas; latency with the
//!   objective; decisions, a lane per policy. A policy has one colour throughout. Holes of the recording are shaded in all panels.
//! Units: pixels; time in seconds from the beginning of the trace.

use skala_sim::Point;

use super::super::report::{Report, Row, TraceReport};
use super::super::words;
use super::axis::{self, Scale};
use super::svg::{Anchor, Path, Stroke, Svg};

/// Colours that people with any colour vision can tell apart (Okabe and Ito); then again, dashed.
const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const INK: &str = "#1f2933";
const FAINT: &str = "#6b7785";
const GRID: &str = "#e6eaee";
const HOLE: &str = "#f1e9d8";
const DEMAND: (&str, &str) = ("#dbe4ee", "#51657a");
const MISSED: &str = "#c62828";
const MISSED_FILL: &str = "#f9d4d4";

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 24.0;
const ARRIVALS: f64 = 110.0;
const REPLICAS: f64 = 200.0;
const LATENCY: f64 = 150.0;
const LANE: f64 = 24.0;
/// Between panels: room for a title.
const GAP: f64 = 30.0;
/// A policy's line in the legend.
const LEGEND: f64 = 20.0;
/// Most points of a line: about four pixels each, so that noise does not hide the course.
const POINTS: usize = 270;
/// Longest name of a trace in a title.
const TITLE: usize = 70;
/// Most blocks; a drawing of more is one that nobody reads.
const BLOCKS: usize = 12;

/// The drawing of a whole report.
pub fn draw(report: &Report) -> String {
    let blocks: Vec<(&TraceReport, Vec<&Row>)> = report
        .traces
        .iter()
        .flat_map(|trace| trace.services().into_iter().map(move |service| (trace, trace.of(service).collect())))
        .take(BLOCKS)
        .collect();
    let height: f64 = blocks.iter().map(|(_, rows)| height(rows)).sum();
    let mut svg = Svg::new(WIDTH, height.max(40.0));
    let mut top = 0.0;
    for (trace, rows) in &blocks {
        let coarse = rows.iter().map(|r| coarse(&r.outcome.timeline)).collect();
        Block { svg: &mut svg, rows, coarse, total: total(trace, rows) }.draw(trace, top);
        top += self::height(rows);
    }
    svg.finish()
}

/// The length of the axis of time, seconds.
fn total(trace: &TraceReport, rows: &[&Row]) -> f64 {
    let last = rows.iter().filter_map(|r| r.outcome.timeline.last()).map(end).fold(0.0, f64::max);
    last.max(trace.duration_ms as f64 / 1e3).max(1.0)
}

fn height(rows: &[&Row]) -> f64 {
    let lanes = rows.len() as f64;
    66.0 + lanes * LEGEND + ARRIVALS + REPLICAS + LATENCY + lanes * LANE + 3.0 * GAP + 64.0
}

fn end(p: &Point) -> f64 {
    (p.at + p.lasts).as_secs_f64()
}

fn color(i: usize) -> &'static str {
    COLORS[i % COLORS.len()]
}

fn stroke(i: usize, width: f64) -> Stroke<'static> {
    let dash = if i < COLORS.len() { "" } else { "5 3" };
    Stroke { dash, ..Stroke::solid(color(i), width) }
}

/// Top and bottom of a panel.
type Span = (f64, f64);

struct Block<'a> {
    svg: &'a mut Svg,
    rows: &'a [&'a Row],
    /// The timeline of each row in few points.
    coarse: Vec<Vec<Point>>,
    total: f64,
}

impl Block<'_> {
    fn draw(&mut self, trace: &TraceReport, top: f64) {
        let mut y = top + 34.0;
        let row = self.rows[0];
        let promise = row.objective.as_deref().unwrap_or("no objective");
        self.svg.text((LEFT, y), Anchor::Start, 17.0, INK, &format!("{} on {}", row.service, words::tail(&trace.name, TITLE)));
        let about = format!("{promise}; {} requests, {} mode", words::count(row.figures.requests), trace.mode);
        self.svg.text((WIDTH - RIGHT, y), Anchor::End, 12.0, FAINT, &about);
        y += 14.0;
        y = self.legend(y) + GAP + 4.0;
        let lanes = LANE * self.rows.len() as f64;
        let mut panels = Vec::new();
        for height in [ARRIVALS, REPLICAS, LATENCY, lanes] {
            panels.push((y, y + height));
            y += height + GAP;
        }
        self.ground(&panels);
        self.arrivals(panels[0]);
        self.replicas(panels[1]);
        self.latency(panels[2]);
        self.decisions(panels[3]);
    }

    /// The pixel of a time.
    fn x(&self, seconds: f64) -> f64 {
        Scale::linear(self.total, LEFT, WIDTH - RIGHT).at(seconds)
    }

    fn legend(&mut self, mut y: f64) -> f64 {
        for (i, row) in self.rows.iter().enumerate() {
            y += LEGEND;
            self.svg.line((LEFT, y - 4.0), (LEFT + 22.0, y - 4.0), stroke(i, 3.0));
            self.svg.text((LEFT + 30.0, y), Anchor::Start, 12.5, INK, &super::super::table::short(&row.policy));
            self.svg.text((LEFT + 230.0, y), Anchor::Start, 12.5, FAINT, &summary(row));
        }
        y
    }

    /// Holes, the grid of time, and its axis at the bottom.
    fn ground(&mut self, panels: &[Span]) {
        let (top, bottom) = (panels[0].0, panels[panels.len() - 1].1);
        for (from, to) in holes(&self.rows[0].outcome.timeline) {
            let (x, to) = (self.x(from), self.x(to));
            self.svg.rect(x, top, (to - x).max(1.0), bottom - top, HOLE);
            if to - x > 60.0 {
                self.svg.text(((x + to) / 2.0, top + 14.0), Anchor::Middle, 11.0, FAINT, "not recorded");
            }
        }
        for (time, text) in axis::times(self.total) {
            let x = self.x(time);
            for panel in panels {
                self.svg.line((x, panel.0), (x, panel.1), Stroke::solid(GRID, 1.0));
            }
            self.svg.text((x, bottom + 18.0), Anchor::Middle, 11.0, FAINT, &text);
        }
        self.svg.text((WIDTH - RIGHT, bottom + 34.0), Anchor::End, 11.0, FAINT, "time from the beginning of the trace");
    }

    /// Title, ticks and grid of a panel.
    fn frame(&mut self, (top, bottom): Span, title: &str, scale: Scale, label: fn(f64) -> String) {
        self.svg.text((LEFT, top - 8.0), Anchor::Start, 12.0, INK, title);
        for value in scale.ticks() {
            let y = scale.at(value);
            self.svg.line((LEFT, y), (WIDTH - RIGHT, y), Stroke::solid(GRID, 1.0));
            self.svg.text((LEFT - 8.0, y + 4.0), Anchor::End, 11.0, FAINT, &label(value));
        }
        self.svg.line((LEFT, top), (LEFT, bottom), Stroke::solid(FAINT, 1.0));
        self.svg.line((LEFT, bottom), (WIDTH - RIGHT, bottom), Stroke::solid(FAINT, 1.0));
    }

    fn arrivals(&mut self, panel: Span) {
        let rate = |p: &Point| p.arrival_rate;
        let scale = Scale::linear(axis::rounded_up(most(&self.coarse[0], rate)), panel.1, panel.0);
        self.frame(panel, "Arrivals, requests per second", scale, axis::plain);
        let (area, line) = self.steps(&self.coarse[0], rate, scale);
        self.svg.area(&area, "arrivals", DEMAND.0);
        self.svg.path(&line, "arrivals", Stroke::solid(DEMAND.1, 1.0));
    }

    fn replicas(&mut self, panel: Span) {
        let need = |p: &Point| p.arrival_rate.map(|_| p.need);
        let ready = |p: &Point| Some(p.ready);
        let all = self.rows.iter().map(|r| most(&r.outcome.timeline, ready).max(most(&r.outcome.timeline, need)));
        let scale = Scale::linear(axis::rounded_up(all.fold(0.0, f64::max)), panel.1, panel.0);
        self.frame(panel, "Replicas: need (filled) and ready", scale, axis::plain);
        let (area, _) = self.steps(&self.rows[0].outcome.timeline, need, scale);
        self.svg.area(&area, "need", DEMAND.0);
        for (i, row) in self.rows.iter().enumerate().rev() {
            let (_, line) = self.steps(&row.outcome.timeline, ready, scale);
            self.svg.path(&line, "ready", stroke(i, 1.8));
        }
    }

    fn latency(&mut self, panel: Span) {
        let row = self.rows[0];
        let latency = |p: &Point| p.latency.filter(|l| *l > 0.0);
        let values = || self.coarse.iter().flatten().filter_map(latency);
        let bound = row.bound.map(|(seconds, _)| seconds);
        let low = values().chain(bound).fold(f64::INFINITY, f64::min);
        let high = values().chain(bound.map(|b| b * 1.5)).fold(0.0, f64::max);
        let scale = Scale::log(low * 0.8, high * 1.1, panel.1, panel.0);
        let quantile = row.bound.map_or("p95", |(_, quantile)| quantile);
        let missed = bound.map(|b| scale.at(b));
        if let Some(y) = missed {
            self.svg.rect(LEFT, panel.0, WIDTH - RIGHT - LEFT, y - panel.0, "#fdf3f3");
        }
        self.frame(panel, &format!("Latency, {quantile} (mean over stretches)"), scale, axis::brief);
        for i in (0..self.rows.len()).rev() {
            let line = self.line(&self.coarse[i], latency, scale);
            self.svg.path(&line, "latency", stroke(i, 1.4));
        }
        if let (Some(y), Some(bound)) = (missed, bound) {
            self.svg.line((LEFT, y), (WIDTH - RIGHT, y), Stroke { dash: "6 4", ..Stroke::solid(MISSED, 1.3) });
            self.svg.rect(WIDTH - RIGHT - 112.0, y - 17.0, 111.0, 15.0, "#fdf3f3");
            self.svg.text(
                (WIDTH - RIGHT - 4.0, y - 5.0),
                Anchor::End,
                11.0,
                MISSED,
                &format!("objective {}", words::seconds(bound)),
            );
        }
    }

    /// A lane per policy: up and down ticks at its decisions, and where the objective was missed.
    fn decisions(&mut self, panel: Span) {
        self.svg.text((LEFT, panel.0 - 8.0), Anchor::Start, 12.0, INK, "Decisions: up, down; objective missed (red)");
        for (i, row) in self.rows.iter().enumerate() {
            let top = panel.0 + LANE * i as f64;
            let (middle, bottom) = (top + LANE / 2.0, top + LANE);
            self.missed(row, i, top + 2.0, LANE - 4.0);
            let (mut up, mut down) = (Path::default(), Path::default());
            for pair in row.outcome.timeline.windows(2) {
                let x = self.x(end(&pair[1]));
                let (path, y) = match pair[1].desired.cmp(&pair[0].desired) {
                    std::cmp::Ordering::Greater => (&mut up, top + 3.0),
                    std::cmp::Ordering::Less => (&mut down, bottom - 3.0),
                    std::cmp::Ordering::Equal => continue,
                };
                path.begin(x, middle);
                path.to(x, y);
            }
            self.svg.path(&up, "up", Stroke::solid(color(i), 1.6));
            self.svg.path(&down, "down", Stroke::solid(color(i), 1.0));
            self.svg.line((LEFT, middle), (WIDTH - RIGHT, middle), Stroke::solid(color(i), 0.6));
            let name: String = row.policy.rsplit('/').next().unwrap_or_default().chars().take(12).collect();
            self.svg.text((LEFT - 8.0, middle + 4.0), Anchor::End, 10.5, INK, &name);
        }
        self.svg.line((LEFT, panel.1), (WIDTH - RIGHT, panel.1), Stroke::solid(FAINT, 1.0));
    }

    fn missed(&mut self, row: &Row, index: usize, top: f64, height: f64) {
        let Some((bound, _)) = row.bound else { return };
        let timeline = self.coarse[index].clone();
        for stretch in timeline.chunk_by(|a, b| late(a, bound) == late(b, bound)) {
            if late(&stretch[0], bound) {
                let (x, to) = (self.x(stretch[0].at.as_secs_f64()), self.x(end(&stretch[stretch.len() - 1])));
                self.svg.rect(x, top, (to - x).max(1.0), height, MISSED_FILL);
            }
        }
    }

    /// The area under a series of steps, and its upper edge; broken where there is no value.
    fn steps(&self, timeline: &[Point], value: impl Fn(&Point) -> Option<f64>, scale: Scale) -> (Path, Path) {
        let (mut area, mut line) = (Path::default(), Path::default());
        for stretch in timeline.chunk_by(|a, b| value(a).is_some() == value(b).is_some()) {
            let Some(first) = value(&stretch[0]) else { continue };
            let x = self.x(stretch[0].at.as_secs_f64());
            area.begin(x, scale.at(0.0));
            line.begin(x, scale.at(first));
            for point in stretch {
                let (x, y) = (self.x(end(point)), scale.at(value(point).unwrap_or(0.0)));
                area.step(x, y);
                line.step(x, y);
            }
            area.to(self.x(end(&stretch[stretch.len() - 1])), scale.at(0.0));
            area.close();
        }
        (area, line)
    }

    /// A line through the middles of the points that have a value.
    fn line(&self, timeline: &[Point], value: impl Fn(&Point) -> Option<f64>, scale: Scale) -> Path {
        let mut line = Path::default();
        let mut drawing = false;
        for point in timeline {
            let x = self.x(point.at.as_secs_f64() + point.lasts.as_secs_f64() / 2.0);
            match value(point) {
                Some(v) if drawing => line.to(x, scale.at(v)),
                Some(v) => {
                    line.begin(x, scale.at(v));
                    // A value between two gaps is a dot.
                    line.to(x + 0.5, scale.at(v));
                }
                None => {}
            }
            drawing = value(point).is_some();
        }
        line
    }
}

/// A timeline in few points: neighbours joined, weighed by their requests; a hole joins only holes.
fn coarse(timeline: &[Point]) -> Vec<Point> {
    let group = timeline.len().div_ceil(POINTS).max(1);
    let stretches = timeline.chunk_by(|a, b| a.arrival_rate.is_none() == b.arrival_rate.is_none());
    stretches.flat_map(|s| s.chunks(group).map(joined)).collect()
}

fn joined(points: &[Point]) -> Point {
    let (first, last) = (points[0], points[points.len() - 1]);
    let seconds: f64 = points.iter().map(|p| p.lasts.as_secs_f64()).sum();
    let requests = |p: &Point| p.arrival_rate.unwrap_or(0.0) * p.lasts.as_secs_f64();
    let came: f64 = points.iter().map(requests).sum();
    let answered = || points.iter().filter_map(|p| Some((p.latency?, requests(p).max(1e-9))));
    let weight: f64 = answered().map(|(_, w)| w).sum();
    Point {
        at: first.at,
        lasts: (last.at + last.lasts).saturating_sub(first.at),
        arrival_rate: first.arrival_rate.map(|rate| if seconds > 0.0 { came / seconds } else { rate }),
        latency: (weight > 0.0).then(|| answered().map(|(l, w)| l * w).sum::<f64>() / weight),
        late: points.iter().map(|p| p.late * requests(p)).sum::<f64>() / came.max(1e-9),
        ..last
    }
}

/// Whether a stretch was beyond the objective's bound.
fn late(point: &Point, bound: f64) -> bool {
    point.latency.is_some_and(|l| l > bound) || (point.latency.is_none() && point.late > 0.0)
}

fn most(timeline: &[Point], value: impl Fn(&Point) -> Option<f64>) -> f64 {
    timeline.iter().filter_map(value).fold(0.0, f64::max)
}

/// Stretches without a recording, seconds.
fn holes(timeline: &[Point]) -> Vec<(f64, f64)> {
    let stretches = timeline.chunk_by(|a, b| a.arrival_rate.is_none() == b.arrival_rate.is_none());
    let hole = |s: &[Point]| (s[0].arrival_rate.is_none()).then(|| (s[0].at.as_secs_f64(), end(&s[s.len() - 1])));
    stretches.filter_map(hole).collect()
}

fn summary(row: &Row) -> String {
    let f = &row.figures;
    let mut parts = Vec::new();
    if let Some(missed) = f.missed_minutes {
        parts.push(format!("{} of {} minutes missed", words::count(missed as f64), words::count(f.minutes as f64)));
    }
    let over = f.over_optimum.map(|o| format!(" ({} over the optimum)", words::share(o.max(0.0)))).unwrap_or_default();
    parts.push(format!("{} replica-hours{over}", words::amount(f.replica_hours)));
    parts.extend(f.p95.map(|p| format!("p95 {}", words::seconds(p))));
    parts.push(format!("{} refused", words::share(f.refused_share)));
    parts.push(format!("{} scale actions", words::count(f.scale_actions as f64)));
    parts.join("  ·  ")
}
