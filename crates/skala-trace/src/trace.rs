//! A trace that can be opened any number of times: where it comes from, how it is changed, and by which seed it is drawn.
//!
//! Decides: which adapters stand between the source and its reader.
//! Inputs: an opener of a stream of bytes, or a generator, or samples; changes; a seed.
//! Invariants: the same seed gives the same arrivals, however often and from however many threads it is opened; opening reads no
//!   more than a header.
//! Tested: `tests/it/change.rs`, `tests/it/steps.rs`.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use skala_types::{Streams, Time};

use crate::bin::Binned;
use crate::change::{
    ConcatArrivals, ConcatSteps, Holes, Linear, MaskedArrivals, MaskedSteps, MergedArrivals, MergedSteps, ScaledSteps,
    Superposed, Thinned, Window, WindowArrivals, WindowSteps, scale,
};
use crate::draw::{Drawing, Drawn};
use crate::read::{self, Opened, ReadOptions};
use crate::restep::Restep;
use crate::{Arrivals, RateStep, Steps, TraceError};

/// Arrivals that can go to another thread.
pub type BoxArrivals = Box<dyn Arrivals + Send>;

/// Steps that can go to another thread.
pub type BoxSteps = Box<dyn Steps + Send>;

/// A stream of bytes.
pub type Input = Box<dyn BufRead + Send>;

/// Opens a stream of bytes, as often as wanted.
pub type Opener = Arc<dyn Fn() -> std::io::Result<Input> + Send + Sync>;

/// What a trace knows of its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each single arrival.
    Arrivals,
    /// Rates over steps of time; arrivals are drawn.
    Rates,
}

/// A trace.
#[derive(Clone)]
pub struct Trace {
    node: Arc<Node>,
    drawing: Drawing,
    seed: u64,
}

type StepsMaker = dyn Fn(Streams) -> Result<BoxSteps, TraceError> + Send + Sync;

enum Node {
    Read { open: Opener, options: ReadOptions },
    Steps(Box<StepsMaker>),
    Samples { steps: Arc<Vec<RateStep>>, begins: Time },
    Scaled(Trace, f64),
    Window(Trace, Window),
    Masked(Trace, Holes),
    Linear(Trace),
    Concat(Vec<Trace>),
    Merged(Vec<Trace>),
}

impl Trace {
    fn of(node: Node, drawing: Drawing, seed: u64) -> Trace {
        Trace { node: Arc::new(node), drawing, seed }
    }

    /// Reads what `open` opens, each time anew.
    pub fn read(open: Opener, options: ReadOptions) -> Trace {
        Trace::of(Node::Read { open, options }, Drawing::default(), 1)
    }

    /// Reads a text in memory: for tests and small traces.
    pub fn text(text: impl Into<Arc<[u8]>>, options: ReadOptions) -> Trace {
        let text: Arc<[u8]> = text.into();
        Trace::read(Arc::new(move || Ok(Box::new(std::io::Cursor::new(Arc::clone(&text))) as Input)), options)
    }

    /// The load that `make` makes of a seed.
    pub fn from_steps(make: impl Fn(Streams) -> Result<BoxSteps, TraceError> + Send + Sync + 'static) -> Trace {
        Trace::of(Node::Steps(Box::new(make)), Drawing::default(), 1)
    }

    /// Several loads at once.
    pub fn merged(all: Vec<Trace>) -> Trace {
        Trace::of(Node::Merged(all), Drawing::default(), 1)
    }

    /// One trace after the other.
    pub fn concatenated(all: Vec<Trace>) -> Trace {
        let drawing = all.first().map(|t| t.drawing).unwrap_or_default();
        Trace::of(Node::Concat(all), drawing, 1)
    }

    pub(crate) fn from_sampled(steps: Vec<RateStep>, begins: Time) -> Trace {
        Trace::of(Node::Samples { steps: Arc::new(steps), begins }, Drawing::default(), 1)
    }

