//! The text form of a selector: `a=b,c in (x,y),!d,e notin (z)`.
//!
//! Method: the grammar of `labels.Parse`: words between the symbols `= ! ( ) , < >` and white space; `in` and `notin` are operators
//!   behind a key and plain words elsewhere; a missing value is the empty one.
//! Invariants: time proportional to the text; the terms are sorted by key, as upstream sorts them.
//! Tested: `tests` below.

use super::{SelectorError, Term, Test, names};

/// Reads a whole selector; an empty text has no terms.
pub(super) fn parse(text: &str) -> Result<Vec<Term>, SelectorError> {
    let mut words = Words { rest: text };
    let mut terms = Vec::new();
    if words.peek() == Word::End {
        return Ok(terms);
    }
    loop {
        terms.push(term(&mut words)?);
        match words.next() {
            Word::End => break,
            Word::Symbol(",") => {
                if matches!(words.peek(), Word::Symbol(s) if s != "!") || words.peek() == Word::End {
                    return Err(wrong(&words.peek(), "identifier after ','"));
                }
            }
            other => return Err(wrong(&other, "',' or end of string")),
        }
    }
    terms.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(terms)
}

fn term(words: &mut Words<'_>) -> Result<Term, SelectorError> {
    let absent = words.peek() == Word::Symbol("!");
    if absent {
        words.next();
    }
    let key = match words.next() {
        Word::Text(key) => key,
        other => return Err(wrong(&other, "'!' or identifier")),
    };
    if absent {
        return Term::new(key, Test::Absent);
    }
    let test = match words.peek() {
        Word::End | Word::Symbol(",") => return Term::new(key, Test::Exists),
        Word::Symbol("=" | "==") => Test::In(vec![equal(words)?]),
        Word::Symbol("!=") => Test::NotIn(vec![equal(words)?]),
        Word::Symbol(">") => Test::Above(integer(&equal(words)?)?),
        Word::Symbol("<") => Test::Below(integer(&equal(words)?)?),
        Word::Text("in") => Test::In(set(words)?),
        Word::Text("notin") => Test::NotIn(set(words)?),
        other => return Err(wrong(&other, "one of =, !=, ==, in, notin, <, >")),
    };
    Term::new(key, test)
}

/// The operator and the one value behind it.
fn equal(words: &mut Words<'_>) -> Result<Box<str>, SelectorError> {
    words.next();
    match words.peek() {
        Word::Text(value) => {
            words.next();
            Ok(value.into())
        }
        Word::End | Word::Symbol(",") => Ok("".into()),
        other => Err(wrong(&other, "identifier")),
    }
}

fn integer(text: &str) -> Result<i64, SelectorError> {
    text.parse().map_err(|_| SelectorError::Integer(names::shown(text)))
}

/// The operator and a list in parentheses.
fn set(words: &mut Words<'_>) -> Result<Vec<Box<str>>, SelectorError> {
    words.next();
    match words.next() {
        Word::Symbol("(") => {}
        other => return Err(wrong(&other, "'('")),
    }
    let mut values: Vec<Box<str>> = Vec::new();
    // Nothing between two commas, or before a parenthesis, is the empty value.
    loop {
        match words.next() {
            Word::Text(value) => {
                values.push(value.into());
                match words.next() {
                    Word::Symbol(",") => {}
                    Word::Symbol(")") => break,
                    other => return Err(wrong(&other, "',' or ')'")),
                }
            }
            Word::Symbol(",") => values.push("".into()),
            Word::Symbol(")") => {
                values.push("".into());
                break;
            }
            other => return Err(wrong(&other, "',', ')' or identifier")),
        }
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn wrong(found: &Word<'_>, expected: &'static str) -> SelectorError {
    let found = match found {
        Word::End => String::new(),
        Word::Symbol(text) | Word::Text(text) => names::shown(text),
    };
    SelectorError::Syntax { found, expected }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word<'a> {
    Symbol(&'a str),
    Text(&'a str),
    End,
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Word<'a> {
        Words { rest: self.rest }.next()
    }

    fn next(&mut self) -> Word<'a> {
        const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
        const SYMBOLS: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];
        let text = self.rest.trim_start_matches(SPACE);
        let symbol = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"].into_iter().find(|s| text.starts_with(s));
        let length = match symbol {
            Some(symbol) => symbol.len(),
            None => text.find(|c| SPACE.contains(&c) || SYMBOLS.contains(&c)).unwrap_or(text.len()),
        };
        let (word, rest) = text.split_at(length);
        self.rest = rest;
        match (symbol, word) {
            (Some(_), word) => Word::Symbol(word),
            (None, "") => Word::End,
            (None, word) => Word::Text(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Selector;
    use crate::object::Labels;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn what_matches() {
        let app = labels(&[("app", "web"), ("tier", "3"), ("example.com/x", "")]);
        let rows = [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            (" app = web , tier ", true),
            ("app=db", false),
            ("app!=db", true),
            ("zone!=a", true),
            ("app in (db,web)", true),
            ("app in (db, api)", false),
            ("app notin (db)", true),
            ("zone notin (a)", true),
            ("!zone", true),
            ("! app", false),
            ("tier>2", true),
            ("tier<3", false),
            ("app>2", false),
            ("example.com/x", true),
            ("example.com/x=", true),
            ("app=", false),
            ("app in (,web)", true),
            ("example.com/x in ()", true),
            ("in=1", false),
            ("notin", false),
        ];
        for (text, expected) in rows {
            let selector: Selector = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(selector.matches(&app), expected, "{text}");
            assert_eq!(selector.to_string().parse::<Selector>().unwrap().matches(&app), expected, "{text} -> {selector}");
        }
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            "=",
            "a=b,",
            ",",
            "a in b",
            "a in (b",
            "a b",
            "a=(b)",
            "a>x",
            "a>",
            "!",
            "!a=b",
            "-a",
            "a=-b-",
            "a,,b",
            "A_/b",
            "a/b/c",
            "a in (b c)",
            "a=b=c",
            "é=1",
        ] {
            assert!(bad.parse::<Selector>().is_err(), "{bad}");
        }
    }
}
