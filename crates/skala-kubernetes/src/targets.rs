//! Who else claims a target: two autoscalers, or a HorizontalPodAutoscaler, on the same object.
//!
//! Decides: whether a target is claimed more than once; then nobody here acts on it.
//! Method: an index over both watches, made anew only when one of them has changed.
//! Tested: `tests/it/acting.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::objects::{KeptAutoscaler, KeptHpa, TargetRef};
use crate::watch::{Key, Store};

type Identity = (Arc<str>, (String, String, String));

#[derive(Default)]
struct Index {
    epochs: (u64, u64),
    claims: BTreeMap<Identity, Vec<String>>,
}

/// Claims on targets.
pub(crate) struct Targets {
    autoscalers: Arc<Store<KeptAutoscaler>>,
    hpas: Arc<Store<KeptHpa>>,
    index: Mutex<Option<Index>>,
}

impl Targets {
    pub(crate) fn new(autoscalers: Arc<Store<KeptAutoscaler>>, hpas: Arc<Store<KeptHpa>>) -> Targets {
        Targets { autoscalers, hpas, index: Mutex::new(None) }
    }

    /// Everybody who claims a target, when there is more than one.
    pub(crate) fn rivals(&self, key: &Key, target: &TargetRef) -> Option<Vec<String>> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let epochs = (self.autoscalers.epoch(), self.hpas.epoch());
        if index.as_ref().is_none_or(|i| i.epochs != epochs) {
            *index = Some(Index { epochs, claims: self.claims() });
        }
        let claims = index.as_ref()?.claims.get(&(key.namespace.clone(), target.identity()))?;
        (claims.len() > 1).then(|| claims.clone())
    }

    fn claims(&self) -> BTreeMap<Identity, Vec<String>> {
        let mut claims: BTreeMap<Identity, Vec<String>> = BTreeMap::new();
        self.autoscalers.each(|namespace, name, kept| {
            if let (Ok(spec), false) = (&kept.spec, kept.leaving) {
                let claim = claims.entry((namespace.clone(), spec.target.identity())).or_default();
                claim.push(format!("Autoscaler {name}"));
            }
        });
        self.hpas.each(|namespace, name, kept| {
            // Only where there is an autoscaler too is an HPA of interest.
            if let Some(claim) = claims.get_mut(&(namespace.clone(), kept.target.identity())) {
                claim.push(format!("HorizontalPodAutoscaler {name}"));
            }
        });
        claims
    }
}
