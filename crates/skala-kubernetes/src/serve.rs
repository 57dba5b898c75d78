//! `/metrics`, `/healthz` and `/readyz` over HTTP: read-only, without secrets, for the kubelet and Prometheus.
//!
//! Decides: healthy: the loop that hands out work has turned lately. Ready: the watches' first lists are there.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::controller::Shared;

/// The loop turns several times per second; this long without is a hang.
const HUNG: Duration = Duration::from_secs(60);

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let (metrics, health, ready) = (shared.clone(), shared.clone(), shared);
    let router = Router::new()
        .route("/metrics", get(move || async move { metrics.metrics() }))
        .route(
            "/healthz",
            get(move || async move {
                let idle = health.idle();
                if idle < HUNG {
                    (StatusCode::OK, "ok\n".to_owned())
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, format!("no turn for {} s\n", idle.as_secs()))
                }
            }),
        )
        .route(
            "/readyz",
            get(move || async move {
                match ready.unready() {
                    None => (StatusCode::OK, "ok\n".to_owned()),
                    Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
                }
            }),
        );
    axum::serve(listener, router).await
}
