//! The admin API's listener.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::{ApiError, Control, openapi, router};
use crate::guard::{Token, check};

/// Longest order in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Longest time for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why the admin API cannot be served.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The address cannot be listened on.
    #[error("listen on {addr} for the admin API: {}", explain(source))]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The address is reachable from elsewhere and no token protects it.
    #[error("serve the admin API on {addr}: it is not a loopback address and admin.token is not set")]
    Unprotected {
        /// The address.
        addr: SocketAddr,
    },
}

fn explain(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::AddrInUse => "the port is in use (is another skala running? set admin.listen to another port)".into(),
        io::ErrorKind::PermissionDenied => "not permitted (ports below 1024 need privileges)".into(),
        _ => e.to_string(),
    }
}

/// The admin API, bound and ready to serve.
pub struct AdminServer {
    listener: TcpListener,
    addr: SocketAddr,
    token: Option<Token>,
}

impl AdminServer {
    /// Listens on `addr`.
    ///
    /// # Errors
    /// [`AdminError`] when the address is taken, or not loopback and without a token.
    pub async fn bind(addr: SocketAddr, token: Option<Token>) -> Result<AdminServer, AdminError> {
        if token.is_none() && !addr.ip().is_loopback() {
            return Err(AdminError::Unprotected { addr });
        }
        let bound = |source| AdminError::Bind { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(bound)?;
        let addr = listener.local_addr().map_err(bound)?;
        Ok(AdminServer { listener, addr, token })
    }

    /// The address with its actual port.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `end` becomes true, then finishes open requests.
    pub async fn serve(self, control: Arc<dyn Control>, mut end: watch::Receiver<bool>) {
        let token = self.token;
        let (routes, _) = router().split_for_parts();
        let app: Router = routes
            .route("/openapi.json", get(|| async { Json(openapi()) }))
            .fallback(|| async { ApiError::not_found("no such path", "GET /openapi.json lists the paths") })
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(middleware::from_fn(move |request: Request, next: Next| guard(token.clone(), request, next)))
            .with_state(control);
        let ended = async move {
            // An error means that the sender is gone, which also means the end.
            let _ = end.wait_for(|end| *end).await;
        };
        if let Err(error) = axum::serve(self.listener, app).with_graceful_shutdown(ended).await {
            tracing::error!("the admin API ended: {error}");
        }
    }
}

async fn guard(token: Option<Token>, request: Request, next: Next) -> Response {
    if let Err(refusal) = check(token.as_ref(), request.method(), request.headers()) {
        return refusal.into_response();
    }
    match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::internal("the answer took too long").into_response(),
    }
}
