//! `decide`: one reconcile of a HorizontalPodAutoscaler per document, from objects as `kubectl` prints them.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};

use anyhow::Context;
use serde::Serialize;
use skala_manifests::decide::{Answer, Documents, decide};

use crate::cli::DecideArgs;
use crate::exit::{Exit, FAILED, Outcome};

/// Room for reading and writing.
const BUFFER: usize = 256 * 1024;

/// `skala decide [FILE|-]`: a JSON line per document; exit 1 when one could not be decided on.
pub fn run(args: &DecideArgs) -> Outcome {
    let input: Box<dyn BufRead> = match args.file.as_path() {
        path if path.as_os_str() == "-" => Box::new(BufReader::with_capacity(BUFFER, std::io::stdin().lock())),
        path => {
            let file = File::open(path).map_err(|e| {
                Exit::new(FAILED, format!("cannot read {}: {e}", path.display()), "name a file with documents, or - for stdin")
            })?;
            Box::new(BufReader::with_capacity(BUFFER, file))
        }
    };
    let mut output = BufWriter::with_capacity(BUFFER, std::io::stdout().lock());
    match decide_all(args, input, &mut output) {
        Ok(0) => Ok(()),
        Ok(failed) if args.explain => {
            let message = format!("{failed} of the documents could not be decided on");
            Err(Exit { code: FAILED, message, help: None })
        }
        Ok(_) => Err(Exit::silent(FAILED)),
        // A closed pipe (`| head`) ends quietly.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error).context("write the answers").map_err(Exit::from),
    }
}

/// Answers every document; the number of those that could not be decided on.
fn decide_all(args: &DecideArgs, input: impl BufRead, output: &mut impl Write) -> std::io::Result<usize> {
    let (mut failed, mut empty) = (0, true);
    for document in Documents::new(input) {
        let first = std::mem::replace(&mut empty, false);
        match document {
            Ok(document) => {
                let answer = decide(&document, args.now);
                failed += usize::from(answer.error.is_some());
                match (args.explain, first) {
                    (true, true) => output.write_all(answer.explanation.as_bytes())?,
                    (true, false) => write!(output, "\n{}", answer.explanation)?,
                    (false, _) => line(output, &answer)?,
                }
            }
            Err(error) => {
                failed += 1;
                match (args.explain, error.line) {
                    (true, Some(number)) => writeln!(output, "line {number}: {error}")?,
                    (true, None) => writeln!(output, "{error}")?,
                    (false, _) => line(output, &Answer::from(error))?,
                }
            }
        }
        // Whoever writes one document after the other may wait for each answer.
        output.flush()?;
    }
    if empty {
        // Silence would look like an answer to a script that lost its input.
        eprintln!("error: there is no document in the input");
        return Ok(1);
    }
    Ok(failed)
}

fn line(output: &mut impl Write, answer: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    output.write_all(b"\n")
}
