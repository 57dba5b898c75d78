//! A station as a fluid: requests in service and waiting as real numbers, from step to step.
//!
//! Decides: how many of a step's requests begin, wait, end and are refused, and how long they wait.
//! Inputs: arrival rate, burstiness and tokens of the step; servers; room and patience.
//! Method: two parts. (1) The fluid queue: requests in service N follow dN/dt = rate - N / s while servers are free; once all are busy,
//!   a backlog grows or shrinks by rate - c / s, first come, first served, so that each drop's wait is the time between the arrival
//!   curve and the dispatch curve. (2) Chance around it: the stationary queue of G/G/c by Allen and Cunneen, (ca^2 + cs^2) / 2 times
//!   that of M/M/c, at the load of the last [`MEMORY`] seconds. It is not there at once: from an empty queue it grows no faster
//!   than a reflected Brownian motion, sqrt(2 sigma^2 t / pi), and it drains no faster than servers allow. A wait is the fluid's plus, with
//!   Erlang's chance (of fewer servers where gaps are bursty: Hayward), an exponential one whose mean follows from Little's law.
//! Invariants: what came is served, refused or here; nothing is negative.
//! Tested: `tests/it/fluid.rs`.

use std::collections::VecDeque;

use super::law::Law;
use super::waiting::Waiting;

/// Seconds over which the load of the stationary formula is taken: counts of single steps vary by chance, and the formula knows that.
const MEMORY: f64 = 10.0;
/// The stationary queue at a load of 98.5 %, in units of its variability: more is the fluid's part.
const MOST_NOISE: f64 = 65.0;
/// What is no request any more.
const DUST: f64 = 1e-9;

/// A step's conditions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Beginning, seconds from that of the trace.
    pub(crate) now: f64,
    /// Length, seconds.
    pub(crate) lasts: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Squared coefficient of variation of their gaps.
    pub(crate) gap_scv: f64,
    /// Mean tokens of prompt and answer.
    pub(crate) tokens: (f64, f64),
    /// Servers; infinite without a bound.
    pub(crate) servers: f64,
    /// Requests that may wait.
    pub(crate) room: f64,
}

/// Requests that began service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) arrived: f64,
    pub(crate) count: f64,
    /// Wait of the first and of the last of them, seconds, without chance.
    pub(crate) waits: (f64, f64),
}

/// What a step brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) served: Vec<Served>,
    /// When they arrived, how many, and how long they had waited.
    pub(crate) refused: Vec<(f64, f64, f64)>,
    pub(crate) arrivals: f64,
    /// Requests whose service ended.
    pub(crate) completions: f64,
    /// Server-seconds and request-seconds of waiting.
    pub(crate) busy: f64,
    pub(crate) waiting: f64,
    /// P(a wait beyond the fluid's), and its mean then, seconds.
    pub(crate) chance: f64,
    pub(crate) tail: f64,
    /// Mean service time, seconds.
    pub(crate) service: f64,
}

#[derive(Clone, Copy, Debug)]
struct Drop {
    from: f64,
    to: f64,
    count: f64,
}

/// The state.
#[derive(Clone, Debug)]
pub(crate) struct Station {
    law: Law,
    chances: Waiting,
    max_wait: f64,
    queue: VecDeque<Drop>,
    backlog: f64,
    in_service: f64,
    /// Requests that wait by chance.
    noise: f64,
    /// Offered load, smoothed; none before the first step.
    offered: Option<f64>,
}

impl Station {
    pub(crate) fn new(law: Law, max_wait: f64) -> Station {
        let (queue, chances) = (VecDeque::new(), Waiting::default());
        Station { law, chances, max_wait, queue, backlog: 0.0, in_service: 0.0, noise: 0.0, offered: None }
    }

    pub(crate) fn law(&self) -> &Law {
        &self.law
    }

    pub(crate) fn waiting(&self) -> f64 {
        self.backlog + self.noise
    }

    pub(crate) fn in_service(&self) -> f64 {
        self.in_service
    }

    /// Some requests in service are lost.
    pub(crate) fn lose(&mut self, requests: f64) {
        self.in_service = (self.in_service - requests).max(0.0);
    }

