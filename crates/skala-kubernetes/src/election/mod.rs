//! Leader election by a Lease, as client-go does it: 15 s lease, 10 s to renew, a try every 2 s.
//!
//! Decides: whether this process leads right now ([`Leadership::leads`]).
//! Inputs: the Lease object; this process's monotonic clock. Nobody's wall clock is compared with anybody's.
//! Method: `record` holds the rules. A leader counts from the moment *before* it sent its last successful renewal, so that its
//!   own idea of leading ends `leaseDuration - renewDeadline` before anybody else may begin.
//! Invariants: two processes never lead at once, provided that their monotonic clocks run at the same rate; a process that
//!   hangs does not lead when it wakes.
//! Tested: `record`; `tests/it/election.rs` with two controllers.

mod record;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use skala_types::Time;

use crate::api::{Api, ApiError, Meta, Path, Write};
use record::{Bid, LeaseSpec, Observed};

const LEASES: &str = "coordination.k8s.io/v1";

/// Which lease, and who bids for it.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// This process; unique among those that bid.
    pub identity: String,
    /// How long a lease lasts without renewal: 15 s.
    pub lease_duration: Duration,
    /// How long a leader tries to renew before it stands down: 10 s.
    pub renew_deadline: Duration,
    /// Between tries: 2 s.
    pub retry_period: Duration,
}

impl LeaseSettings {
    /// client-go's times.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> LeaseSettings {
        LeaseSettings {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// Whether this process leads; asked before every write. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Arc<Mutex<Standing>>);

#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    /// Leads until then; always when there is no election.
    until: Option<Instant>,
    always: bool,
    /// How often this process began to lead.
    terms: u64,
}

impl Leadership {
    /// For a controller that nobody competes with.
    pub fn always() -> Leadership {
        Leadership(Arc::new(Mutex::new(Standing { until: None, always: true, terms: 1 })))
    }

    /// Whether it leads now.
    pub fn leads(&self) -> bool {
        let standing = self.standing();
        standing.always || standing.until.is_some_and(|until| Instant::now() < until)
    }

    /// How often it began to lead; a new term must not go on with what an earlier one knew.
    pub fn term(&self) -> u64 {
        self.standing().terms
    }

    fn standing(&self) -> Standing {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lead_until(&self, until: Instant) {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.until.is_none_or(|old| Instant::now() >= old) {
            standing.terms += 1;
        }
        standing.until = Some(until);
    }

    fn stand_down(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until = None;
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lease {
    #[serde(default = "api_version")]
    api_version: String,
    #[serde(default = "kind")]
    kind: String,
    metadata: Meta,
    #[serde(default)]
    spec: LeaseSpec,
}

fn api_version() -> String {
    LEASES.into()
}

fn kind() -> String {
    "Lease".into()
}

/// One bidder for a lease.
pub(crate) struct Elector {
    api: Api,
    settings: LeaseSettings,
    leadership: Leadership,
    observed: Option<Observed>,
    lease: Option<Lease>,
    wall: fn() -> Time,
}

impl Elector {
    pub(crate) fn new(api: Api, settings: LeaseSettings, wall: fn() -> Time) -> (Elector, Leadership) {
        let leadership = Leadership::default();
        (Elector { api, settings, leadership: leadership.clone(), observed: None, lease: None, wall }, leadership)
    }

    /// Bids until told to stop; then gives the lease back. The future never ends by itself.
    pub(crate) async fn run(mut self, mut stop: tokio::sync::watch::Receiver<bool>) {
        let mut led = false;
        loop {
            let began = Instant::now();
            // A try that takes longer than the renew deadline could only succeed too late.
            let tried = tokio::time::timeout(self.settings.renew_deadline, self.try_once());
            let pause = tokio::select! {
                tried = tried => {
                    match tried {
                        Ok(Ok(true)) => self.leadership.lead_until(began + self.settings.renew_deadline),
                        Ok(Ok(false)) => self.leadership.stand_down(),
                        Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed or taken"),
                        Err(_) => tracing::warn!("the lease could not be renewed or taken in time"),
                    }
                    self.pause(began)
                }
                told = stop.wait_for(|stop| *stop) => match told {
                    Ok(_) => break,
                    // Nobody is left to say that everything was finished: the lease must run out by itself.
                    Err(_) => return,
                },
            };
            if self.leadership.leads() != led {
                led = !led;
                tracing::info!(leads = led, identity = %self.settings.identity, "leadership changed");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                told = stop.wait_for(|stop| *stop) => match told {
                    Ok(_) => break,
                    // Nobody is left to say that everything was finished: the lease must run out by itself.
                    Err(_) => return,
                },
            }
        }
        self.leadership.stand_down();
        if let Err(error) = self.release().await {
            tracing::warn!(%error, "the lease could not be given back; others wait until it is over");
        }
    }

    /// A bidder's tries are spread by up to 1.2 x the period, so that many do not knock at once; the leader's are not.
    fn pause(&self, began: Instant) -> Duration {
        let period = self.settings.retry_period;
        if self.leadership.leads() {
            return period.saturating_sub(began.elapsed());
        }
        period.mul_f64(1.0 + 1.2 * crate::jitter::fraction(&self.settings.identity, began.elapsed().subsec_nanos()))
    }

    fn path(&self) -> Path {
        Path::objects(LEASES, Some(&self.settings.namespace), "leases")
    }

    /// True when the lease is ours afterwards.
    async fn try_once(&mut self) -> Result<bool, ApiError> {
        // The leader's fast path: nobody else should have written, so the known version is tried first.
        if self.leadership.leads() && self.lease.is_some() {
            match self.bid().await {
                Ok(held) => return Ok(held),
                Err(error) => tracing::debug!(%error, "the lease had changed; reading it again"),
            }
        }
        match self.api.get::<Lease>(&self.path().segment(&self.settings.name)).await {
            Ok(lease) => {
                self.observed = Some(record::observe(self.observed.take(), lease.spec.clone(), Instant::now()));
                self.lease = Some(lease);
            }
            Err(error) if error.is_not_found() => (self.lease, self.observed) = (None, None),
            Err(error) => return Err(error),
        }
        self.bid().await
    }

    async fn bid(&mut self) -> Result<bool, ApiError> {
        let settings = &self.settings;
        let bid = record::bid(self.observed.as_ref(), &settings.identity, settings.lease_duration, Instant::now(), (self.wall)());
        match bid {
            Bid::Wait => Ok(false),
            Bid::Write(spec) => self.write(spec).await.map(|()| true),
        }
    }

    async fn write(&mut self, spec: LeaseSpec) -> Result<(), ApiError> {
        let (how, path) = match &self.lease {
            None => (Write::Create, self.path()),
            Some(_) => (Write::Replace, self.path().segment(&self.settings.name)),
        };
        let (namespace, name) = (self.settings.namespace.clone(), self.settings.name.clone());
        let fresh = || Meta { name, namespace, ..Meta::default() };
        let metadata = self.lease.as_ref().map_or_else(fresh, |lease| lease.metadata.clone());
        let body = Lease { api_version: api_version(), kind: kind(), metadata, spec };
        let written: Lease = self.api.write(how, &path, &body).await?;
        self.observed = Some(Observed { spec: written.spec.clone(), since: Instant::now() });
        self.lease = Some(written);
        Ok(())
    }

    async fn release(&mut self) -> Result<(), ApiError> {
        let Some(spec) = self.lease.as_ref().and_then(|l| record::release(&l.spec, &self.settings.identity, (self.wall)()))
        else {
            return Ok(());
        };
        self.write(spec).await
    }
}