    /// The same, drawn by another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Trace {
        self.seed = seed;
        self
    }

    /// The same, its single requests drawn so; says nothing to a trace of single arrivals.
    #[must_use]
    pub fn drawn(mut self, drawing: Drawing) -> Trace {
        self.drawing = drawing;
        self
    }

    fn wrapped(self, node: impl FnOnce(Trace) -> Node) -> Trace {
        let (drawing, seed) = (self.drawing, self.seed);
        Trace::of(node(self), drawing, seed)
    }

    /// More or less of the same: single arrivals are thinned or joined by more like them, rates are multiplied. Time stays.
    ///
    /// # Errors
    /// [`TraceError::Setting`] when `factor` is out of bounds.
    pub fn scaled(self, factor: f64) -> Result<Trace, TraceError> {
        let factor = scale::checked(factor)?;
        Ok(if factor == 1.0 { self } else { self.wrapped(|t| Node::Scaled(t, factor)) })
    }

    /// A part of it, counted from its beginning.
    #[must_use]
    pub fn window(self, window: Window) -> Trace {
        self.wrapped(|t| Node::Window(t, window))
    }

    /// The same later: nothing is known of the time before.
    ///
    /// # Errors
    /// [`TraceError::Setting`] beyond the longest trace.
    pub fn shifted(self, by: Duration) -> Result<Trace, TraceError> {
        if by.is_zero() {
            return Ok(self);
        }
        if by > crate::MAX_LENGTH {
            return Err(TraceError::setting("shift", "is beyond 100 years"));
        }
        let hole = RateStep { from: Duration::ZERO, to: by, rate: None, gap_scv: 1.0, tokens: (0.0, 0.0) };
        let quiet = Trace::from_steps(move |_| Ok(Box::new(std::iter::once(hole).into_steps())));
        let (drawing, seed) = (self.drawing, self.seed);
        Ok(Trace::concatenated(vec![quiet, self]).drawn(drawing).with_seed(seed))
    }

    /// With holes where nothing is to be concluded.
    #[must_use]
    pub fn masked(self, holes: Holes) -> Trace {
        if holes.is_empty() { self } else { self.wrapped(|t| Node::Masked(t, holes)) }
    }

    /// Rates that change steadily instead of in steps; says nothing to a trace of single arrivals.
    #[must_use]
    pub fn linear(self) -> Trace {
        self.wrapped(Node::Linear)
    }

    /// What it knows of its load.
    ///
    /// # Errors
    /// What is wrong with its beginning.
    pub fn kind(&self) -> Result<Kind, TraceError> {
        Ok(match &*self.node {
            Node::Read { open, options } => match read::open(open, options, Streams::new(self.seed))?.0 {
                Opened::Arrivals(_) => Kind::Arrivals,
                Opened::Rates(_) => Kind::Rates,
            },
            Node::Steps(_) | Node::Samples { .. } => Kind::Rates,
            Node::Scaled(t, _) | Node::Window(t, _) | Node::Masked(t, _) | Node::Linear(t) => t.kind()?,
            Node::Concat(all) => {
                let kinds = all.iter().map(Trace::kind).collect::<Result<Vec<_>, _>>()?;
                if kinds.iter().all(|k| *k == Kind::Rates) { Kind::Rates } else { Kind::Arrivals }
            }
            Node::Merged(_) => Kind::Arrivals,
        })
    }

    /// The moment of its beginning, where it tells.
    ///
    /// # Errors
    /// What is wrong with its beginning.
    pub fn begins(&self) -> Result<Option<Time>, TraceError> {
        Ok(match &*self.node {
            Node::Read { open, options } => read::open(open, options, Streams::new(self.seed))?.1,
            Node::Steps(_) => None,
            Node::Samples { begins, .. } => Some(*begins),
            Node::Window(t, window) => t.begins()?.map(|at| at + window.from),
            Node::Scaled(t, _) | Node::Masked(t, _) | Node::Linear(t) => t.begins()?,
            Node::Concat(all) | Node::Merged(all) => all.first().map_or(Ok(None), Trace::begins)?,
        })
    }

    /// Its single arrivals: recorded ones, or drawn by the seed.
    ///
    /// # Errors
    /// What is wrong with its beginning; later faults come with [`Arrivals::next`].
    pub fn arrivals(&self) -> Result<BoxArrivals, TraceError> {
        self.points(Streams::new(self.seed))
    }

    /// Its load in steps of `step`.
    ///
    /// # Errors
    /// What is wrong with its beginning or with `step`; later faults come with [`Steps::next`].
    pub fn steps(&self, step: Duration) -> Result<BoxSteps, TraceError> {
        let rates = self.rates(Streams::new(self.seed), step)?;
        Ok(Box::new(Restep::try_new(rates, step)?))
    }

    /// Its load in steps as they come: those of the recording for rates, of `step` for single arrivals.
    ///
    /// # Errors
    /// As [`Trace::steps`].
    pub fn own_steps(&self, step: Duration) -> Result<BoxSteps, TraceError> {
        self.rates(Streams::new(self.seed), step)
    }

    fn points(&self, streams: Streams) -> Result<BoxArrivals, TraceError> {
        if let Node::Merged(all) = &*self.node {
            return Ok(Box::new(MergedArrivals::new(each(all, streams, |t, s| t.points(s))?)));
        }
        if self.kind()? == Kind::Rates {
            let steps = self.rates(streams, Duration::from_secs(1))?;
            return Ok(Box::new(Drawn::new(steps, self.drawing, streams)));
        }
        Ok(match &*self.node {
            Node::Read { open, options } => match read::open(open, options, streams)?.0 {
                Opened::Arrivals(arrivals) => arrivals,
                Opened::Rates(steps) => Box::new(Drawn::new(steps, self.drawing, streams)),
            },
            Node::Scaled(t, factor) if *factor < 1.0 => Box::new(Thinned::new(t.points(streams)?, *factor, streams)),
            Node::Scaled(t, factor) => Box::new(Superposed::new(t.points(streams)?, *factor, streams)),
            Node::Window(t, window) => Box::new(WindowArrivals::new(t.points(streams)?, *window)),
            Node::Masked(t, holes) => Box::new(MaskedArrivals::new(t.points(streams)?, holes.clone())),
            Node::Linear(t) => t.points(streams)?,
            Node::Concat(all) => Box::new(ConcatArrivals::new(each(all, streams, |t, s| t.points(s))?)),
            Node::Steps(_) | Node::Samples { .. } | Node::Merged(_) => return Err(TraceError::Empty),
        })
    }

    fn rates(&self, streams: Streams, step: Duration) -> Result<BoxSteps, TraceError> {
        let steps: BoxSteps = match &*self.node {
            Node::Read { open, options } => match read::open(open, options, streams)?.0 {
                Opened::Arrivals(arrivals) => Box::new(Binned::try_new(arrivals, step)?),
                Opened::Rates(steps) => steps,
            },
            Node::Steps(make) => make(streams)?,
            Node::Samples { steps, .. } => Box::new(shared(Arc::clone(steps)).into_steps()),
            Node::Scaled(t, factor) => {
                let thins = *factor < 1.0 && self.kind()? == Kind::Arrivals;
                Box::new(ScaledSteps::new(t.rates(streams, step)?, *factor, thins))
            }
            Node::Window(t, window) => Box::new(WindowSteps::new(t.rates(streams, step)?, *window)),
            Node::Masked(t, holes) => Box::new(MaskedSteps::new(t.rates(streams, step)?, holes.clone())),
            Node::Linear(t) if t.kind()? == Kind::Rates => Box::new(Linear::new(t.rates(streams, step)?)),
            Node::Linear(t) => t.rates(streams, step)?,
            Node::Concat(all) => Box::new(ConcatSteps::new(each(all, streams, |t, s| t.rates(s, step))?)),
            Node::Merged(all) => {
                let grid = |t: &Trace, s| Ok(Box::new(Restep::try_new(t.rates(s, step)?, step)?) as BoxSteps);
                Box::new(MergedSteps::new(each(all, streams, grid)?))
            }
        };
        let told = self.drawing.cv.is_some() || self.drawing.tokens.is_some();
        Ok(if told && self.kind()? == Kind::Rates { Box::new(Told { steps, drawing: self.drawing }) } else { steps })
    }
}

