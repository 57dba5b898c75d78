//! The scalability curve behind measured throughputs.
//!
//! Decides: gamma, alpha and beta with their uncertainty, or why the measurements do not tell them.
//! Inputs: pairs of size N and throughput X (per second).
//! Method: N/X is linear in (N-1) and N(N-1): non-negative least squares there, then Levenberg and Marquardt on X itself, within
//!   gamma > 0, 0 <= alpha <= 1, beta >= 0 (R's package `usl` fits the same three). Standard errors from the Jacobian.
//! Invariants: a fit is only given away when six sizes reach past the knee and the curve explains them.
//! Tested: `tests/it/usl.rs`.

use std::fmt;

use serde::Serialize;

use super::usl::Usl;

/// Different sizes that a fit needs.
pub const LEAST_SIZES: usize = 6;

/// Share of the variation that a fit must explain.
const LEAST_R2: f64 = 0.9;

/// Throughput over proportional throughput at the largest size, above which no curve is seen.
const STRAIGHT: f64 = 0.95;

/// Multiple of the largest size beyond which a knee is none: coherency is zero but for rounding.
const FAR: f64 = 100.0;

/// A fitted curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fit {
    /// The curve.
    pub curve: Usl,
    /// Standard errors of its three numbers.
    pub errors: Usl,
    /// Share of the variation of throughput that the curve explains, up to 1.
    pub r2: f64,
}

/// Why measurements do not tell the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "reason")]
pub enum NotIdentifiable {
    /// Fewer than six different sizes.
    TooFewSizes {
        /// Usable ones.
        sizes: usize,
    },
    /// Throughput grows in proportion: nothing bends.
    NoCurvature {
        /// Throughput at the largest size, over proportion.
        efficiency: f64,
    },
    /// It bends, but the largest size is before the knee that the bend points to.
    KneeNotReached {
        /// Largest size.
        largest: f64,
        /// Size at which the knee would be; `None` is never (Amdahl's case).
        knee: Option<f64>,
    },
    /// No such curve explains the measurements.
    BadFit {
        /// Share that the best one explains.
        r2: f64,
    },
}

impl fmt::Display for NotIdentifiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewSizes { sizes } => write!(f, "not identifiable: {sizes} different sizes, and {LEAST_SIZES} are needed"),
            Self::NoCurvature { efficiency } => {
                write!(
                    f,
                    "not identifiable: throughput still grows in proportion ({:.1} % at the largest size)",
                    efficiency * 100.0
                )
            }
            Self::KneeNotReached { largest, knee: Some(knee) } => {
                write!(
                    f,
                    "not identifiable: the largest size is {largest:.1}, before the knee that the curve points to ({knee:.1})"
                )
            }
            Self::KneeNotReached { largest, knee: None } => {
                write!(f, "not identifiable: throughput flattens but does not fall up to the largest size, {largest:.1}")
            }
            Self::BadFit { r2 } => write!(f, "not identifiable: no such curve explains the measurements (R2 is {r2:.3})"),
        }
    }
}

impl std::error::Error for NotIdentifiable {}

/// Fits pairs of size (>= 1) and throughput (> 0); others are left out.
///
/// # Errors
/// When the measurements do not tell the curve.
pub fn fit_usl(measured: &[(f64, f64)]) -> Result<Fit, NotIdentifiable> {
    let usable = |&(n, x): &(f64, f64)| (1.0..1e9).contains(&n) && x > 0.0 && x < 1e15;
    let points: Vec<(f64, f64)> = measured.iter().copied().filter(usable).collect();
    let sizes = distinct(&points);
    if sizes < LEAST_SIZES {
        return Err(NotIdentifiable::TooFewSizes { sizes });
    }
    let curve = refine(&points, linear(&points));
    let r2 = explained(&points, &curve);
    let largest = points.iter().fold(0.0, |most: f64, p| most.max(p.0));
    let efficiency = curve.throughput(largest) / (curve.per_one * largest);
    let knee = curve.knee();
    if r2.is_nan() || r2 < LEAST_R2 {
        Err(NotIdentifiable::BadFit { r2 })
    } else if efficiency > STRAIGHT {
        Err(NotIdentifiable::NoCurvature { efficiency })
    } else if knee > largest {
        Err(NotIdentifiable::KneeNotReached { largest, knee: (knee < FAR * largest).then_some(knee) })
    } else {
        Ok(Fit { curve, errors: errors(&points, &curve), r2 })
    }
}