    /// Goes on by a step.
    pub(crate) fn step(&mut self, span: &Span, turn: &mut Turn) {
        let service = self.law.mean(span.tokens);
        let before = self.in_service;
        *turn = Turn { served: std::mem::take(&mut turn.served), refused: std::mem::take(&mut turn.refused), ..Turn::default() };
        turn.served.clear();
        turn.refused.clear();
        turn.service = service;
        turn.arrivals = span.rate * span.lasts;
        self.expire(span.now, turn);
        let waiting_before = self.waiting();
        let surplus = (self.in_service - span.servers).max(0.0);
        self.in_service -= surplus;
        self.flow(span, service, turn);
        let begun: f64 = turn.served.iter().map(|s| s.count).sum();
        turn.completions = (before + begun - self.in_service).max(0.0);
        self.chance(span, service, turn);
        turn.waiting = f64::midpoint(waiting_before, self.waiting()) * span.lasts;
    }

    /// The fluid queue through the phases of a step: a free server takes those who wait; all busy; some free; all busy again.
    fn flow(&mut self, span: &Span, service: f64, turn: &mut Turn) {
        let (capacity, servers) = (span.servers / service, span.servers);
        let (mut now, end) = (span.now, span.now + span.lasts);
        let at_once = self.backlog.min(servers - self.in_service);
        if at_once > DUST {
            self.serve(at_once, (now, now), turn);
            self.in_service += at_once;
        }
        if self.backlog > DUST {
            let net = span.rate - capacity;
            let until = if net < 0.0 { (now - self.backlog / net).min(end) } else { end };
            now = self.busy(span, capacity, (now, until), turn);
        }
        if end - now > DUST {
            now = self.free(span, service, (now, end), turn);
        }
        if end - now > DUST {
            self.in_service = servers;
            self.busy(span, capacity, (now, end), turn);
        }
    }

    /// All servers are busy: arrivals join the queue, and it is served at capacity.
    fn busy(&mut self, span: &Span, capacity: f64, (from, to): (f64, f64), turn: &mut Turn) -> f64 {
        let secs = to - from;
        let (came, served) = (span.rate * secs, capacity * secs);
        let refused = (self.backlog + came - served - span.room).clamp(0.0, came);
        if refused > DUST {
            turn.refused.push((from, refused, 0.0));
        }
        let count = came - refused;
        if count > DUST {
            self.queue.push_back(Drop { from, to, count });
            self.backlog += count;
        }
        self.serve(served, (from, to), turn);
        turn.busy += span.servers * secs;
        to
    }

    /// Some servers are free: arrivals begin at once, until all are busy or the step ends.
    fn free(&mut self, span: &Span, service: f64, (from, end): (f64, f64), turn: &mut Turn) -> f64 {
        self.queue.clear();
        self.backlog = 0.0;
        let (target, servers) = (span.rate * service, span.servers);
        let until_busy = match target > servers {
            true if self.in_service >= servers => 0.0,
            true => -service * ((target - servers) / (target - self.in_service)).ln(),
            false => f64::INFINITY,
        };
        let secs = until_busy.clamp(0.0, end - from);
        let left = (-secs / service).exp();
        turn.busy += target * secs + (self.in_service - target) * service * (1.0 - left);
        self.in_service = (target + (self.in_service - target) * left).clamp(0.0, servers);
        let refused = span.rate * secs * self.turned_away(span, service);
        let count = span.rate * secs - refused;
        if refused > DUST {
            turn.refused.push((from, refused, 0.0));
        }
        if count > 0.0 {
            turn.served.push(Served { arrived: from, count, waits: (0.0, 0.0) });
        }
        from + secs
    }

    /// The share that finds the room full by chance: M/M/c/K's, with the queue's own decay.
    fn turned_away(&mut self, span: &Span, service: f64) -> f64 {
        if !span.servers.is_finite() || span.servers <= 0.0 || !span.room.is_finite() {
            return 0.0;
        }
        let rho = (self.in_service / span.servers).min(1.0);
        let waits = self.waits(span, service, rho);
        let length = if rho < 1.0 { (self.noise / waits.max(1e-12)).max(rho / (1.0 - rho)) } else { MOST_NOISE };
        let full = (-span.room / length.max(1e-12)).exp();
        if full < 1e-9 { 0.0 } else { (waits * (1.0 - rho) * full / (1.0 - waits * rho * full)).clamp(0.0, 1.0) }
    }

    /// P(an arrival waits). Hayward: in bursts, servers are worth as few as their number over the peakedness.
    fn waits(&mut self, span: &Span, service: f64, rho: f64) -> f64 {
        let alike = span.servers / peakedness(span.gap_scv, span.rate * service);
        self.chances.chance(alike.round().max(1.0) as u64, rho)
    }

