//! Targets of the `cpu` and `memory` metrics: a share of what a replica requests, or an amount per replica.

use std::fmt;
use std::str::FromStr;

use super::{Cpu, Percent, ScalarError, Size, kind};

/// From ten cores (in thousandths) on, a bare number is refused: `cpu: 70` is seventy cores to Kubernetes, and a forgotten
/// percent sign to everybody else.
const AMBIGUOUS: u64 = 10_000;

/// Target of the `cpu` metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuTarget {
    /// Share of `resources.requests.cpu`.
    Utilization(Percent),
    /// Mean per replica.
    AverageValue(Cpu),
}

/// Target of the `memory` metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryTarget {
    /// Share of `resources.requests.memory`.
    Utilization(Percent),
    /// Mean per replica.
    AverageValue(Size),
}

/// A percentage above zero: a target of zero would ask for endless replicas.
fn utilization(text: &str) -> Result<Percent, ScalarError> {
    match text.parse::<Percent>()? {
        p if p.millionths() == 0 => Err(ScalarError::new("is a target of zero", "use more than `0%`")),
        p => Ok(p),
    }
}

impl FromStr for CpuTarget {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<CpuTarget, ScalarError> {
        if text.ends_with('%') {
            return utilization(text).map(CpuTarget::Utilization);
        }
        let cpu: Cpu = text.parse()?;
        if cpu.millicores() >= AMBIGUOUS && !text.ends_with('m') {
            let help = format!("write `{text}%` of the request, or an amount such as `300m`");
            return Err(ScalarError::new("could be cores or percent", help));
        }
        Ok(CpuTarget::AverageValue(cpu))
    }
}

impl FromStr for MemoryTarget {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<MemoryTarget, ScalarError> {
        if text.ends_with('%') {
            return utilization(text).map(MemoryTarget::Utilization);
        }
        if text.parse::<u32>().is_ok_and(|n| n <= 1000) {
            return Err(ScalarError::new("has no unit", format!("write `{text}%` of the request, or `{text}Mi` per replica")));
        }
        match text.parse::<Size>()? {
            size if size.bytes() == 0 => Err(ScalarError::new("is a target of zero", "use more than `0Mi`")),
            size => Ok(MemoryTarget::AverageValue(size)),
        }
    }
}

impl fmt::Display for CpuTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CpuTarget::Utilization(p) => p.fmt(f),
            CpuTarget::AverageValue(cpu) if cpu.millicores() >= AMBIGUOUS => write!(f, "{}m", cpu.millicores()),
            CpuTarget::AverageValue(cpu) => cpu.fmt(f),
        }
    }
}

impl fmt::Display for MemoryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryTarget::Utilization(p) => p.fmt(f),
            MemoryTarget::AverageValue(size) => size.fmt(f),
        }
    }
}

kind!(
    CpuTarget,
    "cpu-target",
    "a CPU target",
    "`70%` of the request, `300m` per replica",
    r"^[0-9.]+(%|m)?$|\$\{",
    ["string", "number"]
);
kind!(
    MemoryTarget,
    "memory-target",
    "a memory target",
    "`80%` of the request, `400Mi` per replica",
    r"^[0-9.]+(%|[kMGTPE]|[KMGTPE]i)$|\$\{",
    "string"
);
