//! A trace by the name of its file: opened as often as it is read, unpacked where it is compressed, or taken from a journal.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use flate2::bufread::MultiGzDecoder;
use skala_trace::{
    Drawing, Format, GapFamily, Holes, Input, ReadOptions, RowKind, Spread, TokenPairs, Trace, TraceError, Window,
};

use super::words;
use crate::cli::duration;
use crate::exit::{Exit, FAILED, USAGE};

/// Room for reading.
const BUFFER: usize = 256 * 1024;

/// How a trace is read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading")]
pub struct ReadArgs {
    /// What the file is [default: as its first line looks]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// What its rows are [default: as its header says]
    #[arg(long, value_enum, value_name = "ROWS")]
    pub rows: Option<RowsArg>,
    /// Time from row to row of requests [default: inferred]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub row_step: Option<Duration>,
    /// How much earlier than others before it a row may be [default: 30s in access logs, else 0s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub sort: Option<Duration>,
    /// Holes of the recording: `auto` (missing rows, long runs of 0 in a busy series), `none`, or stretches such as 10h..12h,20h..21h
    #[arg(long, value_name = "HOLES", default_value = "auto", value_parser = holes)]
    pub holes: Option<HolesArg>,
    /// Spreads arrivals of the same second over it [default: random in access logs, else none]
    #[arg(long, value_enum, value_name = "HOW")]
    pub spread: Option<SpreadArg>,
    /// The service, for a journal with several
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

/// How a trace is changed and drawn.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Changes")]
pub struct ChangeArgs {
    /// Begin there, counted from the trace's beginning
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub from: Option<Duration>,
    /// End there, counted from the trace's beginning
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub to: Option<Duration>,
    /// So many times the load: fewer arrivals are kept, or more drawn among them; time stays as it is
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub scale: f64,
    /// Rates change steadily from step to step
    #[arg(long)]
    pub linear: bool,
    /// Coefficient of variation of gaps, for arrivals that are drawn from rates [default: the trace's, else 1]
    #[arg(long, value_name = "X")]
    pub cv: Option<f64>,
    /// Distribution of those gaps
    #[arg(long, value_enum, default_value_t)]
    pub gaps: GapsArg,
    /// Tokens for requests drawn from rates: chat, or P50/P99,P50/P99 of prompts and answers
    #[arg(long, value_name = "SIZES", value_parser = words::tokens)]
    pub tokens: Option<TokenPairs>,
    /// Determines everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Comma-separated
    Csv,
    /// Access log in Common or Combined Log Format
    Log,
    /// JSON lines
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowsArg {
    /// One arrival each
    Arrivals,
    /// Requests from a row to the next
    Counts,
    /// Requests per second
    Rates,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpreadArg {
    /// As they are
    None,
    /// At equal distances
    Even,
    /// At random
    Random,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GapsArg {
    /// Gamma
    #[default]
    Gamma,
    /// Weibull
    Weibull,
}

/// What `--holes` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolesArg {
    /// By rule.
    Auto,
    /// None but those that the file tells of.
    None,
    /// By rule, and these.
    At(Holes),
}

fn holes(text: &str) -> Result<HolesArg, String> {
    match text {
        "auto" => Ok(HolesArg::Auto),
        "none" => Ok(HolesArg::None),
        list => {
            let stretches = list.split(',').map(words::stretch).collect::<Result<_, _>>()?;
            Holes::try_new(stretches).map(HolesArg::At).map_err(|e| e.to_string())
        }
    }
}

impl ReadArgs {
    fn options(&self) -> ReadOptions {
        ReadOptions {
            format: match self.format {
                None => Format::Auto,
                Some(FormatArg::Csv) => Format::Csv,
                Some(FormatArg::Log) => Format::AccessLog,
                Some(FormatArg::Jsonl) => Format::JsonLines,
            },
            rows: self.rows.map(|r| match r {
                RowsArg::Arrivals => RowKind::Arrivals,
                RowsArg::Counts => RowKind::Counts,
                RowsArg::Rates => RowKind::Rates,
            }),
            step: self.row_step,
            sort: self.sort,
            holes: self.holes != Some(HolesArg::None),
            spread: self.spread.map(|s| match s {
                SpreadArg::None => Spread::None,
                SpreadArg::Even => Spread::Even,
                SpreadArg::Random => Spread::Random,
            }),
        }
    }
}

impl ChangeArgs {
    /// How single requests are drawn.
    pub fn drawing(&self) -> Drawing {
        let family = match self.gaps {
            GapsArg::Gamma => GapFamily::Gamma,
            GapsArg::Weibull => GapFamily::Weibull,
        };
        Drawing { family, cv: self.cv, tokens: self.tokens }
    }

    /// The trace, changed: cut first, then scaled.
    ///
    /// # Errors
    /// A value out of bounds.
    pub fn apply(&self, trace: Trace) -> Result<Trace, TraceError> {
        if let Some(cv) = self.cv.filter(|cv| !(0.0..=skala_trace::MAX_CV).contains(cv)) {
            let reason = format!("{cv} is not within 0 and {}", skala_trace::MAX_CV);
            return Err(TraceError::Setting { field: "cv".into(), reason });
        }
        let mut trace = trace.with_seed(self.seed).drawn(self.drawing());
        if self.linear {
            trace = trace.linear();
        }
        if self.from.is_some() || self.to.is_some() {
            trace = trace.window(Window::try_new(self.from.unwrap_or_default(), self.to)?);
        }
        trace.scaled(self.scale)
    }
}

/// The trace in a file, of which nothing has been read yet; a journal is gathered into steps of `journal_step` where `args` have none.
///
/// # Errors
/// When there is no such file, or it cannot be read more than once.
pub fn load(path: &Path, args: &ReadArgs, journal_step: Duration) -> Result<Trace, Exit> {
    let unread = |e: std::io::Error| Exit { code: FAILED, message: format!("cannot read {}: {e}", path.display()), help: None };
    if !path.metadata().map_err(unread)?.is_file() {
        return Err(Exit::new(
            FAILED,
            format!("{} is not a regular file", path.display()),
            "a trace is read more than once: write it to a file",
        ));
    }
    let mut magic = [0; 16];
    let read = File::open(path).and_then(|mut f| f.read(&mut magic)).map_err(unread)?;
    let trace = if &magic[..read] == super::journal::MAGIC {
        super::journal::trace(path, args, journal_step)?
    } else {
        let path: PathBuf = path.to_owned();
        Trace::read(Arc::new(move || open(&path)), args.options())
    };
    Ok(match &args.holes {
        Some(HolesArg::At(holes)) => trace.masked(holes.clone()),
        _ => trace,
    })
}

/// Opens a file, unpacking it where it is compressed.
fn open(path: &Path) -> std::io::Result<Input> {
    let mut file = File::open(path)?;
    let mut magic = [0; 2];
    let packed = file.read(&mut magic)? == 2 && magic == [0x1f, 0x8b];
    file.seek(SeekFrom::Start(0))?;
    let plain = BufReader::with_capacity(BUFFER, file);
    if packed { Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)))) } else { Ok(Box::new(plain)) }
}

/// A fault of a trace, with its file.
pub fn fault(path: &Path, error: TraceError) -> Exit {
    let file = path.display();
    match error {
        TraceError::Setting { .. } => Exit { code: USAGE, message: error.to_string(), help: None },
        TraceError::Row { .. } => Exit { code: FAILED, message: format!("{file}: {error}"), help: None },
        TraceError::Read(_) => Exit { code: FAILED, message: format!("{file} {error}"), help: None },
        TraceError::Empty => {
            Exit::new(FAILED, format!("{file} holds no arrivals"), "it needs a row per arrival, or rows of timestamp,requests")
        }
    }
}
