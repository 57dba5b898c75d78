//! The routes of the admin API, and the OpenAPI document made from them.
//!
//! Decides: nothing; every answer is [`Control`]'s.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use skala_types::Time;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::views::{Done, Events, PauseOrder, Problem, Recommendations, Replicas, ScaleOrder, Status, Why};

/// What the admin API can ask of a running skala. Calls may read files; they are made off the event loop.
pub trait Control: Send + Sync + 'static {
    /// The whole platform.
    fn status(&self) -> Status;
    /// The replicas.
    fn replicas(&self) -> Replicas;
    /// The latest events.
    ///
    /// # Errors
    /// When the journal cannot be read or the service is unknown.
    fn events(&self, service: Option<&str>, since: Option<Time>, limit: u32) -> Result<Events, ApiError>;
    /// The decision about a service in force at a time, or the latest.
    ///
    /// # Errors
    /// When the service is unknown or nothing was decided by then.
    fn why(&self, service: &str, at: Option<Time>) -> Result<Why, ApiError>;
    /// What replicas should ask for, of one service or of all whose use is recorded.
    ///
    /// # Errors
    /// When the service is unknown or its use is not recorded.
    fn recommendations(&self, service: Option<&str>) -> Result<Recommendations, ApiError>;
    /// Sets a size by hand.
    ///
    /// # Errors
    /// When the service is unknown or not skala's to scale, or the size is beyond reason.
    fn scale(&self, service: &str, replicas: u32, lasting: Option<Duration>) -> Result<Done, ApiError>;
    /// Keeps the present size.
    ///
    /// # Errors
    /// As for [`Control::scale`].
    fn pause(&self, service: &str, lasting: Option<Duration>) -> Result<Done, ApiError>;
    /// Ends a size by hand or a pause.
    ///
    /// # Errors
    /// As for [`Control::scale`].
    fn resume(&self, service: &str) -> Result<Done, ApiError>;
    /// Begins an orderly end of skala; returns at once.
    fn shut_down(&self);
    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String;
}

/// A request that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub problem: Problem,
}

impl ApiError {
    /// Something is not there.
    pub fn not_found(error: impl Into<String>, help: impl Into<String>) -> ApiError {
        ApiError { status: 404, problem: Problem { error: error.into(), help: Some(help.into()) } }
    }

    /// The request makes no sense.
    pub fn bad_request(error: impl Into<String>, help: impl Into<String>) -> ApiError {
        ApiError { status: 400, problem: Problem { error: error.into(), help: Some(help.into()) } }
    }

    /// skala itself failed.
    pub fn internal(error: impl Into<String>) -> ApiError {
        ApiError { status: 500, problem: Problem { error: error.into(), help: None } }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.problem)).into_response()
    }
}

type Shared = State<Arc<dyn Control>>;
type Answer<T> = Result<Json<T>, ApiError>;

/// Runs a call that may read files off the event loop.
async fn call<T: Send + 'static>(
    control: Arc<dyn Control>,
    f: impl FnOnce(&dyn Control) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(move || f(control.as_ref())).await {
        Ok(result) => result,
        Err(panic) => Err(ApiError::internal(format!("the call failed: {panic}"))),
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "skala admin API",
    description = "What a running skala shows and takes orders by. On loopback without a token; anywhere else with `Authorization: Bearer`."
))]
struct Document;

pub(crate) fn router() -> OpenApiRouter<Arc<dyn Control>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health))
        .routes(routes!(status))
        .routes(routes!(replicas))
        .routes(routes!(events))
        .routes(routes!(why))
        .routes(routes!(recommendations))
        .routes(routes!(scale))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(shut_down))
        .routes(routes!(metrics))
}

/// The OpenAPI document of the admin API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = router().into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document
}

/// Is skala alive?
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)))]
async fn health() -> &'static str {
    "ok\n"
}

