//! What the connections of one thread share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Limits;
use crate::counters::{GatewayCounters, ThreadCounters};
use crate::pool::Pool;
use crate::request_id::RequestIds;
use crate::routes::RouteTable;
use crate::timer::Wheel;

/// The state of one gateway thread; never leaves it.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) table: Arc<ArcSwap<RouteTable>>,
    pub(crate) counters: Arc<ThreadCounters>,
    pub(crate) all: Arc<GatewayCounters>,
    pub(crate) pool: RefCell<Pool>,
    pub(crate) wheel: Rc<Wheel>,
    pub(crate) ids: RequestIds,
    /// The gateway stops: answers close their connection, idle connections are closed.
    pub(crate) draining: Cell<bool>,
}
