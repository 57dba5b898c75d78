//! Connections by server, kept between looks.
//!
//! Method: a look takes the connection out of its slot and puts it back when it ends well; a look that fails or is given up
//!   midway drops it, so nobody meets the rest of an old answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::Error;

/// A connection that is worth keeping.
pub(crate) trait Kept: Sized + Send {
    /// How the server is reached, and as whom.
    type Server: Clone + Eq + Hash + Send + Sync;
    /// What is asked.
    type Ask: Sync;
    /// What is found.
    type Found: Send;

    /// Connects and logs in.
    fn open(server: &Self::Server) -> impl Future<Output = Result<Self, Error>> + Send;
    /// Asks.
    fn look(&mut self, ask: &Self::Ask) -> impl Future<Output = Result<Self::Found, Error>> + Send;
}

/// A server's connection, while there is one; whoever holds the lock is the only one that looks.
type Slot<C> = Arc<AsyncMutex<Option<C>>>;

/// Slots by server.
pub(crate) struct Pool<C: Kept>(Mutex<HashMap<C::Server, Slot<C>>>);

impl<C: Kept> Default for Pool<C> {
    fn default() -> Pool<C> {
        Pool(Mutex::default())
    }
}

impl<C: Kept> Pool<C> {
    /// Asks a server; waits while another look has its connection. A connection that turns out to be broken was perhaps closed for
    /// being idle: then a new one is asked once.
    pub(crate) async fn look(&self, server: C::Server, ask: &C::Ask) -> Result<C::Found, Error> {
        let slot = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(server.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(mut kept) = slot.take() {
            match kept.look(ask).await {
                Err(Error::Reach { .. }) => {}
                found => {
                    *slot = is_whole(&found).then_some(kept);
                    return found;
                }
            }
        }
        let mut fresh = C::open(&server).await?;
        let found = fresh.look(ask).await;
        *slot = is_whole(&found).then_some(fresh);
        found
    }

    /// Forgets the servers that nobody reads any more.
    pub(crate) fn retain(&self, used: impl Fn(&C::Server) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| used(key));
    }
}

/// Whether the connection can be asked again: the server answered, whatever it said.
fn is_whole<T>(found: &Result<T, Error>) -> bool {
    !matches!(
        found,
        Err(Error::Reach { .. }
            | Error::Timeout { .. }
            | Error::TooLarge { .. }
            | Error::Malformed { .. }
            | Error::Broken { .. })
    )
}
