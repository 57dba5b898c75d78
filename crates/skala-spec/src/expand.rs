//! `${VARIABLE}` and `${VARIABLE:-default}` in texts of the file.
//!
//! Decides: what is replaced. `$VARIABLE` without braces is not: it belongs to the replica, and so does `${PORT}`.
//!   `$${` stands for `${`.
//! Invariants: errors name the variable, never its value.

/// A text after replacement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether a part came from the environment.
    pub(crate) from_env: bool,
    /// Whether anything was replaced, by the environment or by a default.
    pub(crate) changed: bool,
}

/// Why a text cannot be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExpandError {
    /// This variable is not set, and there is no default.
    Unset(String),
    /// `${` without a good end.
    Syntax(&'static str),
}

/// The replica's own variable.
const PORT: &str = "PORT";

/// Replaces variables in a text.
pub(crate) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, ExpandError> {
    let mut out = Expanded { text: String::with_capacity(text.len()), from_env: false, changed: false };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, tail) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('$') {
            out.text.push_str(escaped);
            out.text.push_str("${");
            out.changed = true;
            rest = &tail[2..];
            continue;
        }
        out.text.push_str(before);
        let end = tail.find('}').ok_or(ExpandError::Syntax("`${` has no closing brace"))?;
        let (name, default) = match tail[2..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&tail[2..end], None),
        };
        if !is_variable(name) {
            return Err(ExpandError::Syntax("between `${` and `}` goes a variable's name, then at most `:-` and a default"));
        }
        rest = &tail[end + 1..];
        if name == PORT && default.is_none() {
            out.text.push_str(&tail[..=end]);
            continue;
        }
        out.changed = true;
        match (env(name), default) {
            (Some(value), default) if !value.is_empty() || default.is_none() => {
                out.text.push_str(&value);
                out.from_env = true;
            }
            (_, Some(default)) => out.text.push_str(default),
            (_, None) => return Err(ExpandError::Unset(name.to_owned())),
        }
    }
    out.text.push_str(rest);
    Ok(out)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_replaced_and_nothing_else() {
        let env = |name: &str| match name {
            "HOST" => Some("db".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let rows = [
            ("plain", Ok("plain")),
            ("${HOST}:5432", Ok("db:5432")),
            ("$HOST", Ok("$HOST")),
            ("127.0.0.1:${PORT}", Ok("127.0.0.1:${PORT}")),
            ("$${HOST} ${HOST}", Ok("${HOST} db")),
            ("${NONE:-a:-b}", Ok("a:-b")),
            ("${EMPTY:-x}${EMPTY}", Ok("x")),
            ("pa$$word", Ok("pa$$word")),
            ("${NONE}", Err(ExpandError::Unset("NONE".to_owned()))),
            ("${HOST", Err(ExpandError::Syntax("`${` has no closing brace"))),
        ];
        for (text, expected) in rows {
            assert_eq!(expand(text, &env).map(|e| e.text), expected.map(str::to_owned), "{text}");
        }
        assert!(matches!(expand("${A:?b}", &env), Err(ExpandError::Syntax(_))));
        assert!(expand("${HOST}", &env).unwrap().from_env);
        assert!(!expand("${NONE:-x}", &env).unwrap().from_env);
    }
}
