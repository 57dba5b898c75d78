//! What a replica costs per hour.
//!
//! Decides: the price of a replica from its requests, unless it is given.
//! Inputs: prices per vCPU-hour and GiB-hour; requests in millicores and bytes.
//! Method: `cpu x vcpuHour + memory x gibHour`, rounded up to the next micro-unit, so that no replica is free by rounding.
//! Invariants: saturates; more resources never cost less.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};
use skala_types::Money;

/// The platform file's `cost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceList {
    /// Per vCPU and hour.
    pub vcpu_hour: Money,
    /// Per GiB of memory and hour.
    pub gib_hour: Money,
}

/// Micro-units per hour of a replica that requests this much; none when the two prices are in different currencies.
pub fn replica_hour(prices: &PriceList, cpu_milli: u64, memory_bytes: u64) -> Option<Money> {
    let cpu = (u128::from(cpu_milli) * u128::from(prices.vcpu_hour.micros)).div_ceil(1000);
    let memory = (u128::from(memory_bytes) * u128::from(prices.gib_hour.micros)).div_ceil(1 << 30);
    let micros = |m: u128| u64::try_from(m).unwrap_or(u64::MAX);
    Money::new(micros(cpu), prices.vcpu_hour.currency).plus(Money::new(micros(memory), prices.gib_hour.currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_a_price() {
        let list = |cpu: &str, gib: &str| PriceList { vcpu_hour: cpu.parse().unwrap(), gib_hour: gib.parse().unwrap() };
        let euro = list("0.04 EUR", "0.005 EUR");
        // Half a core and 512 MiB: 0.02 and 0.0025.
        assert_eq!(replica_hour(&euro, 500, 512 << 20).unwrap().to_string(), "0.0225 EUR");
        // A byte and a millicore are not free.
        assert_eq!(replica_hour(&list("0.000001 EUR", "0.000001 EUR"), 1, 1).unwrap().micros, 2);
        assert_eq!(replica_hour(&list("1 EUR", "1 USD"), 1, 1), None);
        assert_eq!(replica_hour(&list("18000000000000 EUR", "1 EUR"), u64::MAX, 0).unwrap().micros, u64::MAX);
    }
}
