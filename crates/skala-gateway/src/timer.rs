//! Coarse deadlines for connections.
//!
//! Decides: when a connection has waited long enough.
//! Method: one task per thread looks at all deadlines ten times a second. Setting one is a store to memory, where a timer of the
//! runtime would be a tree operation per request; being up to a tenth of a second late matters to no timeout here.
//! Invariants: a deadline is never early.
//! Tested: by every timeout test in `tests/gateway/faults.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The time between two looks.
pub(crate) const TICK: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Slot {
    due: Cell<Option<Instant>>,
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    index: Cell<usize>,
}

/// All deadlines of one thread.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: RefCell<Vec<Rc<Slot>>>,
    now: Cell<Instant>,
}

impl Wheel {
    pub(crate) fn new() -> Rc<Wheel> {
        Rc::new(Wheel { slots: RefCell::default(), now: Cell::new(Instant::now()) })
    }

    pub(crate) fn timer(self: &Rc<Self>) -> Timer {
        let mut slots = self.slots.borrow_mut();
        let slot = Rc::new(Slot {
            due: Cell::new(None),
            fired: Cell::new(false),
            waker: RefCell::default(),
            index: Cell::new(slots.len()),
        });
        slots.push(Rc::clone(&slot));
        Timer { wheel: Rc::clone(self), slot }
    }

    /// How many timers there are, one per connection.
    pub(crate) fn len(&self) -> usize {
        self.slots.borrow().len()
    }

    /// Fires what is due.
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        self.now.set(now);
        for slot in self.slots.borrow().iter() {
            if slot.due.get().is_some_and(|due| due <= now) {
                slot.due.set(None);
                slot.fired.set(true);
                slot.wake();
            }
        }
    }

    /// Wakes every connection, to look at something that changed.
    pub(crate) fn wake_all(&self) {
        for slot in self.slots.borrow().iter() {
            slot.wake();
        }
    }
}

impl Slot {
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Timer {
    wheel: Rc<Wheel>,
    slot: Rc<Slot>,
}

impl Timer {
    /// Sets the deadline, counted from the last look at the clock plus one tick, so that it is never early.
    pub(crate) fn arm(&self, after: Duration) {
        self.slot.fired.set(false);
        self.slot.due.set(self.wheel.now.get().checked_add(after.saturating_add(TICK)));
    }

    /// Sets the deadline to a moment.
    pub(crate) fn arm_at(&self, due: Instant) {
        self.slot.fired.set(false);
        self.slot.due.set(Some(due));
    }

    /// The time of the last look at the clock, a tick ago at most.
    pub(crate) fn now(&self) -> Instant {
        self.wheel.now.get()
    }

    /// Ready when the deadline has passed.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.slot.fired.get() {
            return Poll::Ready(());
        }
        let mut waker = self.slot.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut slots = self.wheel.slots.borrow_mut();
        let index = self.slot.index.get();
        slots.swap_remove(index);
        if let Some(moved) = slots.get(index) {
            moved.index.set(index);
        }
    }
}
