//! Forecasts of an arrival rate, each scored against the seasonal naive one, and switched off when they lose to it.
//!
//! Pure: rates come in with their time, forecasts go out; the state is bounded and can be stored.
