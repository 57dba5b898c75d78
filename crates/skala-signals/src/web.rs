//! HTTP GET with a bounded answer.
//!
//! Method: one hyper client per way to check certificates; it keeps connections per server. Redirects are not followed: a login
//!   page is not a number.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use skala_spec::model::{Tls, Url};
use skala_spec::scalar::EnvValue;

use crate::error::chain;
use crate::{Error, MAX_ANSWER, tls};

/// Connections kept per server while nobody uses them, and how long.
const IDLE: (usize, Duration) = (2, Duration::from_secs(90));

type Web = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// HTTP clients by the certificates they trust.
#[derive(Debug, Default)]
pub(crate) struct Webs(Mutex<HashMap<Option<Tls>, Web>>);

/// Who asks.
pub(crate) enum Login<'a> {
    Nobody,
    Basic(&'a str, &'a str),
    Bearer(&'a str),
}

/// One question.
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a Url,
    /// Path and query in place of the URL's own, as they go over the wire.
    pub(crate) target: String,
    /// Sent as a form by POST; without, it is a GET.
    pub(crate) form: Option<String>,
    pub(crate) headers: Option<&'a BTreeMap<String, EnvValue>>,
    pub(crate) login: Login<'a>,
    pub(crate) tls: Option<&'a Tls>,
}

/// The answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body where the status is one of success.
    pub(crate) fn success(self, server: &str) -> Result<Bytes, Error> {
        let server = server.to_owned();
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Error::Login { server, reason: format!("it answers {}", self.status) })
            }
            status if status.is_success() => Ok(self.body),
            status => Err(Error::Refused { server, reason: format!("it answers {status}") }),
        }
    }
}

impl Webs {
    fn client(&self, tls: Option<&Tls>) -> Result<Web, Error> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&tls.cloned()) {
            return Ok(client.clone());
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls::config(tls)?).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE.0)
            .pool_idle_timeout(IDLE.1)
            .build(connector);
        clients.insert(tls.cloned(), client.clone());
        Ok(client)
    }

    /// Asks and reads the answer, at most [`MAX_ANSWER`] of it.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Error> {
        let server = ask.url.authority();
        let client = self.client(ask.tls)?;
        let reach = |reason: String| Error::Reach { server: server.clone(), reason };
        let answer = client.request(request(&ask)?).await.map_err(|e| reach(chain(&e)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| match e.downcast_ref::<LengthLimitError>() {
            Some(_) => Error::TooLarge { server: server.clone() },
            None => reach(chain(e.as_ref())),
        })?;
        Ok(Answer { status, body: body.to_bytes() })
    }

    /// Forgets the clients whose certificates nobody uses any more.
    pub(crate) fn retain(&self, used: impl Fn(&Option<Tls>) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|tls, _| used(tls));
    }
}

fn request(ask: &Ask<'_>) -> Result<Request<Full<Bytes>>, Error> {
    let wrong = |field: &str| Error::Source { field: field.to_owned(), reason: "it cannot be sent over HTTP".to_owned() };
    let target = if ask.target.starts_with('/') { ask.target.clone() } else { format!("/{}", ask.target) };
    let uri = Uri::builder().scheme(ask.url.scheme.as_str()).authority(ask.url.authority()).path_and_query(target);
    let mut request = Request::new(Full::new(Bytes::from(ask.form.clone().unwrap_or_default())));
    *request.uri_mut() = uri.build().map_err(|_| wrong("URL"))?;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("skala/", env!("CARGO_PKG_VERSION"))));
    if ask.form.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    }
    let authorization = match ask.login {
        Login::Nobody => None,
        Login::Bearer(token) => Some(format!("Bearer {token}")),
        Login::Basic(user, password) => Some(format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))),
    };
    if let Some(text) = authorization {
        let mut value = HeaderValue::from_str(&text).map_err(|_| wrong("login"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in ask.headers.into_iter().flatten() {
        let name: HeaderName = name.parse().map_err(|_| wrong("headers"))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong("headers"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if ask.form.is_some() {
        *request.method_mut() = Method::POST;
    }
    Ok(request)
}

/// RFC 4648, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize] as char;
            text.push(if i <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte as char),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("guest:guest", "Z3Vlc3Q6Z3Vlc3Q=")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(escape("/a b%é~"), "%2Fa%20b%25%C3%A9~");
    }
}
