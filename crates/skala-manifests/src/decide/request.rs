//! What a pod requests of a resource.
//!
//! Decides: a pod's request, and which absent one fails the metric.
//! Units: milli; each container's amount was rounded up on its own.
//! Method: upstream's: requests are summed over containers and sidecars; requests of the whole pod replace the sum, and where those
//!   leave the resource out, what the scheduler reckons with.
//! Invariants: a negative amount, or one out of range, is an error; nothing is guessed.
//! Tested: `tests/it/decide.rs`.

use crate::object::Requests;
use crate::{Milli, QuantityError};

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of the containers.
    Main,
    /// An init container that runs beside the others.
    Sidecar,
    /// An init container that ends before the others start.
    Init,
}

/// Amounts by resource name.
pub trait Amounts {
    /// The amount of a resource.
    fn amount(&self, resource: &str) -> Option<Milli>;
}

impl Amounts for Requests {
    fn amount(&self, resource: &str) -> Option<Milli> {
        self.get(resource)
    }
}

/// A pod, however it is kept.
pub trait PodView {
    /// Its name.
    fn name(&self) -> &str;

    /// Requests of the pod as a whole, where it makes any.
    fn whole(&self) -> Option<&dyn Amounts>;

    /// Its containers in the order of the object, the init containers last.
    fn containers(&self) -> impl Iterator<Item = (Role, &str, &dyn Amounts)>;
}

/// What a pod requests of a resource, in milli; of one container, or of all.
///
/// # Errors
/// Why that is not known, in upstream's words.
pub fn request<P: PodView>(pod: &P, resource: &str, container: Option<&str>) -> Result<i64, String> {
    let name = pod.name();
    let unusable = |e: QuantityError| format!("the request for {resource} of Pod {name} cannot be used: {e}");
    if let (Some(whole), None) = (pod.whole().filter(|w| is_pod_level(*w)), container) {
        if let Some(amount) = whole.amount(resource) {
            return amount.usable().map_err(unusable);
        }
        let effective = effective(pod, resource).transpose().map_err(unusable)?;
        return effective.ok_or_else(|| format!("missing pod-level request for {resource} in Pod {name}"));
    }
    let mut total = 0;
    for (_, own, amounts) in pod.containers().filter(|(role, ..)| *role != Role::Init) {
        if container.is_some_and(|wanted| wanted != own) {
            continue;
        }
        let Some(amount) = amounts.amount(resource) else {
            return Err(format!("missing request for {resource} in container {own} of Pod {name}"));
        };
        total = amount.usable().and_then(|milli| add(total, milli)).map_err(unusable)?;
        if container.is_some() {
            return Ok(total);
        }
    }
    match container {
        Some(container) => Err(format!("container {container} not found in Pod {name}")),
        None => Ok(total),
    }
}

/// Whether the pod as a whole requests something that pods as a whole can request.
fn is_pod_level(whole: &dyn Amounts) -> bool {
    ["cpu", "memory"].iter().any(|r| whole.amount(r).is_some())
}

/// What the scheduler reckons with where the pod as a whole says nothing about this resource: the containers and sidecars, or the
/// largest step of the initialisation.
fn effective<P: PodView>(pod: &P, resource: &str) -> Option<Result<i64, QuantityError>> {
    let mut found = false;
    let mut reckon = || -> Result<i64, QuantityError> {
        let (mut running, mut sidecars, mut peak) = (0, 0, 0);
        for (role, _, amounts) in pod.containers() {
            let Some(amount) = amounts.amount(resource) else { continue };
            found = true;
            let milli = amount.usable()?;
            match role {
                Role::Main => running = add(running, milli)?,
                Role::Sidecar => {
                    sidecars = add(sidecars, milli)?;
                    peak = peak.max(sidecars);
                }
                Role::Init => peak = peak.max(add(sidecars, milli)?),
            }
        }
        Ok(add(running, sidecars)?.max(peak))
    };
    let reckoned = reckon();
    found.then_some(reckoned)
}

/// The sum of two amounts.
///
/// # Errors
/// When it does not fit 64 bits.
pub fn add(a: i64, b: i64) -> Result<i64, QuantityError> {
    a.checked_add(b).ok_or_else(|| QuantityError::OutOfRange(format!("{a}m + {b}m")))
}
