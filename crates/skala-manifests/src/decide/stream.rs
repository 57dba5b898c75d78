//! Documents of a stream, one at a time.
//!
//! Decides: where a document begins and ends: JSON objects one after the other, on lines or not; a JSON array of them; YAML documents
//!   between `---` lines.
//! Inputs: any reader; the first character tells JSON from YAML, and a brace at the start of a line among YAML begins JSON.
//! Method: braces are counted outside of texts. A document whose braces do not close swallows what follows, so at its end the lines
//!   behind its first are read again, each on its own.
//! Invariants: memory is bounded by the longest document that is allowed; every byte is looked at a bounded number of times.
//! Tested: `tests/it/stream.rs`.

use std::io::{BufRead, Read};

use super::{Document, DocumentError};

/// Longest document in bytes.
pub const MAX_DOCUMENT: usize = 64 << 20;
/// Deepest nesting that is followed: what the JSON parser follows.
const MAX_DEPTH: usize = 128;

/// The documents of a stream, or what is wrong with them.
pub struct Documents<R> {
    lines: Lines<R>,
    form: Option<Form>,
    limit: usize,
    /// The text behind the last document's end, on its line.
    rest: Vec<u8>,
    /// The line on which `rest` begins.
    rest_line: usize,
    /// Lines to be read again, each on its own, with the number of the first.
    again: std::vec::IntoIter<(usize, Vec<u8>)>,
    /// After text that is no document: nothing is read until a line begins with a brace at this column.
    lost: Option<usize>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Array,
    Yaml,
}

impl<R: BufRead> Documents<R> {
    /// Documents of at most [`MAX_DOCUMENT`] bytes.
    pub fn new(reader: R) -> Documents<R> {
        Documents::bounded(reader, MAX_DOCUMENT)
    }

    /// Documents of at most `limit` bytes.
    pub fn bounded(reader: R, limit: usize) -> Documents<R> {
        Documents {
            lines: Lines { reader, number: 0, limit, failed: false },
            form: None,
            limit,
            rest: Vec::new(),
            rest_line: 1,
            again: Vec::new().into_iter(),
            lost: None,
            ended: false,
        }
    }

