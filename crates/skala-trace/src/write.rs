//! Traces as text: what is written here reads back the same.
//!
//! Method: times are seconds from the beginning with up to nine decimals; numbers in their shortest form that reads back the same.

use std::io::{Result, Write};
use std::time::Duration;

use crate::{Arrival, Item, RateStep};

/// A form of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated.
    Csv,
    /// A JSON object per line.
    JsonLines,
}

/// Writes arrivals.
pub struct ArrivalWriter<W> {
    out: W,
    form: Form,
    tokens: bool,
    line: Vec<u8>,
}

impl<W: Write> ArrivalWriter<W> {
    /// Writes the header, if the form has one; `tokens` makes columns for them.
    ///
    /// # Errors
    /// Of the writer.
    pub fn new(mut out: W, form: Form, tokens: bool) -> Result<ArrivalWriter<W>> {
        match (form, tokens) {
            (Form::Csv, true) => out.write_all(b"arrival_s,input_tokens,output_tokens\n")?,
            (Form::Csv, false) => out.write_all(b"arrival_s\n")?,
            (Form::JsonLines, _) => {}
        }
        Ok(ArrivalWriter { out, form, tokens, line: Vec::with_capacity(96) })
    }

    /// Writes one.
    ///
    /// # Errors
    /// Of the writer.
    pub fn write(&mut self, item: &Item) -> Result<()> {
        self.line.clear();
        match item {
            Item::Arrival(arrival) => self.arrival(arrival),
            Item::Hole { from, to } => self.hole(*from, *to),
        }
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    fn arrival(&mut self, arrival: &Arrival) {
        let line = &mut self.line;
        let json = self.form == Form::JsonLines;
        line.extend_from_slice(if json { b"{\"at\":" } else { b"" });
        seconds(line, arrival.at);
        if self.tokens {
            line.extend_from_slice(if json { b",\"inputTokens\":" } else { b"," });
            integer(line, arrival.input_tokens.into());
            line.extend_from_slice(if json { b",\"outputTokens\":" } else { b"," });
            integer(line, arrival.output_tokens.into());
        }
        line.extend_from_slice(if json { b"}" } else { b"" });
    }

    fn hole(&mut self, from: Duration, to: Duration) {
        let line = &mut self.line;
        let json = self.form == Form::JsonLines;
        line.extend_from_slice(if json { b"{\"at\":" } else { b"# hole " });
        seconds(line, from);
        line.extend_from_slice(if json { b",\"holeTo\":" } else { b" " });
        seconds(line, to);
        line.extend_from_slice(if json { b"}" } else { b"" });
    }

    /// Ends it.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(mut self) -> Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes steps as rates; a hole is a row without a rate.
pub struct RateWriter<W> {
    out: W,
    form: Form,
    tokens: bool,
}

impl<W: Write> RateWriter<W> {
    /// Writes the header, if the form has one; `tokens` makes columns for their means.
    ///
    /// # Errors
    /// Of the writer.
    pub fn new(mut out: W, form: Form, tokens: bool) -> Result<RateWriter<W>> {
        match (form, tokens) {
            (Form::Csv, true) => out.write_all(b"timestamp,requests_per_s,gap_scv,input_tokens,output_tokens\n")?,
            (Form::Csv, false) => out.write_all(b"timestamp,requests_per_s,gap_scv\n")?,
            (Form::JsonLines, _) => {}
        }
        Ok(RateWriter { out, form, tokens })
    }

    /// Writes one.
    ///
    /// # Errors
    /// Of the writer.
    pub fn write(&mut self, step: &RateStep) -> Result<()> {
        let mut at = Vec::with_capacity(32);
        seconds(&mut at, step.from);
        let at = String::from_utf8_lossy(&at);
        let (scv, (input, output)) = (step.gap_scv, step.tokens);
        match (self.form, step.rate) {
            (Form::Csv, rate) => {
                let rate = rate.map_or_else(String::new, |r| r.to_string());
                write!(self.out, "{at},{rate},{scv}")?;
                if self.tokens {
                    write!(self.out, ",{input},{output}")?;
                }
                self.out.write_all(b"\n")
            }
            (Form::JsonLines, rate) => {
                let rate = rate.map_or_else(|| "null".to_owned(), |r| r.to_string());
                write!(self.out, "{{\"timestamp\":{at},\"requestsPerS\":{rate},\"gapScv\":{scv}")?;
                if self.tokens {
                    write!(self.out, ",\"inputTokens\":{input},\"outputTokens\":{output}")?;
                }
                self.out.write_all(b"}\n")
            }
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(mut self) -> Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn integer(line: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut i = digits.len();
    loop {
        i -= 1;
        digits[i] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[i..]);
}

fn seconds(line: &mut Vec<u8>, at: Duration) {
    integer(line, at.as_secs());
    let mut part = at.subsec_nanos();
    if part == 0 {
        return;
    }
    line.push(b'.');
    let mut scale = 100_000_000;
    while part > 0 {
        line.push(b'0' + (part / scale) as u8);
        part %= scale;
        scale /= 10;
    }
}