/// The platform: services, sizes, load, problems.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = Status)))]
async fn status(State(control): Shared) -> Answer<Status> {
    call(control, |c| Ok(c.status())).await.map(Json)
}

/// The replicas and what they use.
#[utoipa::path(get, path = "/v1/replicas", responses((status = 200, body = Replicas)))]
async fn replicas(State(control): Shared) -> Answer<Replicas> {
    call(control, |c| Ok(c.replicas())).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// Only this service's.
    service: Option<String>,
    /// Only from this time on (RFC 3339).
    since: Option<String>,
    /// At most so many, the latest; 1 to 10,000, default 100.
    limit: Option<u32>,
}

/// What happened, oldest first.
#[utoipa::path(get, path = "/v1/events", params(EventsQuery),
    responses((status = 200, body = Events), (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn events(State(control): Shared, Query(query): Query<EventsQuery>) -> Answer<Events> {
    let since = query.since.as_deref().map(time).transpose()?;
    let limit = query.limit.unwrap_or(100).clamp(1, 10_000);
    call(control, move |c| c.events(query.service.as_deref(), since, limit)).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// The decision in force at this time (RFC 3339); the latest when absent.
    at: Option<String>,
}

/// Why a service has its size.
#[utoipa::path(get, path = "/v1/services/{service}/why", params(("service" = String, Path), WhyQuery),
    responses((status = 200, body = Why), (status = 404, body = Problem)))]
async fn why(State(control): Shared, Path(service): Path<String>, Query(query): Query<WhyQuery>) -> Answer<Why> {
    let at = query.at.as_deref().map(time).transpose()?;
    call(control, move |c| c.why(&service, at)).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct RecommendationsQuery {
    /// Only this service's.
    service: Option<String>,
}

/// What CPU and memory replicas should ask for.
#[utoipa::path(get, path = "/v1/recommendations", params(RecommendationsQuery),
    responses((status = 200, body = Recommendations), (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn recommendations(State(control): Shared, Query(query): Query<RecommendationsQuery>) -> Answer<Recommendations> {
    call(control, move |c| c.recommendations(query.service.as_deref())).await.map(Json)
}

/// Sets a size by hand.
#[utoipa::path(post, path = "/v1/services/{service}/scale", params(("service" = String, Path)), request_body = ScaleOrder,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
async fn scale(State(control): Shared, Path(service): Path<String>, Json(order): Json<ScaleOrder>) -> Answer<Done> {
    let lasting = order.for_ms.map(Duration::from_millis);
    call(control, move |c| c.scale(&service, order.replicas, lasting)).await.map(Json)
}

/// Keeps the present size.
#[utoipa::path(post, path = "/v1/services/{service}/pause", params(("service" = String, Path)), request_body = PauseOrder,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
async fn pause(State(control): Shared, Path(service): Path<String>, Json(order): Json<PauseOrder>) -> Answer<Done> {
    let lasting = order.for_ms.map(Duration::from_millis);
    call(control, move |c| c.pause(&service, lasting)).await.map(Json)
}

/// Ends a size by hand or a pause.
#[utoipa::path(post, path = "/v1/services/{service}/resume", params(("service" = String, Path)),
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
async fn resume(State(control): Shared, Path(service): Path<String>) -> Answer<Done> {
    call(control, move |c| c.resume(&service)).await.map(Json)
}

/// Ends skala and its replicas in order.
#[utoipa::path(post, path = "/v1/shutdown", responses((status = 200, body = Done)))]
async fn shut_down(State(control): Shared) -> Json<Done> {
    control.shut_down();
    Json(Done { message: "stopping".into() })
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
async fn metrics(State(control): Shared) -> Result<Response, ApiError> {
    let text = call(control, |c| Ok(c.metrics())).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn time(text: &str) -> Result<Time, ApiError> {
    text.parse().map_err(|e| ApiError::bad_request(format!("{e}"), "write the time as 2026-11-20T21:27:00Z"))
}