    /// The first `count` of the queue begin, evenly between two times.
    fn serve(&mut self, count: f64, (from, to): (f64, f64), turn: &mut Turn) {
        let mut left = count.min(self.backlog);
        let pace = if count > 0.0 { (to - from) / count } else { 0.0 };
        let mut begins = from;
        while left > DUST {
            let Some(first) = self.queue.front_mut() else { break };
            let taken = left.min(first.count);
            let split = first.from + (first.to - first.from) * (taken / first.count);
            let ends = begins + taken * pace;
            let waits = ((begins - first.from).max(0.0), (ends - split).max(0.0));
            turn.served.push(Served { arrived: first.from, count: taken, waits });
            first.count -= taken;
            first.from = split;
            if first.count <= DUST {
                self.queue.pop_front();
            }
            (begins, left) = (ends, left - taken);
            self.backlog = (self.backlog - taken).max(0.0);
        }
        if self.queue.is_empty() {
            self.backlog = 0.0;
        }
    }

    /// Those leave whose patience has ended.
    fn expire(&mut self, now: f64, turn: &mut Turn) {
        while let Some(first) = self.queue.front().filter(|d| now - d.to > self.max_wait) {
            turn.refused.push((first.from, first.count, self.max_wait));
            self.backlog = (self.backlog - first.count).max(0.0);
            self.queue.pop_front();
        }
    }

    /// The part of chance after a step.
    fn chance(&mut self, span: &Span, service: f64, turn: &mut Turn) {
        let queued = self.backlog > DUST;
        let seen = if queued { span.rate * service } else { turn.busy / span.lasts.max(DUST) };
        let offered = self.offered.map_or(seen, |o| o + (seen - o) * (1.0 - (-span.lasts / MEMORY).exp()));
        self.offered = Some(offered);
        if !span.servers.is_finite() || span.servers <= 0.0 || offered <= 0.0 {
            self.noise = 0.0;
            return;
        }
        let rho = offered / span.servers;
        let variability = f64::midpoint(span.gap_scv.clamp(0.0, 1e4), self.law.scv().min(1e4));
        let waits = self.waits(span, service, rho);
        let length = if rho < 1.0 { waits * rho / (1.0 - rho) } else { rho / (rho - 1.0).max(1e-9) };
        let target = (variability * length.min(MOST_NOISE)).min(span.room);
        let spare = (span.servers / service - span.rate).max(0.0) * span.lasts;
        let grown = (self.noise * self.noise + 4.0 * variability * span.rate * span.lasts / std::f64::consts::PI).sqrt();
        self.noise = if self.noise < target { target.min(grown) } else { target.max(self.noise - spare) };
        let throughput = span.rate.min(span.servers / service);
        if target > 0.0 && throughput > 0.0 {
            turn.chance = waits * (self.noise / target).min(1.0);
            turn.tail = (self.noise / throughput / turn.chance.max(1e-12)).min(self.max_wait);
        }
    }
}

/// Variance over mean of the requests in service if there were servers for all: exact for exponential service times after Gamma gaps,
/// 1 / (1 - phi(1 / s)) - rate s with the gaps' Laplace transform phi (Eckberg). Regular gaps are not taken to help.
pub(crate) fn peakedness(gap_scv: f64, offered: f64) -> f64 {
    let scv = gap_scv.min(1e4);
    if scv <= 1.0 || offered <= 0.0 {
        return 1.0;
    }
    let apart = -(-(scv / offered).ln_1p() / scv).exp_m1();
    (1.0 / apart - offered).clamp(1.0, scv)
}

/// Squared coefficient of variation of the gaps of a part of the arrivals, taken at random: the smaller, the closer to Poisson.
pub(crate) fn thinned(gap_scv: f64, share: f64) -> f64 {
    1.0 + (gap_scv - 1.0) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peakedness_is_that_of_its_limits() {
        for (scv, offered, expected) in
            [(1.0, 20.0, 1.0), (0.2, 20.0, 1.0), (4.0, 1e6, 2.5), (4.0, 20.0, 2.443), (900.0, 20.0, 215.5)]
        {
            let got = peakedness(scv, offered);
            assert!((got / expected - 1.0).abs() < 0.01, "{scv} {offered}: {got}");
        }
        assert!(peakedness(1e9, 1e-9) >= 1.0 && peakedness(f64::INFINITY, 5.0).is_finite());
    }
}
