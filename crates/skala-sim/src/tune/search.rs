//! The search: points of a grid, evaluated in rounds, better ones followed.
//!
//! Decides: which points are tried next.
//! Inputs: the number of values of each knob and where it stands now; somebody who evaluates rounds of points.
//! Method: the present point; a third of the budget on a Halton sequence, shifted by the seed (Cranley and Patterson, 1976), so that
//!   every knob's range is covered evenly; then coordinate descent (Hooke and Jeeves, 1961) from the best point with steps that
//!   halve from a quarter of the range to one value, each round trying both neighbours of every knob and then all gains at once; both
//!   again with a third of what is left, and so on; at last every change is taken back that gains nothing, so that a small change is proposed rather than a large one.
//! Invariants: no point twice; at most `budget` points; rounds do not depend on who evaluates them.
//! Tested: `tests` below.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rand::RngExt as _;
use skala_types::Streams;

/// A value of each knob, as its position in the knob's list.
pub type Point = Vec<usize>;

/// What each point of a round comes to; `None` ends the search.
pub type Evaluate<'a, E> = dyn FnMut(&[Point]) -> Option<Vec<Option<E>>> + 'a;

/// Points that are evaluated before the next are chosen: the same for any number of threads.
const ROUND: usize = 8;
/// Points drawn, times the budget, after which a small grid is taken to be exhausted.
const MOST_DRAWN: usize = 4;
/// Bases of the Halton sequence: the more knobs, the later primes.
const PRIMES: [u32; 24] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89];

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// Number of values of each knob, at least 1.
    pub sizes: Vec<usize>,
    /// Where the file stands.
    pub start: Point,
    /// Most points that are evaluated, the start included.
    pub budget: usize,
    /// Determines the spread.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Found<E> {
    /// The best point.
    pub best: Point,
    /// Every point that was evaluated, with what it came to; `None` for one that cannot stand.
    pub tried: BTreeMap<Point, Option<E>>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// Searches. `evaluate` gives what each point of a round came to, `None` for one that cannot stand, or ends the search; `order` says
/// which of two is better (`Less`); `nearly` whether the first, which changes less, is as good but for a trifle.
pub fn search<'a, E: Clone>(
    what: &'a Search,
    evaluate: &'a mut Evaluate<'a, E>,
    order: &'a dyn Fn(&E, &E) -> Ordering,
    nearly: &'a dyn Fn(&E, &E) -> bool,
) -> Found<E> {
    let mut run = Run { what, evaluate, order, nearly, tried: BTreeMap::new(), interrupted: false };
    let best = run.all();
    Found { best, tried: run.tried, interrupted: run.interrupted }
}

struct Run<'a, E> {
    what: &'a Search,
    evaluate: &'a mut Evaluate<'a, E>,
    order: &'a dyn Fn(&E, &E) -> Ordering,
    nearly: &'a dyn Fn(&E, &E) -> bool,
    tried: BTreeMap<Point, Option<E>>,
    interrupted: bool,
}

