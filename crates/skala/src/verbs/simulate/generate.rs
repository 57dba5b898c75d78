//! Generators as words: `diurnal mean=50rps for=1d`, `flash base=20rps times=10 at=10m for=1h`.
//!
//! Invariants: every word is used or refused; what a generator needs and does not get is named.
//! Tested: `tests` below.

use std::time::Duration;

use skala_load::parse_duration;
use skala_trace::generate::{Diurnal, Flash, Generator, Mmpp, Shape, State};
use skala_trace::{Drawing, TokenPairs, Trace};

use super::suggest::nearest;

/// The shapes, with the words that each takes besides `for`, `mean`, `cv` and `tokens`.
const SHAPES: [(&str, &[&str]); 5] = [
    ("constant", &["rate"]),
    ("diurnal", &["daily", "halfDaily", "peakHour", "weekend"]),
    ("flash", &["base", "times", "at", "rise", "decay"]),
    ("ramp", &["from", "to"]),
    ("mmpp", &["rates", "stays"]),
];
/// Words that every shape takes.
const COMMON: [&str; 4] = ["for", "mean", "cv", "tokens"];

/// The trace of a generator's words.
///
/// # Errors
/// What cannot be understood, and what would be right.
pub fn parse(text: &str) -> Result<Trace, String> {
    let mut words = text.split_whitespace();
    let shape = words.next().ok_or("a generator needs a shape, such as 'diurnal mean=50rps for=1d'")?;
    let (_, own) = SHAPES.iter().find(|(name, _)| *name == shape).ok_or_else(|| unknown(shape))?;
    let mut given = Vec::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("'{word}': write KEY=VALUE"))?;
        if !COMMON.contains(&key) && !own.contains(&key) {
            return Err(format!("{shape} takes no '{key}': write {}, {}", own.join(", "), COMMON.join(", ")));
        }
        given.push((key, value));
    }
    let read = Words { shape, given };
    let generator = Generator {
        shape: read.shape()?,
        length: read.time("for")?.ok_or_else(|| format!("{shape} needs for=TIME, such as for=1d"))?,
        mean: read.number("mean")?,
        drawing: Drawing { cv: read.number("cv")?, tokens: read.tokens()?, ..Drawing::default() },
    };
    if shape == "diurnal" && generator.mean.is_none() {
        return Err("diurnal needs mean=RATE, such as mean=50rps".into());
    }
    generator.trace().map_err(|e| e.to_string())
}

fn unknown(shape: &str) -> String {
    let names = SHAPES.map(|(name, _)| name);
    let meant = nearest(shape, names).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    format!("'{shape}' is not a generator{meant}\ngenerators: {}", names.join(", "))
}

struct Words<'a> {
    shape: &'a str,
    given: Vec<(&'a str, &'a str)>,
}

