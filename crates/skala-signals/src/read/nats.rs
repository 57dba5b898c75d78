//! NATS: a JetStream consumer, as the server's monitoring port shows it.
//!
//! Decides: what a consumer has yet to finish.
//! Method: KEDA's JetStream scaler: `num_pending + num_ack_pending`; without the consumer, the stream's last sequence number. Unlike
//!   there, a stream that is not there is an error and not 0.
//! Tested: `tests` below; `tests/it/nats.rs`.

use serde::Deserialize;
use skala_spec::model::NatsSource;

use super::{base, json, url};
use crate::web::{Ask, Login, Webs, escape};
use crate::{Error, Sample};

pub(crate) async fn look(source: &NatsSource, webs: &Webs) -> Result<Sample, Error> {
    let url = url("url", &source.url)?;
    let target = format!("{}/jsz?acc={}&consumers=true", base(&url), escape(&source.account));
    let login = match &url.user {
        Some(user) => Login::Basic(user, url.password.as_deref().unwrap_or_default()),
        None => Login::Nobody,
    };
    let ask = Ask { url: &url, target, form: None, headers: None, login, tls: source.tls.as_ref() };
    let server = url.authority();
    let body = webs.ask(ask).await?.success(&server)?;
    number(&server, &json(&server, &body)?, source)
}

#[derive(Debug, Deserialize)]
struct Jsz {
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    account_details: Vec<Account>,
}

#[derive(Debug, Deserialize)]
struct Account {
    name: String,
    #[serde(default)]
    stream_detail: Vec<Stream>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    name: String,
    state: State,
    #[serde(default)]
    consumer_detail: Vec<Consumer>,
}

#[derive(Debug, Deserialize)]
struct State {
    last_seq: u64,
}

#[derive(Debug, Deserialize)]
struct Consumer {
    name: String,
    num_pending: u64,
    num_ack_pending: u64,
}

fn number(server: &str, jsz: &Jsz, source: &NatsSource) -> Result<Sample, Error> {
    let missing = |what: String| Error::Missing { server: server.to_owned(), what };
    if jsz.disabled {
        return Err(missing("JetStream, which is turned off".to_owned()));
    }
    let account = jsz.account_details.iter().find(|a| a.name == source.account);
    let account = account.ok_or_else(|| missing(format!("account `{}` with JetStream", source.account)))?;
    let stream = account.stream_detail.iter().find(|s| s.name == source.stream);
    let stream = stream.ok_or_else(|| missing(format!("stream `{}` in account `{}`", source.stream, source.account)))?;
    match stream.consumer_detail.iter().find(|c| c.name == source.consumer) {
        Some(consumer) => Sample::new(consumer.num_pending.saturating_add(consumer.num_ack_pending) as f64),
        None => Sample::new(stream.state.last_seq as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let source = |text: &str| serde_json::from_str::<NatsSource>(text).unwrap();
        let wanted = source(r#"{"url": "http://h:8222", "stream": "S", "consumer": "c"}"#);
        let jsz = |streams: &str| format!(r#"{{"account_details": [{{"name": "$G", "stream_detail": [{streams}]}}]}}"#);
        let rows = [
            (
                jsz(
                    r#"{"name": "S", "state": {"last_seq": 9}, "consumer_detail": [{"name": "c", "num_pending": 4, "num_ack_pending": 2}]}"#,
                ),
                Some(6.0),
            ),
            (
                jsz(
                    r#"{"name": "S", "state": {"last_seq": 9}, "consumer_detail": [{"name": "d", "num_pending": 4, "num_ack_pending": 2}]}"#,
                ),
                Some(9.0),
            ),
            (jsz(r#"{"name": "S", "state": {"last_seq": 9}}"#), Some(9.0)),
            (jsz(r#"{"name": "T", "state": {"last_seq": 9}}"#), None),
            (jsz(""), None),
            (r#"{"account_details": [{"name": "other"}]}"#.to_owned(), None),
            (r#"{"disabled": true}"#.to_owned(), None),
            ("{}".to_owned(), None),
        ];
        for (body, value) in rows {
            let jsz = json::<Jsz>("h:1", body.as_bytes()).unwrap();
            assert_eq!(number("h:1", &jsz, &wanted).ok().map(|s| s.value), value, "{body}");
        }
        assert!(json::<Jsz>("h:1", br#"{"account_details": [{"name": "$G", "stream_detail": [{"name": "S"}]}]}"#).is_err());
    }
}