/// Opens each of several with streams of its own.
fn each<T>(
    all: &[Trace],
    streams: Streams,
    open: impl Fn(&Trace, Streams) -> Result<T, TraceError>,
) -> Result<Vec<T>, TraceError> {
    let own = |i: usize| Streams::new(streams.stream(&format!("trace.part.{i}")).next_u64());
    all.iter().enumerate().map(|(i, t)| open(t, own(i))).collect()
}

fn shared(steps: Arc<Vec<RateStep>>) -> impl Iterator<Item = RateStep> + Send {
    (0..steps.len()).map(move |i| steps[i])
}

/// Steps of an iterator.
pub(crate) struct IterSteps<I>(I);

pub(crate) trait IntoSteps: Iterator<Item = RateStep> + Sized {
    fn into_steps(self) -> IterSteps<Self> {
        IterSteps(self)
    }
}

impl<I: Iterator<Item = RateStep>> IntoSteps for I {}

impl<I: Iterator<Item = RateStep>> Steps for IterSteps<I> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        Ok(self.0.next())
    }
}

/// Steps that tell how their requests are drawn.
struct Told {
    steps: BoxSteps,
    drawing: Drawing,
}

impl Steps for Told {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let Some(mut step) = self.steps.next()? else { return Ok(None) };
        if let Some(cv) = self.drawing.cv {
            step.gap_scv = cv * cv;
        }
        if let Some(tokens) = self.drawing.tokens {
            step.tokens = tokens.means();
        }
        Ok(Some(step))
    }
}