impl Words<'_> {
    fn word(&self, key: &str) -> Option<&str> {
        self.given.iter().rev().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    fn time(&self, key: &str) -> Result<Option<Duration>, String> {
        self.word(key).map(|w| parse_duration(w).map_err(|e| format!("{key} of {}: {e}", self.shape))).transpose()
    }

    /// A number, of requests per second where `rps` or `/s` says so.
    fn number(&self, key: &str) -> Result<Option<f64>, String> {
        self.word(key).map(|w| self.rate(key, w)).transpose()
    }

    fn rate(&self, key: &str, word: &str) -> Result<f64, String> {
        let bare = word.strip_suffix("rps").or_else(|| word.strip_suffix("/s")).unwrap_or(word);
        let read = bare.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
        read.ok_or_else(|| format!("{key} of {}: '{word}' is not a number such as 50 or 50rps", self.shape))
    }

    fn needed(&self, key: &str) -> Result<f64, String> {
        self.number(key)?.ok_or_else(|| format!("{} needs {key}=NUMBER", self.shape))
    }

    fn tokens(&self) -> Result<Option<TokenPairs>, String> {
        match self.word("tokens") {
            None => Ok(None),
            Some("chat") => Ok(Some(TokenPairs::chat())),
            Some(other) => Err(format!("tokens={other}: write tokens=chat")),
        }
    }

    fn list<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
        let word = self.word(key).ok_or_else(|| format!("{} needs {key}=A,B", self.shape))?;
        word.split(',').map(read).collect()
    }

    fn shape(&self) -> Result<Shape, String> {
        let or = |key, default| Ok::<f64, String>(self.number(key)?.unwrap_or(default));
        let time = |key, default| Ok::<Duration, String>(self.time(key)?.unwrap_or(Duration::from_secs(default)));
        Ok(match self.shape {
            // With a mean the rate is only a shape.
            "constant" => Shape::Constant(match self.number("rate")? {
                Some(rate) => rate,
                None => self.number("mean")?.ok_or("constant needs rate=RATE, such as rate=50rps")?,
            }),
            "diurnal" => {
                let usual = Diurnal::default();
                Shape::Diurnal(Diurnal {
                    daily: or("daily", usual.daily)?,
                    half_daily: or("halfDaily", usual.half_daily)?,
                    peak_hour: or("peakHour", usual.peak_hour)?,
                    weekend: or("weekend", usual.weekend)?,
                    ..usual
                })
            }
            "flash" => Shape::Flash(Flash {
                base: self.needed("base")?,
                times: or("times", 10.0)?,
                at: time("at", 600)?,
                rise: time("rise", 10)?,
                decay: time("decay", 300)?,
            }),
            "ramp" => Shape::Ramp(self.needed("from")?, self.needed("to")?),
            _ => {
                let rates = self.list("rates", |w| self.rate("rates", w))?;
                let stays = self.list("stays", |w| parse_duration(w).map_err(|e| format!("stays of mmpp: {e}")))?;
                if rates.len() != stays.len() {
                    return Err(format!(
                        "mmpp has {} rates and {} stays: write one stay for each rate",
                        rates.len(),
                        stays.len()
                    ));
                }
                Shape::Mmpp(Mmpp { states: rates.into_iter().zip(stays).map(|(rate, stay)| State { rate, stay }).collect() })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn generators_are_read_or_refused_with_the_reason() {
        let texts = [
            "constant rate=5rps for=1m",
            "diurnal mean=50rps for=1d weekend=0.5",
            "flash base=20 times=10 at=5m for=1h",
            "ramp from=1 to=100/s for=10m cv=2 tokens=chat",
            "mmpp rates=10,200 stays=5m,30s for=1h",
            "",
            "diurnl mean=5 for=1d",
            "constant rate=5",
            "constant for=1m",
            "diurnal for=1d",
            "constant rate=-1 for=1m",
            "constant rate=nan for=1m",
            "constant rate=1 for=0s",
            "constant rate=1 speed=3 for=1m",
            "mmpp rates=1,2 stays=1m for=1h",
            "ramp from=1 to=2 for=1m tokens=many",
        ];
        let shown = texts.map(|t| match parse(t) {
            Ok(_) => "ok".to_owned(),
            Err(e) => format!("refused: {e}"),
        });
        expect![[r#"
            ok
            ok
            ok
            ok
            ok
            refused: a generator needs a shape, such as 'diurnal mean=50rps for=1d'
            refused: 'diurnl' is not a generator; did you mean diurnal?
            generators: constant, diurnal, flash, ramp, mmpp
            refused: constant needs for=TIME, such as for=1d
            refused: constant needs rate=RATE, such as rate=50rps
            refused: diurnal needs mean=RATE, such as mean=50rps
            refused: rate of constant: '-1' is not a number such as 50 or 50rps
            refused: rate of constant: 'nan' is not a number such as 50 or 50rps
            refused: length: 0ns is not within 1ms and 100 years
            refused: constant takes no 'speed': write rate, for, mean, cv, tokens
            refused: mmpp has 2 rates and 1 stays: write one stay for each rate
            refused: tokens=many: write tokens=chat"#]]
        .assert_eq(&shown.join("\n"));
    }
}
