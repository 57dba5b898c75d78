//! Talking to a running skala through its admin API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use skala_console::views::Problem;

use crate::exit::{Exit, FAILED};
use crate::instance::Instance;

/// Where the token of an admin API that needs one is taken from.
pub const TOKEN_VARIABLE: &str = "SKALA_ADMIN_TOKEN";

/// A client of one running skala.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
    state_dir: PathBuf,
}

impl Client {
    /// Finds the skala that runs with this state folder.
    ///
    /// # Errors
    /// When none left its note there.
    pub fn find(state_dir: &Path) -> Result<Client, Exit> {
        // The note of a skala that was killed stays; whoever listens on that port by now must not be sent the token.
        let instance = Instance::read(state_dir).filter(Instance::is_alive).ok_or_else(|| not_running(state_dir))?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        Ok(Client {
            agent: config.build().into(),
            base: format!("http://{}", instance.admin),
            token: std::env::var(TOKEN_VARIABLE).ok(),
            state_dir: state_dir.to_owned(),
        })
    }

    /// GETs a document.
    ///
    /// # Errors
    /// When skala does not answer, or answers with a problem.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Exit> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.read(request.call())
    }

    /// POSTs an order.
    ///
    /// # Errors
    /// When skala does not answer, or answers with a problem.
    pub fn post<T: DeserializeOwned>(&self, path: &str, order: &impl Serialize) -> Result<T, Exit> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.read(request.send_json(order))
    }

    fn read<T: DeserializeOwned>(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<T, Exit> {
        let mut response = match answer {
            Ok(response) => response,
            Err(ureq::Error::Io(_) | ureq::Error::ConnectionFailed) => return Err(not_running(&self.state_dir)),
            Err(error) => return Err(Exit::new(FAILED, format!("no answer from {}: {error}", self.base), "is skala busy?")),
        };
        let strange = |e: ureq::Error| {
            Exit::new(FAILED, format!("a strange answer from {}: {e}", self.base), "is another program on that port?")
        };
        if response.status().is_success() {
            return response.body_mut().read_json().map_err(strange);
        }
        let problem: Problem = response.body_mut().read_json().map_err(strange)?;
        Err(Exit { code: FAILED, message: problem.error, help: problem.help })
    }
}

/// Percent-encodes a value for a path segment or a query.
pub fn encode(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// No skala runs with this state folder.
pub fn not_running(state_dir: &Path) -> Exit {
    Exit::new(
        FAILED,
        format!("no skala is running with the state folder {}", state_dir.display()),
        "start it with `skala up`, or name its platform file with --file or its state folder with --state",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded() {
        assert_eq!(encode("2026-11-20T21:27:00Z"), "2026-11-20T21%3A27%3A00Z");
        assert_eq!(encode("a/b c"), "a%2Fb%20c");
    }
}