    /// The next line, or what is left of the last one.
    fn line(&mut self) -> Result<Option<(usize, Vec<u8>)>, DocumentError> {
        if !self.rest.is_empty() {
            return Ok(Some((self.rest_line, std::mem::take(&mut self.rest))));
        }
        match self.lines.next() {
            Some(Ok(line)) => Ok(Some((self.lines.number, line))),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }

    fn next_json(&mut self) -> Option<Result<Document, DocumentError>> {
        let column;
        let (first, mut line) = loop {
            let (number, line) = match self.line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            let array = self.form == Some(Form::Array);
            let skipped =
                line.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0x1e || (array && b"[],".contains(b))).count();
            let text = line[skipped..].trim_ascii_end();
            let still_lost = self.lost.is_some_and(|column| column < skipped || text.first() != Some(&b'{'));
            if text.is_empty() || text == b"---" || still_lost {
                continue;
            }
            self.lost = None;
            column = skipped;
            break (number, line[skipped..].to_vec());
        };
        if line[0] != b'{' {
            self.lost = Some(0);
            let message = "a document begins with `{`";
            return Some(Err(DocumentError { message: message.to_owned(), path: None, line: Some(first) }));
        }
        let mut text: Vec<u8> = Vec::new();
        let mut starts = vec![0];
        let mut scan = Scan::default();
        loop {
            match scan.run(&line) {
                Found::End(at) => {
                    self.rest = line.split_off(at);
                    self.rest_line = first + starts.len() - 1;
                    text.extend_from_slice(&line);
                    return Some(json(&text, first));
                }
                Found::Broken(message) => {
                    self.lost = Some(column);
                    // What is wrong has a better name in the parser, if the parser sees it too.
                    text.extend_from_slice(&line);
                    let error = Document::from_json(text.trim_ascii_end()).err().unwrap_or_else(|| plain(message));
                    return Some(Err(shifted(error, first)));
                }
                Found::More => text.extend_from_slice(&line),
            }
            if text.len() > self.limit {
                return Some(Err(self.too_long(first)));
            }
            match self.lines.next() {
                Some(Ok(next)) => {
                    // A `{` at the start of a line cannot follow a finished value: the document before it was cut off.
                    if next.first() == Some(&b'{') && !scan.in_text && !continues(&text) {
                        self.rest = next;
                        self.rest_line = self.lines.number;
                        self.again(&text, &starts, first);
                        return Some(Err(cut_off(first)));
                    }
                    starts.push(text.len());
                    line = next;
                }
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.again(&text, &starts, first);
                    return Some(Err(cut_off(first)));
                }
            }
        }
    }

    /// Keeps the lines behind the first, where they look like documents of their own.
    fn again(&mut self, text: &[u8], starts: &[usize], first: usize) {
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let lines = starts.iter().zip(ends).enumerate().skip(1);
        let own = lines.map(|(i, (from, to))| (first + i, &text[*from..to])).filter(|(_, line)| line.first() == Some(&b'{'));
        self.again = own.map(|(number, line)| (number, line.to_vec())).collect::<Vec<_>>().into_iter();
    }

    fn next_yaml(&mut self) -> Option<Result<Document, DocumentError>> {
        loop {
            let mut text: Vec<u8> = Vec::new();
            let mut first = self.rest_line;
            let (mut any, mut flow) = (false, false);
            let more = loop {
                let (number, mut line) = match self.line() {
                    Ok(Some(line)) => line,
                    Ok(None) => break false,
                    Err(error) => return Some(Err(error)),
                };
                if text.is_empty() && !any {
                    first = number;
                }
                if line.starts_with(b"---") && line.get(3).is_none_or(u8::is_ascii_whitespace) {
                    if any {
                        self.rest = line;
                        self.rest_line = number;
                        break true;
                    }
                    // The first `---` belongs to the document behind it; what was in front is directives and comments.
                    text.clear();
                    first = number;
                    line[..3].fill(b' ');
                }
                if line.trim_ascii_end() == b"..." {
                    break true;
                }
                // No block of YAML goes on with a brace at the start of a line: text that was no document, or one, ends here.
                if any && line[0] == b'{' && !flow {
                    self.rest = line;
                    self.rest_line = number;
                    self.form = Some(Form::Json);
                    break true;
                }
                let blank = line.trim_ascii_start().is_empty() || line.trim_ascii_start().starts_with(b"#");
                if !any && !blank && !line.starts_with(b"%") {
                    any = true;
                    flow = matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
                }
                if !line.starts_with(b"%") || any {
                    text.extend_from_slice(&line);
                }
                if text.len() > self.limit {
                    return Some(Err(self.too_long(first)));
                }
            };
            if any {
                return Some(match std::str::from_utf8(&text) {
                    Ok(text) => Document::from_yaml(text).or_else(|error| {
                        // What is missing at the end is told of the last line, not of the one behind it.
                        let line = error.line.map(|l| l.min(text.lines().count().max(1)));
                        Document::holding_yaml(text, shifted(DocumentError { line, ..error }, first))
                    }),
                    Err(_) => Err(shifted(plain("the document is not UTF-8"), first)),
                });
            }
            if !more {
                return None;
            }
        }
    }

    /// A document that is too long ends the stream: where the next one begins cannot be known.
    fn too_long(&mut self, line: usize) -> DocumentError {
        self.ended = true;
        DocumentError { message: format!("the document is longer than {} bytes", self.limit), path: None, line: Some(line) }
    }

    /// The first character that means something tells the form.
    fn begin(&mut self) -> Result<(), DocumentError> {
        while let Some((number, mut line)) = self.line()? {
            if number == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            let Some(first) = line.trim_ascii_start().first() else { continue };
            self.form = Some(match first {
                b'{' | 0x1e => Form::Json,
                b'[' => Form::Array,
                _ => Form::Yaml,
            });
            (self.rest, self.rest_line) = (line, number);
            return Ok(());
        }
        self.ended = true;
        Ok(())
    }
}

