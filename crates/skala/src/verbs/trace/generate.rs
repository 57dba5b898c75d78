//! `trace generate`: made-up arrivals.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use skala_trace::generate::{Clients, Diurnal, Flash, Generator, Mmpp, Shape, State, clients};
use skala_trace::{Drawing, GapFamily, TokenPairs, Trace, TraceError};

use super::output::{WriteArgs, write};
use super::source::{GapsArg, fault};
use super::words;
use crate::cli::duration;
use crate::exit::Outcome;

#[derive(Subcommand)]
pub enum ShapeArgs {
    /// The same rate all the time
    Constant {
        #[command(flatten)]
        common: Common,
    },
    /// A wave of a day, times the days of a week
    Diurnal {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        diurnal: DiurnalArgs,
    },
    /// Rates that change at random (Markov-modulated Poisson)
    Mmpp {
        #[command(flatten)]
        common: Common,
        /// Rates with their mean stay, two or more
        #[arg(long, value_name = "RATE@TIME,...", value_delimiter = ',', value_parser = words::rate_for,
              default_value = "0.5rps@5m,3rps@1m")]
        states: Vec<(f64, Duration)>,
    },
    /// A crowd that comes at once and leaves slowly
    Flash {
        #[command(flatten)]
        common: Common,
        /// So many times the load before, at the top
        #[arg(long, value_name = "X", default_value_t = 10.0)]
        times: f64,
        /// When it begins
        #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
        at: Duration,
        /// How long it rises
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
        rise: Duration,
        /// How long until the surplus has fallen to a third (1/e)
        #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
        decay: Duration,
    },
    /// From one rate to another
    Ramp {
        #[command(flatten)]
        common: Common,
        /// Rate at the beginning
        #[arg(long, value_name = "RATE", value_parser = words::rate)]
        first: f64,
        /// Rate at the end
        #[arg(long, value_name = "RATE", value_parser = words::rate)]
        last: f64,
    },
    /// Rates, each for a time
    Steps {
        #[command(flatten)]
        common: Common,
        /// Rates with their times; the last goes on
        #[arg(long, value_name = "RATE@TIME,...", value_delimiter = ',', value_parser = words::rate_for, required = true)]
        rates: Vec<(f64, Duration)>,
    },
    /// Many clients, few of which make most of the load
    Clients {
        #[command(flatten)]
        common: Common,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        clients: u32,
        /// Exponent of their shares: 0 makes all alike
        #[arg(long, value_name = "X", default_value_t = 1.0)]
        skew: f64,
    },
}

