//! Who leads, in memory.

use super::{Candidate, Leadership, StoreError};

#[derive(Debug, Default)]
pub(super) struct Leader {
    epoch: u32,
    beat: u64,
    who: Option<Candidate>,
}

impl Leader {
    pub(super) fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Leadership {
        match &self.who {
            Some(who) if expected != Some((self.epoch, self.beat)) => {
                Leadership::Follows { epoch: self.epoch, leader: who.clone(), beat: self.beat }
            }
            _ => {
                self.epoch += 1;
                self.beat += 1;
                self.who = Some(me.clone());
                Leadership::Leads { epoch: self.epoch }
            }
        }
    }

    pub(super) fn check(&self, epoch: Option<u32>) -> Result<(), StoreError> {
        if epoch == Some(self.epoch) && self.who.is_some() {
            return Ok(());
        }
        Err(StoreError::Fenced { leader: self.who.as_ref().map_or_else(|| "none".to_owned(), |who| who.name.clone()) })
    }

    pub(super) fn beat(&mut self) {
        self.beat += 1;
    }

    pub(super) fn resign(&mut self) {
        self.who = None;
    }
}
