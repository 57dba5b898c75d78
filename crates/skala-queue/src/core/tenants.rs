//! Numbers for tenants.
//!
//! Method: a tenant has a number while tasks of it live, and for a while longer, so that its rate is remembered; of those without tasks
//!   the 65,536 that had one last are kept.
//! Invariants: number 0 is nobody's in particular.

use std::collections::VecDeque;

use skala_types::Text;

use super::index::Index;
use super::siphash::{self, Secret};

/// Tenants without a task that keep their number.
const IDLE: usize = 65_536;

#[derive(Debug)]
struct Tenant {
    name: Text,
    tasks: u32,
    idle: bool,
}

/// All tenants.
#[derive(Debug)]
pub(super) struct Tenants {
    secret: Secret,
    list: Vec<Tenant>,
    by_name: Index,
    idle: VecDeque<u32>,
    free: Vec<u32>,
}

impl Tenants {
    pub(super) fn new(secret: Secret) -> Tenants {
        let nobody = Tenant { name: Text::default(), tasks: 1, idle: false };
        Tenants { secret, list: vec![nobody], by_name: Index::default(), idle: VecDeque::new(), free: Vec::new() }
    }

    /// The secret of hashes that leave no trace.
    pub(super) fn secret(&self) -> Secret {
        self.secret
    }

    pub(super) fn name(&self, number: u32) -> &Text {
        &self.list[number as usize].name
    }

    /// A tenant's number, if it has one.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        if name.is_empty() {
            return Some(0);
        }
        self.by_name.find(self.hash(name), |n| self.list[n as usize].name.as_str() == name)
    }

    fn hash(&self, name: &str) -> u64 {
        siphash::hash(self.secret, name.as_bytes()) as u64
    }

    /// One more task of a tenant; its number.
    pub(super) fn enter(&mut self, name: &Text) -> u32 {
        let number = self.find(name).unwrap_or_else(|| self.add(name));
        if number != 0 {
            self.list[number as usize].tasks += 1;
        }
        number
    }

    fn add(&mut self, name: &Text) -> u32 {
        let tenant = Tenant { name: name.clone(), tasks: 0, idle: false };
        let number = match self.free.pop() {
            Some(number) => {
                self.list[number as usize] = tenant;
                number
            }
            None => {
                self.list.push(tenant);
                self.list.len() as u32 - 1
            }
        };
        self.by_name
            .insert(self.hash(name), number, |n| siphash::hash(self.secret, self.list[n as usize].name.as_bytes()) as u64);
        number
    }

    /// A task of the tenant has ended. The number of a tenant that is forgotten for it.
    pub(super) fn leave(&mut self, number: u32) -> Option<u32> {
        if number == 0 {
            return None;
        }
        let tenant = &mut self.list[number as usize];
        tenant.tasks -= 1;
        if tenant.tasks == 0 && !tenant.idle {
            tenant.idle = true;
            self.idle.push_back(number);
        }
        self.forget_one()
    }

    fn forget_one(&mut self) -> Option<u32> {
        if self.idle.len() <= IDLE {
            return None;
        }
        let number = self.idle.pop_front()?;
        let tenant = &mut self.list[number as usize];
        tenant.idle = false;
        if tenant.tasks > 0 {
            return None;
        }
        let name = std::mem::take(&mut tenant.name);
        self.by_name.remove(self.hash(&name), number);
        self.free.push(number);
        Some(number)
    }
}
