//! Values of Secrets that triggers refer to.
//!
//! Invariants: values live in memory for a minute; none is ever printed, and errors name only where it should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use serde::Deserialize;

use super::Once;
use crate::api::{Api, Path};

const KEPT: Duration = Duration::from_secs(60);
const MOST: usize = 5000;

/// A Secret's data; deliberately without `Debug`.
struct Data(BTreeMap<String, ByteString>);

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    data: BTreeMap<String, ByteString>,
}

/// Secrets, read when needed.
pub(crate) struct Secrets {
    api: Api,
    known: Once<(Arc<str>, String), Data>,
}

impl Secrets {
    pub(crate) fn new(api: Api) -> Secrets {
        Secrets { api, known: Once::new(KEPT, MOST) }
    }

    /// One key of a Secret.
    ///
    /// # Errors
    /// In words that name the Secret and the key only.
    pub(crate) async fn value(&self, namespace: &Arc<str>, name: &str, key: &str) -> Result<String, String> {
        let ask = || async {
            let path = Path::objects("v1", Some(namespace), "secrets").segment(name);
            match self.api.get::<Wire>(&path).await {
                Ok(secret) => Ok(Data(secret.data)),
                Err(error) => Err(format!("Secret {name} cannot be read: {}", error.word())),
            }
        };
        let data = self.known.get(&(namespace.clone(), name.to_owned()), ask).await.map_err(|e| e.to_string())?;
        let bytes = data.0.get(key).ok_or_else(|| format!("Secret {name} has no key {key}"))?;
        let text = std::str::from_utf8(&bytes.0).map_err(|_| format!("key {key} of Secret {name} is not text"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}
