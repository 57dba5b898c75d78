//! A progress bar on stderr, for runs that take a while, on a terminal alone.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;

/// Shorter runs show nothing.
const PATIENCE: Duration = Duration::from_millis(700);
/// Parts of a run on the bar.
const PARTS: u64 = 1000;

/// The bar of all runs.
pub struct Bar {
    bar: ProgressBar,
    begun: Instant,
    shares: Mutex<Vec<f64>>,
    visible: bool,
}

impl Bar {
    /// A bar for so many runs.
    pub fn new(runs: usize) -> Bar {
        let bar = ProgressBar::with_draw_target(Some(runs as u64 * PARTS), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:40} {percent:>3}%  {msg}  {elapsed}").expect("a constant template");
        bar.set_style(style);
        Bar { bar, begun: Instant::now(), shares: Mutex::new(vec![0.0; runs]), visible: std::io::stderr().is_terminal() }
    }

    /// Run `run` has done `share` of its work, or has come to `at` when its end is not known.
    pub fn at(&self, run: usize, share: Option<f64>, at: Duration) {
        if !self.visible || self.begun.elapsed() < PATIENCE {
            return;
        }
        let mut shares = self.shares.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let (Some(slot), Some(share)) = (shares.get_mut(run), share) {
            *slot = share.clamp(0.0, 1.0);
        }
        let done: f64 = shares.iter().sum();
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(format!("{} runs, now at {}", shares.len(), words::duration(at)));
        self.bar.set_position((done * PARTS as f64) as u64);
    }

    /// Clears it.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
