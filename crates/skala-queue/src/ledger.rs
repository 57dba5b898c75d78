//! Money that tasks may cost, per window of the calendar.
//!
//! Decides: whether an attempt may begin under the ceilings that concern it, and until when it waits otherwise.
//! Inputs: ceilings, the task's estimated cost, what was spent in the running windows, `wall`.
//! Method: an attempt reserves its estimate under every ceiling before it begins; when it ends, the reservation becomes what it truly
//!   cost. Money counts in the window in which the attempt began. Windows are hours, days and months in UTC.
//! Units: micros of the platform's currency.
//! Invariants: spent and reserved together never pass a ceiling by a reservation, however many work at once; they do only by attempts
//!   that cost more than their estimate. A reservation is under all ceilings or under none.
//! Tested: `tests` below.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use skala_types::{MICROS, Text, Time};

use crate::{Account, Ceiling, CeilingOf, Owner, Per};

/// Windows that ended are forgotten so much later, in case the wall clock is set back a little.
const KEPT: Duration = Duration::from_secs(3600);
/// Windows that are looked through for forgetting with each reservation.
const LOOK_THROUGH: usize = 4;
/// Most accounts of one ledger. A task that needs one more waits as if its ceiling were reached.
pub const MOST_ACCOUNTS: usize = 1_000_000;

/// What was spent and is reserved, under all ceilings of a platform.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<Account, Balance>,
    /// Forgetting goes on behind this one.
    looked_at: Option<Account>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    spent: u64,
    reserved: u64,
}

/// Whose task it is.
#[derive(Clone, Copy, Debug)]
pub struct Payer<'a> {
    /// Its queue's name.
    pub queue: &'a Text,
    /// Its tenant; empty: none, and no ceiling of tenants concerns it.
    pub tenant: &'a Text,
    /// Its schedule; none: no ceiling of schedules concerns it.
    pub schedule: Option<&'a Text>,
}

/// Money that is set aside for one attempt. It must be settled or released.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "money stays set aside until it is settled or released"]
pub struct Reservation {
    micros: u64,
    accounts: Vec<Account>,
}

impl Reservation {
    /// Under which accounts.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// What was set aside.
    pub fn micros(&self) -> u64 {
        self.micros
    }
}

/// A ceiling does not allow it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Under which account.
    pub account: Account,
    /// Which ceiling, with its numbers.
    pub text: String,
    /// The window's end, by the wall clock.
    pub until: Time,
    /// No window will ever allow it: its estimate alone is above the ceiling.
    pub never: bool,
}

impl Ledger {
    /// What was spent so far in windows that may still run.
    pub fn new(spent: BTreeMap<Account, u64>) -> Ledger {
        let balance = |(account, spent)| (account, Balance { spent, reserved: 0 });
        Ledger { accounts: spent.into_iter().map(balance).collect(), looked_at: None }
    }

    /// Sets an attempt's estimated cost aside, under all ceilings that concern it.
    ///
    /// # Errors
    /// The ceiling whose window ends last among those that do not allow it; nothing is set aside.
    pub fn reserve(&mut self, payer: Payer<'_>, ceilings: &[Ceiling], micros: u64, wall: Time) -> Result<Reservation, Exceeded> {
        if ceilings.is_empty() {
            return Ok(Reservation { micros, accounts: Vec::new() });
        }
        self.forget_some(wall);
        let concerned: Vec<(Account, &Ceiling)> = ceilings.iter().filter_map(|c| Some((payer.account(c, wall)?, c))).collect();
        let refused = concerned.iter().filter_map(|(account, ceiling)| self.refuse(account, ceiling, micros));
        if let Some(exceeded) = refused.max_by_key(|exceeded| (exceeded.never, exceeded.until)) {
            return Err(exceeded);
        }
        let accounts: Vec<Account> = concerned.into_iter().map(|(account, _)| account).collect();
        for account in &accounts {
            let balance = self.accounts.entry(account.clone()).or_default();
            balance.reserved = balance.reserved.saturating_add(micros);
        }
        Ok(Reservation { micros, accounts })
    }