impl<R: BufRead> Iterator for Documents<R> {
    type Item = Result<Document, DocumentError>;

    fn next(&mut self) -> Option<Result<Document, DocumentError>> {
        if let Some((number, line)) = self.again.next() {
            return Some(json(&line, number));
        }
        if self.ended {
            return None;
        }
        if self.form.is_none()
            && let Err(error) = self.begin()
        {
            return Some(Err(error));
        }
        match self.form {
            None => None,
            Some(Form::Yaml) => self.next_yaml(),
            Some(Form::Json | Form::Array) => self.next_json(),
        }
    }
}

/// One document; of an unreadable one the size, where that can be read.
fn json(text: &[u8], first: usize) -> Result<Document, DocumentError> {
    Document::from_json(text).or_else(|e| Document::holding(text, shifted(e, first)))
}

fn plain(message: &str) -> DocumentError {
    DocumentError { message: message.to_owned(), path: None, line: Some(1) }
}

fn cut_off(line: usize) -> DocumentError {
    DocumentError { line: Some(line), ..plain("the document is cut off: its brackets or texts are not closed") }
}

/// From a line of the document to one of the input.
fn shifted(error: DocumentError, first: usize) -> DocumentError {
    DocumentError { line: Some(error.line.unwrap_or(1) + first - 1), ..error }
}

/// Whether a value may follow what was read.
fn continues(text: &[u8]) -> bool {
    matches!(text.trim_ascii_end().last(), Some(b',' | b':' | b'[' | b'{'))
}

/// Follows braces and texts.
#[derive(Default)]
struct Scan {
    open: Vec<u8>,
    in_text: bool,
    escaped: bool,
}

enum Found {
    /// The document ends in front of this byte of the line.
    End(usize),
    More,
    Broken(&'static str),
}

impl Scan {
    fn run(&mut self, line: &[u8]) -> Found {
        for (at, byte) in line.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    // A line end inside a text is no JSON: the text was not closed.
                    b'\n' => return Found::Broken("a text is not closed"),
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' if self.open.len() >= MAX_DEPTH => return Found::Broken("nested too deeply"),
                b'{' | b'[' => self.open.push(*byte),
                b'}' | b']' => {
                    let opening = if *byte == b'}' { b'{' } else { b'[' };
                    if self.open.pop() != Some(opening) {
                        return Found::Broken("the brackets do not match");
                    }
                    if self.open.is_empty() {
                        return Found::End(at + 1);
                    }
                }
                _ => {}
            }
        }
        Found::More
    }
}

/// Lines with their ends, of bounded length.
struct Lines<R> {
    reader: R,
    number: usize,
    limit: usize,
    /// A reader that failed once is not asked again: it might fail for ever.
    failed: bool,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Option<Result<Vec<u8>, DocumentError>> {
        if self.failed {
            return None;
        }
        let mut line = Vec::new();
        let most = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(1);
        self.number += 1;
        match self.reader.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.len() > self.limit => {
                let message = format!("the line is longer than {} bytes", self.limit);
                let error = DocumentError { message, path: None, line: Some(self.number) };
                // The rest of the line is no document either.
                self.failed = self.skip().is_err();
                Some(Err(error))
            }
            Ok(_) => Some(Ok(line)),
            Err(error) => {
                self.failed = true;
                Some(Err(unreadable(&error, self.number)))
            }
        }
    }

    fn skip(&mut self) -> Result<(), DocumentError> {
        loop {
            let buffer = self.reader.fill_buf().map_err(|e| unreadable(&e, self.number))?;
            if buffer.is_empty() {
                return Ok(());
            }
            let (used, done) = match buffer.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), false),
            };
            self.reader.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

fn unreadable(error: &std::io::Error, line: usize) -> DocumentError {
    DocumentError { message: format!("the input cannot be read: {error}"), path: None, line: Some(line) }
}
