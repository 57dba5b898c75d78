//! From the platform file to what the deciding crates take: scaling policies, station settings, sources, prices.
//!
//! Decides: nothing; one place where the file's words become theirs, for the live controller and the simulator alike.
//! Tested: `tests/it/lower.rs`.

mod hpa;
mod knative;
mod links;
mod money;
mod plan;
mod policy;
mod sources;
mod tasks;
mod vertical;

use skala_autoscaler::knative::Config;
use skala_autoscaler::{Mode as Decider, Policy, PolicyError, PolicySpec, Repairs};
use skala_balance::Settings;
use skala_types::Replicas;

use crate::model::{Autoscaling, Balance, Mode, Scale, Service};

pub(crate) use hpa::whole_percent;
pub use money::BudgetOf;
pub(crate) use policy::policy as lowered;
pub use sources::SourceOf;
pub(crate) use tasks::timetable;
pub use tasks::{CeleryQueue, Delivery, ScheduledRequest, TaskQueue, TaskSchedule};
pub use vertical::VerticalAxis;
pub(crate) use vertical::resources as vertical_resources;

/// Who decides how many replicas a service has.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaler {
    /// `mode: default`, and a fixed number.
    Default(Box<Policy>),
    /// `mode: hpa`.
    Hpa {
        /// As in a manifest.
        spec: Box<skala_hpa::Spec>,
        /// What a cluster would say beside it.
        settings: skala_hpa::Settings,
    },
    /// `mode: knative`.
    Knative(Box<skala_autoscaler::knative::Config>),
}

impl Service {
    /// Who decides how many replicas there are; `None` for upstreams.
    ///
    /// # Errors
    /// What the algorithm of the mode refuses, in its words; `load` has refused it before.
    pub fn scaler(&self) -> Option<Result<Scaler, Vec<String>>> {
        let words = |problems: Vec<PolicyError>| problems.iter().map(ToString::to_string).collect();
        Some(match self.scale() {
            Scale::Auto(a) if a.mode == Mode::Hpa => {
                let (spec, settings) = (Box::new(hpa::spec(a)), hpa::settings(a));
                match spec.validate(true) {
                    Ok(()) => Ok(Scaler::Hpa { spec, settings }),
                    Err(refused) => Err(refused.problems.iter().map(ToString::to_string).collect()),
                }
            }
            Scale::Auto(a) if a.mode == Mode::Knative => {
                let config = skala_autoscaler::knative::Config::try_new(knative::config(self, a));
                let words = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
                config.map(|c| Scaler::Knative(Box::new(c))).map_err(words)
            }
            _ => self.policy()?.map(|policy| Scaler::Default(Box::new(policy))).map_err(words),
        })
    }

    /// The policy, in the file's mode; `None` for upstreams. A service of zero replicas has a policy of at most one: it is switched
    /// off by a standing order.
    ///
    /// # Errors
    /// What [`skala_autoscaler::Policy::try_new`] refuses; `load` has refused it before.
    pub fn policy(&self) -> Option<Result<Policy, Vec<PolicyError>>> {
        let spec = match self.scale() {
            Scale::External => return None,
            Scale::Fixed(n) => return Some(Ok(Policy::fixed(Replicas(n)))),
            Scale::Auto(autoscaling) => self.policy_spec(autoscaling),
        };
        Some(Policy::try_new(spec))
    }

    fn policy_spec(&self, a: &Autoscaling) -> PolicySpec {
        let mut spec = policy::policy(self, a).spec;
        match a.mode {
            Mode::Default => {}
            Mode::Hpa => {
                spec.repairs = Repairs::all(false);
                spec.mode = Decider::Hpa(hpa::mode(a));
            }
            Mode::Knative => {
                spec.repairs = Repairs::all(false);
                spec.metrics = knative::nearest(self, a);
                if let Ok(config) = Config::try_new(knative::config(self, a)) {
                    spec.mode = Decider::Knative(Box::new(config));
                }
            }
        }
        spec
    }

    /// Bounds and balancing of the service's station; `balance` overrides the service's own.
    pub fn station(&self, balance: Option<Balance>) -> Settings {
        Settings {
            concurrency: self.concurrency,
            max_waiting: self.waiting.max as usize,
            max_wait: self.waiting.timeout.get(),
            late_after: self.promised_latency().map(|(_, bound)| bound),
            balance: match balance.unwrap_or(self.balance) {
                Balance::LeastRequest => skala_balance::Balance::LeastRequest,
                Balance::RoundRobin => skala_balance::Balance::RoundRobin,
            },
        }
    }
}
