//! Waiting for something to become true: poll with a deadline, never a bare sleep.

use std::time::{Duration, Instant};

/// Time from one look to the next.
const LOOK: Duration = Duration::from_millis(25);

/// Polls `look` until it gives a value.
///
/// # Panics
/// When `limit` has passed; the message names `what` was waited for.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    match try_until(limit, look) {
        Some(found) => found,
        None => panic!("waited {:?} in vain for: {what}", begun.elapsed()),
    }
}

/// Polls `look` until it gives a value or `limit` has passed; looks at least once.
pub fn try_until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

/// Looks again and again for all of `span` and holds that `look` stays true.
///
/// # Panics
/// As soon as it is not.
#[track_caller]
pub fn throughout(what: &str, span: Duration, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + span;
    while Instant::now() < deadline {
        assert!(look(), "this did not hold: {what}");
        std::thread::sleep(LOOK);
    }
}
