//! What can be made to go wrong between a client and the API server.
//!
//! Decides: whether a request is slowed down, refused or cut, and whether connections and watches live on.
//! Inputs: the orders of a test; the request at hand.
//! Invariants: without an order nothing is disturbed; faults hit only HTTP, never the helpers of [`Cluster`](super::Cluster).
//! Tested: `tests/kubernetes/server.rs`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::target::Target;
use super::{held, store::Pulse};

/// What happens to a request that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this HTTP code and the fitting `Status`; with `Retry-After` where seconds are given.
    Refuse(u16, Option<u32>),
    /// It is answered, after this time.
    Slow(Duration),
    /// Its connection is cut without an answer, before anything has changed.
    Cut,
    /// It is carried out, and then its connection is cut: the client cannot know.
    CutAfter,
}

/// Which requests a fault hits. An empty one hits all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    verbs: Vec<String>,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    user_agent: Option<String>,
}

impl Matching {
    /// Every request.
    pub fn all() -> Matching {
        Matching::default()
    }

    /// Requests that change something.
    pub fn writes() -> Matching {
        Matching::default().verbs(&["create", "update", "patch", "delete", "deletecollection"])
    }

    /// Only these verbs: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    #[must_use]
    pub fn verbs(mut self, verbs: &[&str]) -> Matching {
        self.verbs = verbs.iter().map(|v| (*v).to_owned()).collect();
        self
    }

    /// Only this resource: `pods`, `deployments.apps`.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Matching {
        self.resource = Some(resource.to_owned());
        self
    }

    /// Only this subresource: `status`, `scale`; an empty one means the object itself.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Matching {
        self.subresource = Some(subresource.to_owned());
        self
    }

    /// Only this namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Matching {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Only the object of this name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Matching {
        self.name = Some(name.to_owned());
        self
    }

    /// Only clients whose `User-Agent` contains this.
    #[must_use]
    pub fn user_agent(mut self, part: &str) -> Matching {
        self.user_agent = Some(part.to_owned());
        self
    }

    pub(crate) fn hits(&self, target: &Target, user_agent: &str) -> bool {
        let same = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|want| want == have);
        (self.verbs.is_empty() || self.verbs.iter().any(|v| v == target.verb))
            && same(&self.resource, &target.group_resource())
            && same(&self.subresource, &target.subresource)
            && same(&self.namespace, &target.namespace)
            && same(&self.name, &target.name)
            && self.user_agent.as_deref().is_none_or(|part| user_agent.contains(part))
    }
}

struct Order {
    matching: Matching,
    fault: Fault,
    /// How many requests it still hits.
    left: usize,
}

/// Whether connections are served.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gate {
    /// No connection is served until then; `None` while all is well.
    until: Option<Outage>,
    /// Counts orders to cut what is open.
    pub(crate) cuts: u64,
}

#[derive(Clone, Copy, Debug)]
enum Outage {
    Restored,
    At(Instant),
}

impl Gate {
    pub(crate) fn is_shut(&self) -> bool {
        match self.until {
            None => false,
            Some(Outage::Restored) => true,
            Some(Outage::At(end)) => Instant::now() < end,
        }
    }
}

/// Orders of a test to disturb the clients of a [`Cluster`](super::Cluster).
pub struct Faults {
    orders: Mutex<Vec<Order>>,
    conflicts: Mutex<BTreeMap<(String, String, String), usize>>,
    gate: watch::Sender<Gate>,
    pulse: watch::Sender<Pulse>,
}

impl Faults {
    pub(crate) fn new(pulse: watch::Sender<Pulse>) -> Faults {
        Faults { orders: Mutex::default(), conflicts: Mutex::default(), gate: watch::Sender::new(Gate::default()), pulse }
    }

    /// From now on every request that matches suffers this fault, until [`Faults::clear`].
    pub fn inject(&self, matching: Matching, fault: Fault) {
        self.inject_times(matching, fault, usize::MAX);
    }

    /// The next `times` requests that match suffer this fault.
    pub fn inject_times(&self, matching: Matching, fault: Fault, times: usize) {
        held(&self.orders).push(Order { matching, fault, left: times });
    }

    /// Takes every injected fault back and ends an outage.
    pub fn clear(&self) {
        held(&self.orders).clear();
        held(&self.conflicts).clear();
        self.restore();
    }

    /// Cuts every connection and serves no new one, until [`Faults::restore`].
    pub fn outage(&self) {
        self.shut(Outage::Restored);
    }

    /// Cuts every connection and serves no new one for this long.
    pub fn outage_for(&self, span: Duration) {
        self.shut(Outage::At(Instant::now() + span));
    }

    fn shut(&self, until: Outage) {
        self.gate.send_modify(|gate| *gate = Gate { until: Some(until), cuts: gate.cuts + 1 });
    }

    /// Ends an outage.
    pub fn restore(&self) {
        self.gate.send_modify(|gate| gate.until = None);
    }

    /// Cuts every connection once; new ones are served at once.
    pub fn cut_connections(&self) {
        self.gate.send_modify(|gate| gate.cuts += 1);
    }

    /// Ends every watch in good order, as a server does whose time for it is over.
    pub fn close_watches(&self) {
        self.pulse.send_modify(|pulse| pulse.closed += 1);
    }

    /// Ends every watch with an `ERROR` event of code 410. Forgetting the history is [`Cluster::compact`](super::Cluster::compact).
    pub fn expire_watches(&self) {
        self.pulse.send_modify(|pulse| pulse.expired += 1);
    }

    /// Sends a `BOOKMARK` on every watch that allows them, now.
    pub fn send_bookmarks(&self) {
        self.pulse.send_modify(|pulse| pulse.bookmarks += 1);
    }

    /// The next `times` writes to this object (subresources too) meet a conflict, whatever version they carry.
    pub fn conflict(&self, resource: &str, namespace: &str, name: &str, times: usize) {
        held(&self.conflicts).insert((resource.to_owned(), namespace.to_owned(), name.to_owned()), times);
    }

    pub(crate) fn gate(&self) -> watch::Receiver<Gate> {
        self.gate.subscribe()
    }

    /// The fault that this request suffers; uses up one of its times.
    pub(crate) fn strike(&self, target: &Target, user_agent: &str) -> Option<Fault> {
        let mut orders = held(&self.orders);
        let order = orders.iter_mut().find(|o| o.left > 0 && o.matching.hits(target, user_agent))?;
        order.left -= usize::from(order.left != usize::MAX);
        let fault = order.fault.clone();
        orders.retain(|o| o.left > 0);
        Some(fault)
    }

    /// Whether this write meets a conflict; uses up one of its times.
    pub(crate) fn strike_conflict(&self, target: &Target) -> bool {
        if !matches!(target.verb, "update" | "patch") {
            return false;
        }
        let mut conflicts = held(&self.conflicts);
        let key = (target.group_resource(), target.namespace.clone(), target.name.clone());
        match conflicts.get_mut(&key) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}
