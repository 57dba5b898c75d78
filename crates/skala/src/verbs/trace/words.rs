//! Words of the command line: rates, stretches of time, tokens.

use std::time::Duration;

use skala_trace::{LogNormalTokens, TokenPairs};

use crate::cli::duration;

/// `50rps`, `50/s`, `3000/min`, `50`: requests per second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let units = [("rps", 1.0), ("/s", 1.0), ("rpm", 60.0), ("/min", 60.0), ("rph", 3600.0), ("/h", 3600.0)];
    let (number, per) = units.iter().find_map(|(u, per)| Some((text.strip_suffix(u)?, *per))).unwrap_or((text, 1.0));
    let value = number.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    value.map(|v| v / per).ok_or_else(|| format!("'{text}' is not a rate: write 50rps or 3000/min"))
}

/// `50rps@20s`: a rate for a time.
pub(super) fn rate_for(text: &str) -> Result<(f64, Duration), String> {
    let (r, lasts) = text.split_once('@').ok_or_else(|| format!("'{text}' is not a rate for a time: write 50rps@20s"))?;
    Ok((rate(r)?, duration(lasts)?))
}

/// `10h..12h`.
pub(super) fn stretch(text: &str) -> Result<(Duration, Duration), String> {
    let (from, to) = text.split_once("..").ok_or_else(|| format!("'{text}' is not a stretch of time: write 10h..12h"))?;
    Ok((duration(from)?, duration(to)?))
}

/// `chat`, or `1020/4142,129/601`: p50/p99 of prompts and of answers.
pub(super) fn tokens(text: &str) -> Result<TokenPairs, String> {
    if text == "chat" {
        return Ok(TokenPairs::chat());
    }
    let shape =
        || format!("'{text}' is no sizes: write chat, or P50/P99,P50/P99 of prompts and answers, such as 1020/4142,129/601");
    let one = |text: &str| -> Result<LogNormalTokens, String> {
        let (p50, p99) = text.split_once('/').ok_or_else(shape)?;
        let number = |t: &str| t.trim().parse::<f64>().map_err(|_| shape());
        LogNormalTokens::try_new(number(p50)?, number(p99)?).map_err(|e| e.to_string())
    };
    let (input, output) = text.split_once(',').ok_or_else(shape)?;
    TokenPairs::try_new(one(input)?, one(output)?, 0.0).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_stretches() {
        assert_eq!(rate("50rps"), Ok(50.0));
        assert_eq!(rate("3000/min"), Ok(50.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["", "rps", "-1rps", "NaN", "inf", "5x"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(stretch("1h..2h"), Ok((Duration::from_secs(3600), Duration::from_secs(7200))));
        assert!(stretch("1h").is_err());
        assert!(tokens("chat").is_ok() && tokens("10/20,30/40").is_ok() && tokens("20/10,30/40").is_err());
    }
}