impl<E: Clone> Run<'_, E> {
    fn all(&mut self) -> Point {
        let start = self.what.start.clone();
        self.try_all(vec![start], 0);
        // The last round takes changes back, one knob each.
        let last = self.what.sizes.len().min(self.what.budget / 4);
        let mut drawn = 0;
        while !self.spent(last) && drawn < MOST_DRAWN * self.what.budget {
            let left = self.what.budget - self.tried.len();
            let count = (left / 3).max(1);
            self.try_all(self.spread(drawn..drawn + count), last);
            drawn += count;
            self.descend(last);
        }
        self.simplify()
    }

    /// Evaluates what is new of `points` in rounds, keeping `reserve` evaluations for later.
    fn try_all(&mut self, points: Vec<Point>, reserve: usize) {
        let mut fresh: Vec<Point> = Vec::new();
        for point in points {
            if !self.tried.contains_key(&point) && !fresh.contains(&point) {
                fresh.push(point);
            }
        }
        fresh.truncate(self.what.budget.saturating_sub(self.tried.len() + reserve));
        for round in fresh.chunks(ROUND) {
            if self.interrupted {
                return;
            }
            match (self.evaluate)(round) {
                Some(results) => self.tried.extend(round.iter().cloned().zip(results)),
                None => self.interrupted = true,
            }
        }
    }

    fn spent(&self, reserve: usize) -> bool {
        self.interrupted || self.tried.len() + reserve >= self.what.budget
    }

    /// Which of two points is better; one that cannot stand, or was not tried, is worse than any other.
    fn compare(&self, a: &Point, b: &Point) -> Ordering {
        let of = |p: &Point| self.tried.get(p).and_then(Option::as_ref);
        match (of(a), of(b)) {
            (Some(x), Some(y)) => (self.order)(x, y),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }

    fn changes(&self, point: &Point) -> usize {
        point.iter().zip(&self.what.start).filter(|(a, b)| a != b).count()
    }

    /// The best point so far; among equals the one with the fewest changes.
    fn best(&self) -> Point {
        let calmer = |a: &Point, b: &Point| self.compare(a, b).then(self.changes(a).cmp(&self.changes(b))).then(a.cmp(b));
        self.tried.keys().min_by(|a, b| calmer(a, b)).cloned().unwrap_or_else(|| self.what.start.clone())
    }

    /// Points of a sequence that covers the grid evenly, by their numbers.
    fn spread(&self, numbers: std::ops::Range<usize>) -> Vec<Point> {
        let mut stream = Streams::new(self.what.seed).stream("tune");
        let shifts: Vec<f64> = self.what.sizes.iter().map(|_| stream.random::<f64>()).collect();
        let place = |i: usize, knob: usize| {
            let share = (halton(i + 1, PRIMES[knob % PRIMES.len()]) + shifts[knob]).fract();
            // A share below 1 of a short list.
            ((share * self.what.sizes[knob] as f64) as usize).min(self.what.sizes[knob] - 1)
        };
        numbers.map(|i| (0..self.what.sizes.len()).map(|knob| place(i, knob)).collect()).collect()
    }

    fn descend(&mut self, reserve: usize) {
        let mut at = self.best();
        let mut share = 4;
        while !self.spent(reserve) {
            let neighbours = self.neighbours(&at, share);
            self.try_all(neighbours.iter().flatten().cloned().collect(), reserve);
            let mut together = at.clone();
            for (knob, pair) in neighbours.iter().enumerate() {
                let better = pair.iter().filter(|p| self.compare(p, &at).is_lt()).min_by(|a, b| self.compare(a, b));
                if let Some(better) = better {
                    together[knob] = better[knob];
                }
            }
            self.try_all(vec![together], reserve);
            let best = self.best();
            if self.compare(&best, &at).is_lt() {
                at = best;
            } else if self.what.sizes.iter().all(|n| n / share <= 1) {
                return;
            } else {
                share *= 2;
            }
        }
    }

    /// Per knob the points one step below and above, a step being so small a part of the knob's range.
    fn neighbours(&self, at: &Point, share: usize) -> Vec<Vec<Point>> {
        let pair = |(knob, size): (usize, &usize)| {
            let step = (size / share).max(1);
            let places = [at[knob].checked_sub(step), Some(at[knob] + step).filter(|p| p < size)];
            let moved = |place: usize| {
                let mut point = at.clone();
                point[knob] = place;
                point
            };
            places.into_iter().flatten().map(moved).collect()
        };
        self.what.sizes.iter().enumerate().map(pair).collect()
    }

    /// The best point with the changes taken back, one after the other, that gain nothing, or a trifle.
    fn simplify(&mut self) -> Point {
        let mut best = self.best();
        for knob in 0..best.len() {
            let mut simpler = best.clone();
            simpler[knob] = self.what.start[knob];
            self.try_all(vec![simpler.clone()], 0);
            let of = |p: &Point| self.tried.get(p).and_then(Option::as_ref);
            if matches!((of(&simpler), of(&best)), (Some(a), Some(b)) if (self.order)(a, b).is_le() || (self.nearly)(a, b)) {
                best = simpler;
            }
        }
        best
    }
}