fn distinct(points: &[(f64, f64)]) -> usize {
    let mut sizes: Vec<f64> = points.iter().map(|p| p.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup_by(|a, b| (*a - *b).abs() <= 1e-3 * b.abs());
    sizes.len()
}

/// Non-negative least squares of N/X on 1, N-1, N(N-1): the best of the four subsets that hold the constant.
fn linear(points: &[(f64, f64)]) -> Usl {
    let best = [[true, true, true], [true, true, false], [true, false, true], [true, false, false]]
        .into_iter()
        .filter_map(|used| solve_subset(points, used))
        .filter(|b| b[0] > 0.0 && b[1] >= 0.0 && b[2] >= 0.0)
        .min_by(|a, b| misfit(points, a).total_cmp(&misfit(points, b)));
    let fallback = points.iter().fold(0.0, |most: f64, &(n, x)| most.max(x / n));
    match best {
        Some(b) => Usl { per_one: 1.0 / b[0], contention: (b[1] / b[0]).min(1.0), coherency: b[2] / b[0] },
        None => Usl { per_one: fallback, contention: 0.0, coherency: 0.0 },
    }
}

fn basis(n: f64) -> [f64; 3] {
    [1.0, n - 1.0, n * (n - 1.0)]
}

fn misfit(points: &[(f64, f64)], b: &[f64; 3]) -> f64 {
    points.iter().map(|&(n, x)| (n / x - dot(&basis(n), b)).powi(2)).sum()
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn solve_subset(points: &[(f64, f64)], used: [bool; 3]) -> Option<[f64; 3]> {
    let (mut a, mut y) = ([[0.0; 3]; 3], [0.0; 3]);
    for &(n, x) in points {
        let row = basis(n);
        add(&mut a, &mut y, &row, n / x);
    }
    for i in (0..3).filter(|&i| !used[i]) {
        a[i] = [0.0; 3];
        a.iter_mut().for_each(|row| row[i] = 0.0);
        (a[i][i], y[i]) = (1.0, 0.0);
    }
    solve(a, y)
}

/// Adds a row to the normal equations.
fn add(a: &mut [[f64; 3]; 3], y: &mut [f64; 3], row: &[f64; 3], value: f64) {
    for i in 0..3 {
        for j in 0..3 {
            a[i][j] += row[i] * row[j];
        }
        y[i] += row[i] * value;
    }
}

/// Solves a symmetric system by elimination, scaled so that its diagonal is 1; `None` when it is singular.
fn solve(mut a: [[f64; 3]; 3], mut y: [f64; 3]) -> Option<[f64; 3]> {
    let scale = [0, 1, 2].map(|i| a[i][i].sqrt());
    if scale.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
        return None;
    }
    for i in 0..3 {
        for j in 0..3 {
            a[i][j] /= scale[i] * scale[j];
        }
        y[i] /= scale[i];
    }
    for i in 0..3 {
        if a[i][i].abs() < 1e-13 {
            return None;
        }
        for k in i + 1..3 {
            let factor = a[k][i] / a[i][i];
            let pivot = a[i];
            for (to, from) in a[k].iter_mut().zip(pivot) {
                *to -= factor * from;
            }
            y[k] -= factor * y[i];
        }
    }
    let mut b = [0.0; 3];
    for i in (0..3).rev() {
        let known: f64 = (i + 1..3).map(|j| a[i][j] * b[j]).sum();
        b[i] = (y[i] - known) / a[i][i];
    }
    let b = [0, 1, 2].map(|i| b[i] / scale[i]);
    b.iter().all(|x| x.is_finite()).then_some(b)
}

/// Derivatives of the throughput at size `n`.
fn gradient(curve: &Usl, n: f64) -> [f64; 3] {
    let slower = 1.0 + curve.contention * (n - 1.0) + curve.coherency * n * (n - 1.0);
    let x = curve.per_one * n / slower;
    [n / slower, -x * (n - 1.0) / slower, -x * n * (n - 1.0) / slower]
}

fn residual(points: &[(f64, f64)], curve: &Usl) -> f64 {
    points.iter().map(|&(n, x)| (x - curve.throughput(n)).powi(2)).sum()
}

/// Levenberg and Marquardt on throughput, projected into the bounds.
fn refine(points: &[(f64, f64)], start: Usl) -> Usl {
    let (mut best, mut error) = (start, residual(points, &start));
    let mut damping = 1e-3;
    for _ in 0..200 {
        let (mut a, mut y) = ([[0.0; 3]; 3], [0.0; 3]);
        for &(n, x) in points {
            add(&mut a, &mut y, &gradient(&best, n), x - best.throughput(n));
        }
        (0..3).for_each(|i| a[i][i] *= 1.0 + damping);
        let Some(step) = solve(a, y) else { return best };
        let moved = Usl {
            per_one: (best.per_one + step[0]).max(best.per_one * 0.1),
            contention: (best.contention + step[1]).clamp(0.0, 1.0),
            coherency: (best.coherency + step[2]).max(0.0),
        };
        let now = residual(points, &moved);
        if now < error {
            let settled = error - now <= 1e-14 * error;
            (best, error, damping) = (moved, now, (damping / 10.0).max(1e-12));
            if settled {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    best
}

fn explained(points: &[(f64, f64)], curve: &Usl) -> f64 {
    let mean = points.iter().map(|p| p.1).sum::<f64>() / points.len() as f64;
    let spread: f64 = points.iter().map(|p| (p.1 - mean).powi(2)).sum();
    if spread > 0.0 { 1.0 - residual(points, curve) / spread } else { 0.0 }
}

/// Standard errors: root of the diagonal of `s^2 (J'J)^-1`; infinite where the system is singular.
fn errors(points: &[(f64, f64)], curve: &Usl) -> Usl {
    let (mut a, mut none) = ([[0.0; 3]; 3], [0.0; 3]);
    points.iter().for_each(|&(n, _)| add(&mut a, &mut none, &gradient(curve, n), 0.0));
    let variance = residual(points, curve) / (points.len() as f64 - 3.0).max(1.0);
    let error = |i: usize| {
        let mut unit = [0.0; 3];
        unit[i] = 1.0;
        solve(a, unit).map_or(f64::INFINITY, |column| (variance * column[i].max(0.0)).sqrt())
    };
    Usl { per_one: error(0), contention: error(1), coherency: error(2) }
}
