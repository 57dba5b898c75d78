//! The HTTP API.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::{StartError, Tasks};

/// A bound socket.
pub(crate) struct Listener(std::net::TcpListener);

/// The running API.
pub(crate) struct Server;

impl Listener {
    pub(crate) fn bind(at: SocketAddr, token: Option<&str>) -> Result<Listener, StartError> {
        if token.is_none() && !at.ip().is_loopback() {
            return Err(StartError::Token(at));
        }
        let listen = |source| StartError::Listen { address: at, source };
        std::net::TcpListener::bind(at).map(Listener).map_err(listen)
    }

    pub(crate) fn url(&self) -> String {
        self.0.local_addr().map(|at| format!("http://{at}")).unwrap_or_default()
    }

    pub(crate) fn serve(self, _: &Arc<Tasks>) -> Server {
        Server
    }
}

impl Server {
    pub(crate) async fn close(self) {}
}
