//! A prediction in words, for `skala why`.

use std::fmt;

use super::{BudgetUse, Prediction};

impl fmt::Display for Prediction {
    /// Some indented lines, each with its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prediction { rate, predicted_rate, service, dispersion, .. } = self;
        let (ahead, more) = (self.horizon.as_secs(), (self.growth - 1.0) * 100.0);
        let share = self.growth_quantile * 100.0;
        writeln!(f, "    in {ahead}s, when a replica ordered now is ready: {predicted_rate:.1}/s, now {rate:.1}/s")?;
        match &self.forecast {
            Some(model) => writeln!(f, "    raised by the forecast ({model})")?,
            None => writeln!(f, "    head-room {more:.0} %: {share:.0} % of what came on top before stayed within it")?,
        }
        writeln!(f, "    a request takes {service:.3}s; arrivals vary {dispersion:.1} times as much as chance alone")?;
        if self.service_too_slow {
            writeln!(f, "    the service times alone miss the objective: more replicas only keep requests from waiting")?;
        }
        writeln!(f, "    without a change, {:.0} requests will wait {:.1}s by then", self.backlog, self.wait)?;
        write!(f, "    {} replicas keep the objective at that rate", self.for_rate)?;
        if self.for_backlog.0 > 0 {
            write!(f, ", {} work off what waits", self.for_backlog)?;
        }
        writeln!(f, "; the most needed within {}s was {}", self.keeps.as_secs(), self.kept)?;
        let burn = self.burn.map_or(String::new(), |burn| format!(" (burn rate {burn:.2})"));
        let words = match self.budget {
            BudgetUse::Unknown => "too few requests to tell how the error budget is used",
            BudgetUse::Spare => "the error budget has plenty to spare: less head-room",
            BudgetUse::Even => "the error budget is used as it may be",
            BudgetUse::Burning => "the error budget burns: more head-room",
        };
        writeln!(f, "    {words}{burn}")
    }
}