/// The radical inverse of `i`, in [0, 1).
fn halton(mut i: usize, base: u32) -> f64 {
    let base = base as usize;
    let (mut share, mut place) = (0.0, 1.0);
    while i > 0 {
        place /= base as f64;
        share += place * (i % base) as f64;
        i /= base;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bowl with its bottom at `bottom`.
    fn bowl(point: &Point, bottom: &[usize]) -> f64 {
        point.iter().zip(bottom).map(|(a, b)| (*a as f64 - *b as f64).powi(2)).sum()
    }

    fn run(what: &Search, f: impl Fn(&Point) -> Option<f64>) -> (Found<f64>, usize) {
        let mut calls = 0;
        let mut evaluate = |points: &[Point]| {
            calls += points.len();
            for point in points {
                assert!(point.iter().zip(&what.sizes).all(|(p, n)| p < n), "{point:?}");
            }
            Some(points.iter().map(&f).collect())
        };
        let found = search(what, &mut evaluate, &f64::total_cmp, &|a, b| a <= b);
        (found, calls)
    }

    #[test]
    fn finds_the_bottom_within_the_budget() {
        let what = Search { sizes: vec![20, 9, 2, 13, 1], start: vec![19, 0, 1, 12, 0], budget: 200, seed: 1 };
        for seed in 0..20 {
            let what = Search { seed, ..what.clone() };
            let (found, calls) = run(&what, |p| Some(bowl(p, &[3, 7, 0, 5, 0])));
            assert_eq!(found.best, [3, 7, 0, 5, 0], "seed {seed}");
            assert!(calls <= 200 && calls == found.tried.len(), "{calls}");
        }
    }

    #[test]
    fn never_spends_more_than_its_budget() {
        for budget in [0, 1, 2, 3, 10, 17, 64] {
            let what = Search { sizes: vec![30; 8], start: vec![29; 8], budget, seed: 3 };
            let (_, calls) = run(&what, |p| Some(bowl(p, &[3; 8])));
            assert!(calls <= budget, "{calls} of {budget}");
        }
    }

    #[test]
    fn what_changes_nothing_stays_as_it_is() {
        let what = Search { sizes: vec![20; 5], start: vec![10; 5], budget: 300, seed: 1 };
        let (found, _) = run(&what, |p| Some(bowl(&vec![p[2]], &[4])));
        assert_eq!(found.best, [10, 10, 4, 10, 10]);
    }

    #[test]
    fn points_that_cannot_stand_are_never_the_answer() {
        let what = Search { sizes: vec![20; 3], start: vec![10; 3], budget: 100, seed: 1 };
        let (found, _) = run(&what, |p| (p[0] >= 8).then(|| bowl(p, &[0; 3])));
        assert_eq!(found.best, [8, 0, 0]);
        let (found, _) = run(&what, |p| (*p == [10; 3]).then_some(0.0));
        assert_eq!(found.best, [10; 3]);
    }

    #[test]
    fn ending_early_keeps_the_best_so_far() {
        let what = Search { sizes: vec![20; 3], start: vec![19; 3], budget: 100, seed: 1 };
        let mut left = 4;
        let mut evaluate = |points: &[Point]| {
            left -= 1;
            (left > 0).then(|| points.iter().map(|p| Some(bowl(p, &[0; 3]))).collect())
        };
        let found = search(&what, &mut evaluate, &f64::total_cmp, &|a, b| a <= b);
        assert!(found.interrupted);
        assert_eq!(found.tried.len(), 1 + 2 * ROUND);
        let least = found.tried.values().flatten().copied().fold(f64::MAX, f64::min);
        assert_eq!(bowl(&found.best, &[0; 3]), least);
        assert!(least < bowl(&what.start, &[0; 3]));
    }
}
