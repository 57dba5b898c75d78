//! Where a trace is written to: a file that appears when it is complete, or stdout; with progress for people.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use skala_trace::write::{ArrivalWriter, Form, RateWriter};
use skala_trace::{Item, Kind, Trace};

use super::source::fault;
use crate::cli::duration;
use crate::exit::{Exit, FAILED, INTERRUPTED, Outcome, USAGE};

/// Room for writing.
const BUFFER: usize = 256 * 1024;

/// What is written.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Writing")]
pub struct WriteArgs {
    /// Write requests per second over steps of this length instead of single arrivals
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub step: Option<Duration>,
    /// Form [default: as the file's name ends, else csv]
    #[arg(long, value_enum, value_name = "FORM")]
    pub form: Option<FormArg>,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormArg {
    /// Comma-separated
    Csv,
    /// JSON lines
    Jsonl,
}

/// Writes a trace; `source` is named in faults, `length` is the whole where it is known.
pub(super) fn write(trace: &Trace, source: &Path, to: &Path, args: &WriteArgs, length: Option<Duration>) -> Outcome {
    let stdout = to.as_os_str() == "-";
    // A device or a pipe is written into; it is never replaced by a file.
    let special = !stdout && to.metadata().is_ok_and(|m| !m.is_file());
    if !stdout && !special && to.exists() && !args.force {
        return Err(Exit::new(USAGE, format!("{} exists", to.display()), "give --force to overwrite it, or another name"));
    }
    let form = match args.form {
        Some(FormArg::Csv) => Form::Csv,
        Some(FormArg::Jsonl) => Form::JsonLines,
        None => form_of(to),
    };
    let bar = bar(length);
    if stdout {
        let written = content(trace, source, BufWriter::with_capacity(BUFFER, std::io::stdout().lock()), form, args.step, &bar);
        return written.map(|_| ());
    }
    // A link stays a link: what it leads to is replaced.
    let place = to.canonicalize().unwrap_or_else(|_| to.to_owned());
    let partial = (!special).then(|| Partial::new(&place));
    if let Some(Partial { path }) = &partial {
        let path = path.clone();
        crate::verbs::load::ctrl_c(move || {
            // It may not have been made yet.
            let _ = std::fs::remove_file(&path);
            std::process::exit(i32::from(INTERRUPTED));
        })?;
    }
    let under_way = partial.as_ref().map_or(to, |p| p.path.as_path());
    let unwritten = |e: std::io::Error| Exit { code: FAILED, message: format!("cannot write {}: {e}", to.display()), help: None };
    let file = BufWriter::with_capacity(BUFFER, File::create(under_way).map_err(unwritten)?);
    let count = if to.extension().is_some_and(|e| e == "gz") {
        let (count, packed) = content(trace, source, GzEncoder::new(file, Compression::fast()), form, args.step, &bar)?;
        packed.finish().and_then(|mut f| f.flush()).map_err(unwritten)?;
        count
    } else {
        content(trace, source, file, form, args.step, &bar)?.0
    };
    if let Some(partial) = partial {
        partial.complete(&place).map_err(unwritten)?;
    }
    bar.finish_and_clear();
    eprintln!("wrote {count} {} to {}", if args.step.is_some() { "steps" } else { "arrivals" }, to.display());
    Ok(())
}

fn form_of(path: &Path) -> Form {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".jsonl") || name.ends_with(".ndjson") || name.ends_with(".json") { Form::JsonLines } else { Form::Csv }
}

/// A file under way; removed unless completed.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn new(to: &Path) -> Partial {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        Partial { path: to.with_file_name(name) }
    }

    fn complete(&self, to: &Path) -> std::io::Result<()> {
        std::fs::rename(&self.path, to)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already when it was completed.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(length: Option<Duration>) -> ProgressBar {
    let style = match length {
        Some(_) => "{bar:40} {percent}% of the trace, {elapsed} (left: {eta})",
        None => "{spinner} {pos} s of the trace read, {elapsed}",
    };
    let target = ProgressDrawTarget::stderr_with_hz(5);
    let bar = ProgressBar::with_draw_target(length.map(|l| l.as_secs().max(1)), target);
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Arrivals between two words of progress.
const OFTEN: u64 = 1 << 16;

fn content<W: Write>(
    trace: &Trace,
    source: &Path,
    out: W,
    form: Form,
    step: Option<Duration>,
    bar: &ProgressBar,
) -> Result<(u64, W), Exit> {
    let failed = |e: std::io::Error| match e.kind() {
        // A closed pipe (`| head`) ends quietly.
        ErrorKind::BrokenPipe => Exit::silent(0),
        _ => Exit { code: FAILED, message: format!("cannot write the trace: {e}"), help: None },
    };
    let bad = |e| fault(source, e);
    let mut count = 0;
    if let Some(step) = step {
        let mut steps = trace.steps(step).map_err(bad)?;
        let first = steps.next().map_err(bad)?;
        let tokens = first.is_some_and(|s| s.tokens != (0.0, 0.0));
        let mut writer = RateWriter::new(out, form, tokens).map_err(failed)?;
        let mut next = first;
        while let Some(step) = next {
            writer.write(&step).map_err(failed)?;
            count += 1;
            bar.set_position(step.to.as_secs());
            next = steps.next().map_err(bad)?;
        }
        return Ok((count, writer.finish().map_err(failed)?));
    }
    let mut arrivals = trace.arrivals().map_err(bad)?;
    let first = arrivals.next().map_err(bad)?;
    let tokens = match first {
        Some(Item::Arrival(a)) => a.input_tokens > 0 || a.output_tokens > 0,
        // The first says nothing of the others.
        _ => trace.kind().map_err(bad)? == Kind::Arrivals,
    };
    let mut writer = ArrivalWriter::new(out, form, tokens).map_err(failed)?;
    let mut next = first;
    while let Some(item) = next {
        writer.write(&item).map_err(failed)?;
        count += u64::from(matches!(item, Item::Arrival(_)));
        if let (Item::Arrival(a), true) = (&item, count.is_multiple_of(OFTEN)) {
            bar.set_position(a.at.as_secs());
        }
        next = arrivals.next().map_err(bad)?;
    }
    Ok((count, writer.finish().map_err(failed)?))
}