    /// The attempt has ended and cost this much. What must be written down is appended: accounts, and what was spent under them so far.
    pub fn settle(&mut self, reservation: Reservation, actual: u64, changed: &mut Vec<(Account, u64)>) {
        for account in reservation.accounts {
            let balance = self.accounts.entry(account.clone()).or_default();
            balance.reserved = balance.reserved.saturating_sub(reservation.micros);
            balance.spent = balance.spent.saturating_add(actual);
            if actual > 0 {
                changed.push((account, balance.spent));
            }
        }
    }

    /// The attempt did not begin, or cost nothing.
    pub fn release(&mut self, reservation: Reservation) {
        self.settle(reservation, 0, &mut Vec::new());
    }

    /// What was spent and is reserved in the window that runs.
    pub fn balance(&self, payer: Payer<'_>, ceiling: &Ceiling, wall: Time) -> (u64, u64) {
        let balance = payer.account(ceiling, wall).and_then(|account| self.accounts.get(&account));
        balance.map_or((0, 0), |balance| (balance.spent, balance.reserved))
    }

    /// Accounts that are held.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether nothing was spent or reserved.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn refuse(&self, account: &Account, ceiling: &Ceiling, micros: u64) -> Option<Exceeded> {
        let Some(balance) = self.accounts.get(account).copied().or_else(|| self.room().then(Balance::default)) else {
            let text = format!("{MOST_ACCOUNTS} accounts of ceilings are in use, as many as may be");
            return Some(Exceeded { account: account.clone(), text, until: account.from + KEPT, never: false });
        };
        let taken = balance.spent.saturating_add(balance.reserved);
        // A task without an estimate may cost something all the same: it does not begin under a ceiling that is reached.
        if taken.saturating_add(micros.max(1)) <= ceiling.micros {
            return None;
        }
        let never = micros > ceiling.micros;
        let text = words(account, ceiling, balance, micros);
        Some(Exceeded { account: account.clone(), text, until: window_end(account.per, account.from), never })
    }

    fn room(&self) -> bool {
        self.accounts.len() < MOST_ACCOUNTS
    }

    /// A few accounts with each call, so that no call takes long.
    fn forget_some(&mut self, wall: Time) {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = self.looked_at.take().map_or(Unbounded, Excluded);
        let looked: Vec<(Account, bool)> = self
            .accounts
            .range((from, Unbounded))
            .take(LOOK_THROUGH)
            .map(|(account, balance)| (account.clone(), is_over(account, *balance, wall)))
            .collect();
        for (account, _) in looked.iter().filter(|(_, over)| *over) {
            self.accounts.remove(account);
        }
        self.looked_at = looked.into_iter().last().map(|(account, _)| account);
    }
}

impl Payer<'_> {
    fn account(&self, ceiling: &Ceiling, wall: Time) -> Option<Account> {
        let of = match ceiling.of {
            CeilingOf::Queue => None,
            CeilingOf::Tenant if self.tenant.is_empty() => return None,
            CeilingOf::Tenant => Some(Owner::Tenant(self.tenant.clone())),
            CeilingOf::Schedule => Some(Owner::Schedule(self.schedule?.clone())),
        };
        Some(Account { queue: self.queue.clone(), of, per: ceiling.per, from: window_start(ceiling.per, wall) })
    }
}

fn is_over(account: &Account, balance: Balance, wall: Time) -> bool {
    balance.reserved == 0 && (balance.spent == 0 || window_end(account.per, account.from) + KEPT <= wall)
}

/// The beginning of the window in which a time lies.
pub fn window_start(per: Per, wall: Time) -> Time {
    let second = wall.as_nanos() / 1_000_000_000;
    match per {
        Per::Hour => Time::from_secs(second - second % 3600),
        Per::Day => Time::from_secs(second - second % 86_400),
        Per::Month => month(wall, 0),
    }
}

/// The end of the window in which a time lies: the first moment that belongs to the next.
pub fn window_end(per: Per, wall: Time) -> Time {
    match per {
        Per::Hour => window_start(per, wall) + Duration::from_secs(3600),
        Per::Day => window_start(per, wall) + Duration::from_secs(86_400),
        Per::Month => month(wall, 1),
    }
}

/// The first of the month, so many months later.
fn month(wall: Time, later: i32) -> Time {
    let first = Timestamp::from_nanosecond(i128::from(wall.as_nanos()))
        .map(|at| at.to_zoned(TimeZone::UTC).date().first_of_month())
        .and_then(|first| first.checked_add(jiff::Span::new().months(later)))
        .and_then(|first| first.to_zoned(TimeZone::UTC))
        .expect("years up to 2554 are within the calendar");
    Time::from_nanos(u64::try_from(first.timestamp().as_nanosecond()).expect("not before the epoch"))
}