/// What all shapes have.
#[derive(Args, Clone)]
pub struct Common {
    /// Requests per second on average, such as 50rps or 3000/min [default: 10rps; ramp, steps, mmpp and flash: not scaled]
    #[arg(long, visible_alias = "rate", value_name = "RATE", value_parser = words::rate)]
    mean: Option<f64>,
    /// How long
    #[arg(long = "for", value_name = "TIME", default_value = "1d", value_parser = duration)]
    length: Duration,
    /// Determines everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Coefficient of variation of gaps; 1 is Poisson
    #[arg(long, value_name = "X")]
    cv: Option<f64>,
    /// Distribution of gaps
    #[arg(long, value_enum, default_value_t)]
    gaps: GapsArg,
    /// Tokens: chat, or P50/P99,P50/P99 of prompts and answers
    #[arg(long, value_name = "SIZES", value_parser = words::tokens)]
    tokens: Option<TokenPairs>,
    /// Correlation of the logarithms of prompt and answer, -1 to 1
    #[arg(long, value_name = "R", requires = "tokens", allow_negative_numbers = true)]
    correlation: Option<f64>,
    /// File to write; - is stdout; .jsonl makes JSON lines, .gz compresses
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Clone)]
pub struct DiurnalArgs {
    /// Height of the wave of a day, 0 to 1
    #[arg(long, value_name = "X", default_value_t = 0.6)]
    daily: f64,
    /// Height of the wave of half a day, 0 to 1
    #[arg(long, value_name = "X", default_value_t = 0.15)]
    half_daily: f64,
    /// Hour of the top
    #[arg(long, value_name = "HOUR", default_value_t = 14.0)]
    peak_hour: f64,
    /// Load of Saturday and Sunday, over that of other days
    #[arg(long, value_name = "X", default_value_t = 0.6)]
    weekend: f64,
    /// The day of the week that it begins with, at midnight
    #[arg(long, value_enum, default_value_t)]
    first_day: Day,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Day {
    #[default]
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Requests per second where no mean is given.
const MEAN: f64 = 10.0;

pub(super) fn run(args: &ShapeArgs) -> Outcome {
    let common = args.common();
    let source = Path::new("generate");
    let trace = trace(args, common).map_err(|e| fault(source, e))?.with_seed(common.seed);
    write(&trace, source, &common.output, &common.write, Some(common.length))
}

impl ShapeArgs {
    fn common(&self) -> &Common {
        match self {
            ShapeArgs::Constant { common }
            | ShapeArgs::Diurnal { common, .. }
            | ShapeArgs::Mmpp { common, .. }
            | ShapeArgs::Flash { common, .. }
            | ShapeArgs::Ramp { common, .. }
            | ShapeArgs::Steps { common, .. }
            | ShapeArgs::Clients { common, .. } => common,
        }
    }
}

impl Common {
    fn drawing(&self) -> Result<Drawing, TraceError> {
        let tokens = match (self.tokens, self.correlation) {
            (Some(tokens), Some(r)) => Some(tokens.correlated(r)?),
            (tokens, _) => tokens,
        };
        Ok(Drawing { family: self.family(), cv: self.cv, tokens })
    }

    fn family(&self) -> GapFamily {
        match self.gaps {
            GapsArg::Gamma => GapFamily::Gamma,
            GapsArg::Weibull => GapFamily::Weibull,
        }
    }
}

fn trace(args: &ShapeArgs, common: &Common) -> Result<Trace, TraceError> {
    let (shape, mean) = match args {
        ShapeArgs::Constant { .. } => (Shape::Constant(1.0), Some(common.mean.unwrap_or(MEAN))),
        ShapeArgs::Diurnal { diurnal, .. } => (Shape::Diurnal(diurnal.shape()), Some(common.mean.unwrap_or(MEAN))),
        ShapeArgs::Mmpp { states, .. } => {
            let states = states.iter().map(|(rate, stay)| State { rate: *rate, stay: *stay }).collect();
            (Shape::Mmpp(Mmpp { states }), common.mean)
        }
        ShapeArgs::Flash { times, at, rise, decay, .. } => {
            let base = if common.mean.is_some() { 1.0 } else { MEAN };
            (Shape::Flash(Flash { base, times: *times, at: *at, rise: *rise, decay: *decay }), common.mean)
        }
        ShapeArgs::Ramp { first, last, .. } => (Shape::Ramp(*first, *last), common.mean),
        ShapeArgs::Steps { rates, .. } => (Shape::Steps(rates.clone()), common.mean),
        ShapeArgs::Clients { clients: count, skew, .. } => {
            return clients(&Clients {
                count: *count,
                mean: common.mean.unwrap_or(MEAN),
                length: common.length,
                skew: *skew,
                cv: common.cv.unwrap_or(1.5),
                family: common.family(),
                tokens: common.tokens.is_some(),
                seed: common.seed,
            });
        }
    };
    Generator { shape, length: common.length, mean, drawing: common.drawing()? }.trace()
}

impl DiurnalArgs {
    fn shape(&self) -> Diurnal {
        Diurnal {
            daily: self.daily,
            half_daily: self.half_daily,
            peak_hour: self.peak_hour,
            weekend: self.weekend,
            first_day: self.first_day as u8,
        }
    }
}
