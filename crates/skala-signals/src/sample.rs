//! One number that was read.

use crate::Error;
use crate::kafka::Lag;

/// What one look found.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The number: finite, at least 0.
    pub value: f64,
    /// What an activation threshold is compared with: mostly the value itself, but a rate's queue wakes a service too, and so does
    /// lag that is stuck. Finite, at least 0.
    pub activity: f64,
    /// With Kafka, what the number is made of.
    pub kafka: Option<Lag>,
}

impl Sample {
    /// A number that a service can be scaled by.
    ///
    /// # Errors
    /// When it is not a finite number of at least zero.
    pub fn new(value: f64) -> Result<Sample, Error> {
        let value = sound(value)?;
        Ok(Sample { value, activity: value, kafka: None })
    }

    /// The same with another number to wake by.
    pub(crate) fn waking(self, activity: f64) -> Result<Sample, Error> {
        Ok(Sample { activity: sound(activity)?, ..self })
    }
}

/// Scaling by a number that is none, or below zero, would shrink a service that has work.
fn sound(value: f64) -> Result<f64, Error> {
    match value {
        v if v.is_nan() => Err(Error::number("the value is NaN")),
        v if v.is_infinite() => Err(Error::number("the value is infinite")),
        v if v < 0.0 => Err(Error::number("the value is negative")),
        v => Ok(v + 0.0), // -0 becomes 0
    }
}

/// Reads a number as people and servers write it: no text around it, no hexadecimal, no names.
pub(crate) fn parse(text: &str) -> Result<f64, Error> {
    let text = text.trim();
    let numeric = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
    match text.parse::<f64>() {
        Ok(value) if value.is_nan() || text.to_ascii_lowercase().contains("inf") => Ok(value),
        Ok(value) if text.bytes().all(numeric) => Ok(value),
        _ => Err(Error::number("the value is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_to_scale_by_are_values() {
        for (text, value) in
            [("0", Some(0.0)), (" 12.5\n", Some(12.5)), ("1e3", Some(1000.0)), ("-0", Some(0.0)), ("1e400", None)]
        {
            assert_eq!(parse(text).and_then(Sample::new).ok().map(|s| s.value), value, "{text}");
        }
        for text in ["", "NaN", "+Inf", "-Inf", "infinity", "-1", "12 jobs", "0x10", "1,5", "true"] {
            assert!(parse(text).and_then(Sample::new).is_err(), "{text}");
        }
        assert!(Sample::new(-0.0).unwrap().value.is_sign_positive());
    }
}