fn words(account: &Account, ceiling: &Ceiling, balance: Balance, micros: u64) -> String {
    let whose = match &account.of {
        None => format!("queue {}", account.queue),
        Some(Owner::Tenant(name)) => format!("tenant {name} in queue {}", account.queue),
        Some(Owner::Schedule(name)) => format!("schedule {name}"),
    };
    let per = match account.per {
        Per::Hour => "hour",
        Per::Day => "day",
        Per::Month => "month",
    };
    let (most, spent, reserved, more) = (money(ceiling.micros), money(balance.spent), money(balance.reserved), money(micros));
    if micros > ceiling.micros {
        return format!("one attempt of {whose} is estimated at {more}, above its ceiling of {most} per {per}");
    }
    format!("{whose} may cost {most} per {per}: {spent} spent, {reserved} set aside, {more} more needed")
}

/// As many decimals as it takes, two at least.
fn money(micros: u64) -> String {
    let fraction = format!("{:06}", micros % MICROS);
    let shown = fraction.trim_end_matches('0').len().max(2);
    format!("{}.{}", micros / MICROS, &fraction[..shown])
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Time {
        text.parse().expect("a time")
    }

    fn payer<'a>(queue: &'a Text, tenant: &'a Text, schedule: Option<&'a Text>) -> Payer<'a> {
        Payer { queue, tenant, schedule }
    }

    #[test]
    fn windows_are_hours_days_and_months_of_utc() {
        let check = |at: &str, expected: Expect| {
            let row = |per| format!("{}..{}", window_start(per, time(at)), window_end(per, time(at)));
            expected.assert_eq(&[row(Per::Hour), row(Per::Day), row(Per::Month)].join("\n"));
        };
        check(
            "2028-02-29T23:59:59.999Z",
            expect![[r#"
            2028-02-29T23:00:00.000Z..2028-03-01T00:00:00.000Z
            2028-02-29T00:00:00.000Z..2028-03-01T00:00:00.000Z
            2028-02-01T00:00:00.000Z..2028-03-01T00:00:00.000Z"#]],
        );
        check(
            "2026-12-31T00:00:00Z",
            expect![[r#"
            2026-12-31T00:00:00.000Z..2026-12-31T01:00:00.000Z
            2026-12-31T00:00:00.000Z..2027-01-01T00:00:00.000Z
            2026-12-01T00:00:00.000Z..2027-01-01T00:00:00.000Z"#]],
        );
    }

    #[test]
    fn what_exceeds_a_ceiling_waits_for_the_next_window_and_is_told_why() {
        let (queue, acme, nightly) = ("ocr".into(), "acme".into(), "nightly".into());
        let ceilings = [
            Ceiling { of: CeilingOf::Queue, micros: 5_000_000, per: Per::Day },
            Ceiling { of: CeilingOf::Tenant, micros: 2_000_000, per: Per::Hour },
            Ceiling { of: CeilingOf::Schedule, micros: 1_000_000, per: Per::Month },
        ];
        let mut ledger = Ledger::default();
        let wall = time("2026-11-21T07:20:00Z");
        let mut changed = Vec::new();
        let first = ledger.reserve(payer(&queue, &acme, None), &ceilings, 1_500_000, wall).expect("room");
        let error = |r: Result<Reservation, Exceeded>| {
            r.map(|_| ()).map_err(|e| format!("{} until {} {}", e.text, e.until, e.never)).unwrap_err()
        };
        expect!["tenant acme in queue ocr may cost 2.00 per hour: 0.00 spent, 1.50 set aside, 0.500001 more needed until 2026-11-21T08:00:00.000Z false"]
            .assert_eq(&error(ledger.reserve(payer(&queue, &acme, None), &ceilings, 500_001, wall)));
        ledger.settle(first, 1_900_000, &mut changed);
        assert_eq!(changed.iter().map(|(_, spent)| *spent).collect::<Vec<_>>(), [1_900_000, 1_900_000]);
        expect!["one attempt of schedule nightly is estimated at 1.20, above its ceiling of 1.00 per month until 2026-12-01T00:00:00.000Z true"]
            .assert_eq(&error(ledger.reserve(payer(&queue, &acme, Some(&nightly)), &ceilings, 1_200_000, wall)));
        // The next hour knows nothing of this one, the day does.
        let later = time("2026-11-21T08:00:00Z");
        let second = ledger.reserve(payer(&queue, &acme, None), &ceilings, 2_000_000, later).expect("a new hour");
        expect![
            "queue ocr may cost 5.00 per day: 1.90 spent, 2.00 set aside, 1.11 more needed until 2026-11-22T00:00:00.000Z false"
        ]
        .assert_eq(&error(ledger.reserve(payer(&queue, &"".into(), None), &ceilings, 1_110_000, later)));
        ledger.release(second);
        assert_eq!(ledger.balance(payer(&queue, &acme, None), &ceilings[1], later), (0, 0));
    }

    #[test]
    fn a_restart_forgets_nothing_that_was_spent_and_windows_that_ended_are_forgotten() {
        let (queue, none): (Text, Text) = ("q".into(), "".into());
        let ceiling = [Ceiling { of: CeilingOf::Queue, micros: 10, per: Per::Hour }];
        let mut ledger = Ledger::default();
        let mut written = BTreeMap::new();
        for hour in 0..100 {
            let wall = Time::from_secs(3600 * hour);
            for _ in 0..2 {
                let mut changed = Vec::new();
                let reserved = ledger.reserve(payer(&queue, &none, None), &ceiling, 5, wall).expect("room");
                ledger.settle(reserved, 5, &mut changed);
                written.extend(changed);
                ledger = Ledger::new(written.clone());
            }
            assert!(ledger.reserve(payer(&queue, &none, None), &ceiling, 1, wall).is_err());
        }
        for _ in 0..100 {
            let _ = ledger.reserve(payer(&queue, &none, None), &ceiling, 11, Time::from_secs(3600 * 200));
        }
        assert_eq!(ledger.len(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Reserve(u8, u64),
        End(usize, u64),
        Release(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0u8..3, 0u64..40).prop_map(|(tenant, micros)| Step::Reserve(tenant, micros)),
            2 => (0usize..100, 0u64..101).prop_map(|(which, share)| Step::End(which, share)),
            1 => (0usize..100).prop_map(Step::Release),
            1 => (0u64..1000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn attempts_that_keep_to_their_estimates_never_overspend(steps in proptest::collection::vec(step(), 1..200)) {
            let queue: Text = "q".into();
            let tenants: [Text; 3] = ["".into(), "a".into(), "b".into()];
            let ceilings = [
                Ceiling { of: CeilingOf::Queue, micros: 100, per: Per::Hour },
                Ceiling { of: CeilingOf::Tenant, micros: 60, per: Per::Hour },
            ];
            let (mut ledger, mut wall, mut open) = (Ledger::default(), Time::from_secs(1_000_000), Vec::new());
            let mut spent: BTreeMap<(u8, Time), u64> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Reserve(tenant, micros) => {
                        let payer = payer(&queue, &tenants[usize::from(tenant)], None);
                        if let Ok(reserved) = ledger.reserve(payer, &ceilings, micros, wall) {
                            open.push((reserved, tenant, window_start(Per::Hour, wall)));
                        }
                    }
                    Step::End(which, percent) if which < open.len() => {
                        let (reserved, tenant, window) = open.swap_remove(which);
                        let actual = reserved.micros() * percent / 100;
                        ledger.settle(reserved, actual, &mut Vec::new());
                        *spent.entry((tenant, window)).or_default() += actual;
                    }
                    Step::Release(which) if which < open.len() => ledger.release(open.swap_remove(which).0),
                    Step::Wait(seconds) => wall += Duration::from_secs(seconds),
                    _ => {}
                }
            }
            // Everything that is still open may cost what it reserved.
            for (reserved, tenant, window) in open {
                *spent.entry((tenant, window)).or_default() += reserved.micros();
            }
            let mut queues: BTreeMap<Time, u64> = BTreeMap::new();
            for ((tenant, window), micros) in spent {
                prop_assert!(tenant == 0 || micros <= 60, "{micros}");
                *queues.entry(window).or_default() += micros;
            }
            prop_assert!(queues.values().all(|micros| *micros <= 100));
        }
    }
}
