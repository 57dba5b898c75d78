//! Finding the API server: the pod's service account in a cluster, else a kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Which cluster, when it is not the one that the process runs in.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// A kubeconfig file; `$KUBECONFIG`, then `~/.kube/config`, when absent.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; its current one when absent.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file given.
    #[error("failed to read the kubeconfig {file}")]
    Kubeconfig {
        /// Its path.
        file: PathBuf,
        #[source]
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// Neither place has what is needed.
    #[error("failed to find a cluster: no service account of a pod here, and no usable kubeconfig")]
    Nowhere(#[source] Box<InferConfigError>),
    /// The client could not be made.
    #[error("failed to set up the client")]
    Client(#[source] Box<kube::Error>),
}

/// A client for the cluster.
///
/// # Errors
/// When no configuration is found or it cannot be used; the server itself is not asked yet.
pub async fn connect(target: &Target) -> Result<Client, ConnectError> {
    let mut config = match (&target.kubeconfig, &target.context) {
        (Some(file), context) => {
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            let wrong = |source| ConnectError::Kubeconfig { file: file.clone(), source: Box::new(source) };
            let kubeconfig = Kubeconfig::read_from(file).map_err(wrong)?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(wrong)?
        }
        (None, Some(context)) => {
            let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
            let wrong = |source| ConnectError::Kubeconfig { file: "(default)".into(), source: Box::new(source) };
            Config::from_kubeconfig(&options).await.map_err(wrong)?
        }
        (None, None) => match Config::incluster() {
            Ok(config) => config,
            Err(_) => Config::infer().await.map_err(|e| ConnectError::Nowhere(Box::new(e)))?,
        },
    };
    config.connect_timeout = Some(CONNECT_LIMIT);
    // The controller retries by itself, on fresh data; a write repeated below it would be one on old data.
    config.default_retry = false;
    Client::try_from(config).map_err(|e| ConnectError::Client(Box::new(e)))
}
