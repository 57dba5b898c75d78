//! The price of the ready set: `cargo bench -p skala-queue --bench ready` (or with `--profile quick`).
//!
//! A million ready tasks of ten thousand tenants (and of one), in three priorities; per task: put in, take out.

use std::time::Duration;

use divan::{Bencher, black_box, counter::ItemsCount};
use skala_queue::ready::{Ready, TenantIndex};
use skala_types::Time;

const TASKS: u32 = 1_000_000;
/// As many are popped and pushed again in one sample.
const TURNS: u32 = 100_000;

fn main() {
    divan::main();
}

fn at(slot: u32) -> Time {
    Time::from_secs(1_800_000_000) + Duration::from_micros(u64::from(slot))
}

fn push(ready: &mut Ready, slot: u32, tenants: u32, now: Time) {
    // Spread so that neighbours are of different tenants.
    let tenant = slot.wrapping_mul(2_654_435_761) % tenants;
    ready.push(slot, TenantIndex(tenant), (slot % 3) as u8, now, now);
}

fn filled(tenants: u32) -> Ready {
    let mut ready = Ready::new(Duration::from_secs(60));
    (0..TASKS).for_each(|slot| push(&mut ready, slot, tenants, at(slot)));
    ready
}

#[divan::bench(args = [1, 10_000], sample_count = 5, sample_size = 1)]
fn fill(bencher: Bencher<'_, '_>, tenants: u32) {
    bencher.counter(ItemsCount::new(TASKS)).bench_local(|| filled(tenants));
}

/// A steady state: what is popped comes again.
#[divan::bench(args = [1, 10_000], sample_count = 5, sample_size = 1)]
fn pop_and_push(bencher: Bencher<'_, '_>, tenants: u32) {
    let mut ready = filled(tenants);
    let mut turn = TASKS;
    bencher.counter(ItemsCount::new(TURNS)).bench_local(|| {
        for _ in 0..TURNS {
            let now = at(turn);
            let slot = ready.pop(now, |_| true).expect("it is never empty");
            push(&mut ready, slot, tenants, now);
            turn += 1;
        }
    });
}

/// A backlog of eleven minutes: tenants rise through the classes meanwhile.
#[divan::bench(args = [1, 10_000], sample_count = 5, sample_size = 1)]
fn pop_while_classes_rise(bencher: Bencher<'_, '_>, tenants: u32) {
    let full = filled(tenants);
    bencher.counter(ItemsCount::new(TASKS)).with_inputs(|| full.clone()).bench_local_refs(|ready| {
        for turn in 0..TASKS {
            black_box(ready.pop(at(660 * turn), |_| true));
        }
    });
}

/// Half of the tenants are at their limit.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn pop_and_push_with_half_kept_back(bencher: Bencher<'_, '_>) {
    let mut ready = filled(10_000);
    let mut turn = TASKS;
    bencher.counter(ItemsCount::new(TURNS)).bench_local(|| {
        for _ in 0..TURNS {
            let now = at(turn);
            let slot = ready.pop(now, |tenant| tenant.0 % 2 == 0).expect("it is never empty");
            push(&mut ready, slot, 10_000, now);
            turn += 1;
        }
    });
}
