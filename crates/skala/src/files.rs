//! Reading a platform file and showing what is wrong with it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use skala_spec::{LoadOptions, Loaded, Platform, Problem, Severity, Source, load};

use crate::exit::{Exit, FAILED, FINDINGS};

/// Largest platform file in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Largest file that `{file: path}` names, bytes; far above any key.
const MAX_SECRET: u64 = 1 << 20;

/// The text of a platform file and what came of it.
pub struct Read {
    /// The text.
    pub text: String,
    /// Platform and problems.
    pub loaded: Loaded,
}

/// Reads and checks a platform file.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path, environment: Option<&str>) -> Result<Read, Exit> {
    let missing = |e: io::Error| {
        let help = match e.kind() {
            io::ErrorKind::NotFound => "name the platform file, or change to its folder; `skala demo` needs none",
            _ => "make it readable",
        };
        Exit::new(FAILED, format!("cannot read the platform file {}: {e}", path.display()), help)
    };
    let text = text_of(path, MAX_FILE).map_err(|e| match e.kind() {
        io::ErrorKind::FileTooLarge => {
            let message = format!("{} is too large for a platform file: more than {MAX_FILE} bytes", path.display());
            Exit::new(FAILED, message, "is it the right file?")
        }
        _ => missing(e),
    })?;
    let loaded = parse(path, environment, &text);
    Ok(Read { text, loaded })
}

/// Checks a text as if it stood at `path`.
pub fn parse(path: &Path, environment: Option<&str>, text: &str) -> Loaded {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let options = LoadOptions {
        environment,
        env: &|name| std::env::var(name).ok(),
        read_file: &|name| text_of(&folder.join(name), MAX_SECRET).map_err(|e| e.to_string()),
    };
    load(&Source { name: &path.display().to_string(), text }, &options)
}

/// Reads a text of at most `max` bytes, also where the size is not known beforehand (a device, a pipe).
fn text_of(path: &Path, max: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(max + 1).read_to_string(&mut text)?;
    if read as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {max} bytes")));
    }
    Ok(text)
}

/// Reads a platform file that must be sound; warnings are shown and pass.
///
/// # Errors
/// When it cannot be read or has errors; the errors are shown.
pub fn platform(path: &Path, environment: Option<&str>) -> Result<Platform, Exit> {
    let Read { text, loaded } = read(path, environment)?;
    show(path, &text, &loaded.problems);
    loaded.platform.ok_or_else(|| Exit::silent(FINDINGS))
}

/// The warning of a service without a route: it matters to who serves, not to who calculates.
const NO_ROUTE: &str = "W0601";

/// As [`platform`], for verbs that calculate and serve nobody: what is only about routes is left to `check` and `up`.
///
/// # Errors
/// As [`platform`].
pub fn platform_on_paper(path: &Path, environment: Option<&str>) -> Result<Platform, Exit> {
    let Read { text, mut loaded } = read(path, environment)?;
    loaded.problems.retain(|p| p.code != NO_ROUTE);
    show(path, &text, &loaded.problems);
    loaded.platform.ok_or_else(|| Exit::silent(FINDINGS))
}

/// Shows problems on stderr, each with its line.
pub fn show(path: &Path, text: &str, problems: &[Problem]) {
    let name = path.display().to_string();
    for problem in problems {
        eprintln!("{}", drawn(&name, text, problem));
    }
}

/// One problem drawn with its line.
pub fn drawn(name: &str, text: &str, problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let span = problem.span.start.min(text.len())..problem.span.end.clamp(problem.span.start, text.len().max(problem.span.start));
    let reason = (!problem.reason.is_empty()).then(|| problem.reason.clone());
    let label = LabeledSpan::new_with_span(reason, span);
    let mut diagnostic =
        MietteDiagnostic::new(problem.message.clone()).with_code(problem.code).with_severity(severity).with_label(label);
    if !problem.help.is_empty() {
        diagnostic = diagnostic.with_help(problem.help.clone());
    }
    let report = Report::new(diagnostic).with_source_code(NamedSource::new(name, text.to_owned()));
    let color = std::env::var_os("NO_COLOR").is_none() && io::IsTerminal::is_terminal(&io::stderr());
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(110).render_report(&mut out, report.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_refused() {
        for (path, wanted) in [("/dev/zero", io::ErrorKind::FileTooLarge), ("/", io::ErrorKind::IsADirectory)] {
            assert_eq!(text_of(Path::new(path), MAX_SECRET).unwrap_err().kind(), wanted, "{path}");
        }
        assert_eq!(text_of(Path::new("/dev/null"), 0).unwrap(), "");
        assert_eq!(read(Path::new("/dev/zero"), None).err().unwrap().code, FAILED);
    }
}
