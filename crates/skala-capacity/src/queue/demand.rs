//! A station's steady state: what arrives, what it takes, and on how many servers.
//!
//! Decides: how busy servers are, how long requests wait, and how long they take with their service.
//! Inputs: arrival rate (per second), service times (seconds), variability of gaps and service, servers.
//! Method: Erlang C for the chance of waiting; Allen and Cunneen's factor (ca^2 + cs^2)/2 on the mean wait, exact for M/M/c and
//!   M/G/1; waits of those who wait are taken as exponential.
//! Invariants: Little's law holds; more servers never worsen any figure; at full utilisation the answer is [`Unstable`].
//! Limits: gaps that vary very much (ca^2 of 10 and more, bursts) are beyond the formula: simulate those.
//! Tested: `tests/it/erlang.rs`, `tests/it/staffing.rs`.

use super::erlang::{c_of, inverse_b};
use super::service::Service;
use super::unstable::Unstable;
use crate::number::{at_least_0, share};

/// What a station has to serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Arrivals per second, >= 0.
    pub rate: f64,
    /// Squared coefficient of variation of the gaps between arrivals: 1 for Poisson, 0 for a metronome.
    pub arrival_scv: f64,
    /// Time of a server per request.
    pub service: Service,
}

impl Demand {
    /// Poisson arrivals of `rate` per second.
    pub fn new(rate: f64, service: Service) -> Demand {
        Demand { rate, arrival_scv: 1.0, service }
    }

    /// Offered load: the servers that are busy in the mean, >= 0.
    pub fn erlangs(&self) -> f64 {
        let (rate, mean) = (at_least_0(self.rate), self.service.mean());
        if rate == 0.0 || mean == 0.0 { 0.0 } else { rate * mean }
    }

    /// Allen and Cunneen's factor on the mean wait.
    pub(crate) fn variability(&self) -> f64 {
        (at_least_0(self.arrival_scv) + self.service.scv()) / 2.0
    }

    /// The steady state on `servers` servers, whole or not (>= 0).
    ///
    /// # Errors
    /// When as much arrives as can be served, or more.
    pub fn on(&self, servers: f64) -> Result<Queue, Unstable> {
        let (erlangs, servers) = (self.erlangs(), at_least_0(servers));
        if erlangs >= servers && erlangs > 0.0 {
            let mean = self.service.mean();
            return Err(Unstable { rate: at_least_0(self.rate), capacity: if servers > 0.0 { servers / mean } else { 0.0 } });
        }
        let utilisation = if servers > 0.0 { erlangs / servers } else { 0.0 };
        let waits = if erlangs > 0.0 { c_of(inverse_b(erlangs, servers), utilisation) } else { 0.0 };
        Ok(Queue::new(*self, servers, waits))
    }
}

/// A station in steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    demand: Demand,
    servers: f64,
    waits: f64,
    /// Rate at which the wait of those who wait decays, per second; infinite where nobody waits.
    decay: f64,
}

impl Queue {
    /// A stable station, of which the chance of waiting is known.
    pub(crate) fn new(demand: Demand, servers: f64, waits: f64) -> Queue {
        let spare = (servers - demand.erlangs()) / demand.service.mean();
        let decay = spare / demand.variability();
        Queue { demand, servers, waits, decay: if decay > 0.0 { decay } else { f64::INFINITY } }
    }

    /// Share of the servers that is busy, below 1.
    pub fn utilisation(&self) -> f64 {
        if self.servers > 0.0 { self.demand.erlangs() / self.servers } else { 0.0 }
    }

    /// Chance that a request waits at all (Erlang C).
    pub fn chance_of_wait(&self) -> f64 {
        self.waits
    }

    /// Mean wait over all requests, seconds.
    pub fn mean_wait(&self) -> f64 {
        self.waits / self.decay
    }

    /// Share of requests that wait longer than `seconds`.
    pub fn wait_exceeds(&self, seconds: f64) -> f64 {
        match self.decay == f64::INFINITY {
            true => 0.0,
            false => self.waits * (-self.decay * at_least_0(seconds)).exp(),
        }
    }

    /// The wait that a share `q` of requests stays within, seconds; infinite at 1 where anybody waits.
    pub fn wait_quantile(&self, q: f64) -> f64 {
        let late = 1.0 - share(q);
        if self.waits <= late || self.decay == f64::INFINITY {
            return 0.0;
        }
        (self.waits / late).ln() / self.decay
    }

    /// Mean time from arrival to answer, seconds.
    pub fn mean_response(&self) -> f64 {
        self.mean_wait() + self.demand.service.mean()
    }

    /// Share of requests whose wait and service together take longer than `seconds`.
    pub fn response_exceeds(&self, seconds: f64) -> f64 {
        self.demand.service.response_exceeds(seconds, self.waits, self.decay)
    }

    /// The time from arrival to answer that a share `q` of requests stays within, seconds, to a millionth of itself.
    pub fn response_quantile(&self, q: f64) -> f64 {
        let late = 1.0 - share(q);
        let (mut low, mut high) = (0.0, self.demand.service.quantile(q) + self.wait_quantile(q));
        if !high.is_finite() {
            return high;
        }
        // Either of the two can be late: half of the allowed share each bounds the sum from above.
        if self.response_exceeds(high) > late {
            high = self.demand.service.quantile(1.0 - late / 2.0) + self.wait_quantile(1.0 - late / 2.0);
        }
        while high - low > high * 1e-9 {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                break;
            }
            if self.response_exceeds(middle) > late { low = middle } else { high = middle }
        }
        high
    }

    /// Mean number of requests that wait.
    pub fn waiting(&self) -> f64 {
        at_least_0(self.demand.rate) * self.mean_wait()
    }

    /// Mean number of requests in the station, waiting and in service.
    pub fn in_system(&self) -> f64 {
        self.waiting() + self.demand.erlangs()
    }
}
