//! Where replicas run: one small trait, and what every platform reports about its replicas.
//!
//! Decides: nothing; the control loop names replicas to start and stop, a platform does it and tells what happened.
//! Inputs: orders by service and replica id.
//! Invariants: an order returns at once and its outcome follows as an event; a snapshot never waits for a process.
//! Tested: `tests/local/` drives the local platform through this trait.

pub mod local;
mod spec;
mod status;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use skala_types::{ReplicaId, ServiceName};

pub use local::logs;
pub use local::{Clock, LocalConfig, LocalPlatform, UseCgroups, Variables, guardian_main};
pub use spec::{Amounts, LogRotation, ProcessSpec, Readiness, ReadyWhen, Size};
pub use status::{EventKind, Phase, PlatformEvent, ReplicaStatus, Usage};

/// A place that runs replicas of services.
pub trait Platform: Send + Sync {
    /// Starts a replica and keeps it running until [`Platform::stop`]; returns at once.
    ///
    /// # Errors
    /// When the service is unknown, the id is in use, or the platform is shutting down.
    fn start(&self, service: &ServiceName, id: ReplicaId) -> Result<(), PlatformError>;

    /// Asks a replica to end, and ends it and everything that it started after `grace`; returns at once.
    ///
    /// [`EventKind::Stopped`] follows. Stopping a replica that is stopping or unknown does nothing.
    fn stop(&self, service: &ServiceName, id: ReplicaId, grace: Duration);

    /// Changes what a running replica is promised and may use, in place; it keeps that through restarts of its process.
    ///
    /// # Errors
    /// When there is no such replica, the platform cannot do that, or it would take memory away that is in use.
    fn resize(&self, service: &ServiceName, id: ReplicaId, _size: &Size) -> Result<(), PlatformError> {
        Err(PlatformError::Resize { service: service.clone(), id, why: "this platform has no way to".into() })
    }

    /// Every replica that exists now, in order of service and id.
    fn replicas(&self) -> Vec<ReplicaStatus>;
}

/// Why a platform refuses an order or cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The platform file has no such service.
    #[error("start {service}-{id}: there is no service '{service}'")]
    UnknownService {
        /// The service that was asked for.
        service: ServiceName,
        /// The replica that was asked for.
        id: ReplicaId,
    },
    /// A replica with this id exists already.
    #[error("start {service}-{id}: it exists already")]
    Exists {
        /// The service that was asked for.
        service: ServiceName,
        /// The replica that was asked for.
        id: ReplicaId,
    },
    /// A replica's size cannot be changed.
    #[error("change the size of {service}-{id}: {why}")]
    Resize {
        /// The service that was asked for.
        service: ServiceName,
        /// The replica that was asked for.
        id: ReplicaId,
        /// Why, in words.
        why: String,
    },
    /// The platform is shutting down.
    #[error("start {service}-{id}: the platform is shutting down")]
    ShuttingDown {
        /// The service that was asked for.
        service: ServiceName,
        /// The replica that was asked for.
        id: ReplicaId,
    },
    /// The state folder cannot be used.
    #[error("use the state folder {}", path.display())]
    StateDir {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another live skala holds the state folder.
    #[error("use the state folder {}: another skala is running in it", path.display())]
    InUse {
        /// The lock file that is held.
        path: PathBuf,
    },
    /// A thread of the platform could not be started.
    #[error("start the thread '{name}'")]
    Thread {
        /// The thread's name.
        name: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
