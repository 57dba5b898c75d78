//! From `capacity:` and what stands around it to the planner's model.
//!
//! Units: base units (one, one per second, a byte), money per month of 730 hours.

use skala_capacity::Goal;
use skala_capacity::plan::{
    Base, Database, Dimension, Exact, Load, Model, Origin, PerHour, PerMonth, Provider, Rule, Service, Spot, Stage, Store, Unit,
    Up,
};
use skala_types::{Currency, ServiceName};

use crate::model::{self, Capacity, Percentile, Platform, Scale, ServiceCapacity};
use crate::scalar::{self, Amount, Per, Percent, Positive, Spend};

/// Billionths per whole.
const NANO: u128 = 1_000_000_000;

impl Platform {
    /// What `skala plan` plans; an empty model without `capacity:`.
    pub fn plan_model(&self) -> Model {
        let nothing = Capacity::default();
        let capacity = self.capacity.as_ref().unwrap_or(&nothing);
        let cx = Cx { platform: self, capacity };
        Model {
            platform: self.platform.clone(),
            loads: capacity.loads.iter().map(|(name, load)| cx.load(name, load)).collect(),
            services: self.services.iter().map(|(name, service)| cx.service(name, service)).collect(),
            stores: capacity.stores.iter().map(|(name, store)| cx.store(name, store)).collect(),
            databases: self.databases.iter().map(|(name, database)| cx.database(name, database)).collect(),
            providers: self.providers.iter().map(|(name, provider)| cx.provider(name, provider)).collect(),
            stages: capacity.stages.iter().map(|stage| cx.stage(stage)).collect(),
            scenarios: cx.scenarios(),
            currency: self.currency(),
            surge: capacity.rollout_surge.millionths(),
            up: Up {
                replica: capacity.replica_availability.ratio(),
                region: capacity.region_availability.ratio(),
                balancer: capacity.balancer_availability.ratio(),
            },
            notes: cx.notes(),
        }
    }

    /// The currency of every amount of the file; `None` when there is none.
    fn currency(&self) -> Option<Currency> {
        let stated = self.cost.as_ref().and_then(|c| c.currency.parse().ok());
        let of_services = || self.services.values().find_map(|s| Some(s.price?.currency));
        let stores =
            || self.capacity.iter().flat_map(|c| c.stores.values()).find_map(|s| Some(s.price.or(s.price_per_gb)?.currency));
        stated.or_else(of_services).or_else(stores)
    }
}

/// What the lowering looks things up in.
struct Cx<'a> {
    platform: &'a Platform,
    capacity: &'a Capacity,
}

impl Cx<'_> {
    /// What the file leaves open, and what is taken instead.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let priced = self.platform.currency().is_some();
        if !priced {
            notes.push(
                "there are no prices: add `cost:` (price of a vCPU and a GiB per hour), or `price:` to services and stores"
                    .to_owned(),
            );
        }
        for (name, service) in &self.platform.services {
            let capacity = self.capacity.services.get(name);
            let stated = capacity.map_or(0, |c| c.replica_per.len() + c.core_per.len() + c.memory_per.len());
            let measured = capacity.is_some_and(|c| c.service_time.is_some());
            let figures = measured || capacity.is_some_and(|c| c.throughput_per_replica.is_some() || c.scalability.is_some());
            let station = capacity.and_then(|c| self.station(c));
            if stated == 0 && !figures {
                notes.push(format!(
                    "{name}: no load is stated for it under `capacity.services`, so its fewest replicas are planned"
                ));
            } else if figures && station.is_none() {
                notes.push(format!(
                    "{name}: it has figures of a replica and no load: add `load:` with the name of a rate; they are not used"
                ));
            }
            let promised = self.platform.objectives.get(name).is_some_and(|o| o.latency.is_some());
            if measured && station.is_some() && !promised {
                notes.push(format!(
                    "{name}: without an objective for latency, 95 % are to wait no longer than they are worked on"
                ));
            }
            if priced && service.scale() != Scale::External && self.price(service).is_none() {
                notes.push(format!(
                    "{name}: a replica has no price, and counts nothing: add `price:`, or `resources: {{requests: ...}}`"
                ));
            }
        }
        if self.platform.objectives.is_empty() {
            notes.push("there is no objective: availability is told, and held against nothing but the scenarios' own".to_owned());
        }
        notes
    }

    fn load_at(&self, name: &str) -> Option<usize> {
        self.capacity.loads.get_index_of(name)
    }

    fn service_at(&self, name: &ServiceName) -> Option<usize> {
        self.platform.services.get_index_of(name)
    }

    fn load(&self, name: &str, load: &model::Load) -> Load {
        let base = match (load.now, &load.of) {
            (Some(now), _) => {
                let rates = load.growth.as_ref().map(|g| g.rates()).unwrap_or_default();
                Base::Now { value: base(now), growth: rates.iter().map(|r| r.millionths()).collect() }
            }
            (None, of) => {
                let lasting = load.lasting.map(|d| Exact::new(d.get().as_nanos(), NANO));
                let times = load.times.map_or(Exact::whole(1), exact).times(&lasting.unwrap_or(Exact::whole(1)));
                Base::Of { load: of.as_deref().and_then(|of| self.load_at(of)).unwrap_or(0), times }
            }
        };
        let left = self.capacity.loads.len();
        Load { name: name.to_owned(), unit: self.unit_of(load, left), base, peak: self.peak_of(load, left) }
    }

    /// The peak of a load: its own, or that of the load that it follows, for what follows is busy when its cause is.
    fn peak_of(&self, load: &model::Load, left: usize) -> Exact {
        let followed = || load.of.as_ref().filter(|_| left > 0).and_then(|of| self.capacity.loads.get(of));
        match load.peak {
            Some(own) => Exact::from_f64(own).unwrap_or(Exact::whole(1)),
            None => followed().map_or(Exact::whole(1), |of| self.peak_of(of, left - 1)),
        }
    }

    /// The unit that a load is told in: its own, or that of the load that it follows; with `lasting` a number.
    fn unit_of(&self, load: &model::Load, left: usize) -> Unit {
        match (load.now, &load.of) {
            (Some(now), _) => unit(now),
            (None, Some(of)) if load.lasting.is_none() && left > 0 => {
                self.capacity.loads.get(of).map_or_else(Unit::count, |of| self.unit_of(of, left - 1))
            }
            _ => Unit::count(),
        }
    }

    fn service(&self, name: &ServiceName, service: &model::Service) -> Service {
        let nothing = ServiceCapacity::default();
        let capacity = self.capacity.services.get(name).unwrap_or(&nothing);
        let (least, most) = match service.scale() {
            Scale::Fixed(n) => (n, Some(n)),
            Scale::Auto(autoscaling) => (autoscaling.min_replicas, Some(autoscaling.max_replicas)),
            Scale::External => (service.upstreams.as_ref().map_or(0, |u| u.len() as u32), None),
        };
        let requests = &service.resources.requests;
        let station = self.station(capacity);
        Service {
            name: name.as_str().to_owned(),
            rules: self.rules(name, service, capacity, station),
            floor: capacity.min_replicas.unwrap_or(least).into(),
            floor_origin: Origin::File,
            ceiling: most.map(u64::from),
            millicores: requests.cpu.map(|c| c.millicores()),
            memory: requests.memory.map(|m| m.bytes()),
            price: self.price(service),
            quorum: capacity.quorum.unwrap_or(1).into(),
            station,
        }
    }

    /// The load that comes to a service, and its share of that.
    fn station(&self, capacity: &ServiceCapacity) -> Option<(usize, u64)> {
        let share = capacity.share.map_or(1_000_000, Percent::millionths);
        let rate = |name: &&String| {
            let load = self.capacity.loads.get(*name);
            load.is_some_and(|l| self.unit_of(l, self.capacity.loads.len()).dimension == Dimension::Rate)
        };
        let first = || capacity.replica_per.keys().chain(capacity.core_per.keys()).find(rate);
        let load = capacity.load.as_ref().or_else(first)?;
        Some((self.load_at(load)?, share))
    }

    fn rules(
        &self,
        name: &ServiceName,
        service: &model::Service,
        capacity: &ServiceCapacity,
        station: Option<(usize, u64)>,
    ) -> Vec<Rule> {
        let (requests, limits) = (&service.resources.requests, &service.resources.limits);
        let millicores = requests.cpu.map(|c| c.millicores());
        let memory = limits.memory.or(requests.memory).map(|m| m.bytes());
        let replica = |(load, per): (&String, &Amount)| {
            Some(Rule::ReplicaPer { load: self.load_at(load)?, per: base(*per), origin: Origin::File })
        };
        let core =
            |(load, per): (&String, &Amount)| Some(Rule::CorePer { load: self.load_at(load)?, per: base(*per), millicores });
        let memory_per = |(load, each): (&String, &scalar::Size)| {
            Some(Rule::MemoryPer { load: self.load_at(load)?, each: each.bytes(), memory })
        };
        let stated = capacity.replica_per.iter().filter_map(replica);
        let stated =
            stated.chain(capacity.core_per.iter().filter_map(core)).chain(capacity.memory_per.iter().filter_map(memory_per));
        stated.chain(station.into_iter().flat_map(|station| self.measured(name, service, capacity, station))).collect()
    }

    /// What follows from what one replica can do.
    fn measured(
        &self,
        name: &ServiceName,
        service: &model::Service,
        capacity: &ServiceCapacity,
        (load, share): (usize, u64),
    ) -> Vec<Rule> {
        let mut rules = Vec::new();
        if let Some(throughput) = capacity.throughput_per_replica {
            let per = exact(throughput).over(&Exact::new(share.into(), 1_000_000)).unwrap_or(exact(throughput));
            rules.push(Rule::ReplicaPer { load, per, origin: Origin::Measured });
        }
        if let Some(law) = capacity.scalability {
            rules.push(Rule::Scalability {
                load,
                share,
                gamma: law.per_replica.get(),
                alpha: law.contention,
                beta: law.coherency,
            });
        }
        if let Some(times) = &capacity.service_time {
            let mean = times.mean.get().as_secs_f64();
            let promised = self.platform.objectives.get(name).and_then(|o| o.latency.as_ref()?.bounds().last());
            // Without a promise, 19 of 20 wait no longer than they are worked on.
            let goal = promised.map_or(Goal::wait(0.95, mean), |(p, bound)| Goal::response(share_of(p), bound.as_secs_f64()));
            let concurrency = service.concurrency.unwrap_or(1);
            rules.push(Rule::Staffing { load, share, mean, cv: times.cv.unwrap_or(1.0), concurrency, goal });
        }
        rules
    }

    /// What a replica costs on demand in a month.
    fn price(&self, service: &model::Service) -> Option<PerMonth> {
        if let Some(price) = &service.price {
            return Some(monthly(price));
        }
        let (cost, requests) = (self.platform.cost.as_ref()?, &service.resources.requests);
        if requests.cpu.is_none() && requests.memory.is_none() {
            return None;
        }
        let cpu = u128::from(cost.vcpu_hour.nanos()) * u128::from(requests.cpu.map_or(0, |c| c.millicores()));
        let memory = u128::from(cost.gib_hour.nanos()) * u128::from(requests.memory.map_or(0, |m| m.bytes()));
        Some(PerHour(cpu.div_ceil(1000) + memory.div_ceil(1 << 30)).for_a_month())
    }

    fn store(&self, name: &str, store: &model::Store) -> Store {
        let bytes = |load: &str| self.capacity.loads.get(load).map(|l| self.unit_of(l, self.capacity.loads.len()));
        let told = store.per.keys().filter_map(|l| bytes(l)).find(|u| u.dimension == Dimension::Bytes);
        let megabytes = || Unit { dimension: Dimension::Bytes, label: "MB", scale: Exact::whole(1_000_000) };
        Store {
            name: name.to_owned(),
            unit: told.unwrap_or_else(megabytes),
            base: store.base.map_or(0, |s| s.bytes()),
            per: store.per.iter().filter_map(|(load, each)| Some((self.load_at(load)?, base(*each)))).collect(),
            per_connection: store
                .per_connection
                .iter()
                .filter_map(|(database, each)| Some((self.platform.databases.get_index_of(database)?, each.bytes())))
                .collect(),
            available: store.available.map(|s| s.bytes()),
            nodes: store.nodes.unwrap_or(1).into(),
            price: store.price.as_ref().map(monthly),
            price_per_gb: store.price_per_gb.as_ref().map(monthly),
            up: store.availability.map(Percent::ratio),
        }
    }

    fn database(&self, name: &str, database: &model::Database) -> Database {
        let uses = |(i, service): (usize, &model::Service)| {
            service.uses.databases.get(name).map(|u| (i, u64::from(u.connections_per_replica)))
        };
        Database {
            name: name.to_owned(),
            max: database.max_connections.into(),
            reserved: database.reserved_connections.into(),
            users: self.platform.services.values().enumerate().filter_map(uses).collect(),
        }
    }

    fn provider(&self, name: &str, provider: &model::Provider) -> Provider {
        let or_none = |n: Option<Positive>| n.map_or(Exact::whole(0), exact);
        let uses = |(i, service): (usize, &model::Service)| {
            let used = service.uses.providers.get(name)?;
            Some((i, or_none(used.requests_per_minute_per_replica), or_none(used.tokens_per_minute_per_replica)))
        };
        Provider {
            name: name.to_owned(),
            requests: provider.requests_per_minute.map(exact),
            tokens: provider.tokens_per_minute.map(exact),
            users: self.platform.services.values().enumerate().filter_map(uses).collect(),
        }
    }

    fn amounts<'b>(&self, of: impl Iterator<Item = (&'b String, &'b Amount)>) -> Vec<(usize, Exact)> {
        of.filter_map(|(load, amount)| Some((self.load_at(load)?, base(*amount)))).collect()
    }

    fn stage(&self, stage: &model::Stage) -> Stage {
        Stage {
            name: stage.name.clone(),
            below: self.amounts(stage.below.iter()),
            services: stage
                .services
                .iter()
                .map(|(name, s)| {
                    let (cpu, memory) = (s.cpu.map(|c| c.millicores()), s.memory.map(|m| m.bytes()));
                    (name.as_str().to_owned(), s.replicas.into(), cpu, memory)
                })
                .collect(),
            stores: stage.stores.iter().map(|(name, size)| (name.clone(), size.bytes())).collect(),
            triggers: stage.triggers.clone(),
            notes: stage.notes.clone(),
        }
    }

    fn scenarios(&self) -> Vec<skala_capacity::plan::Scenario> {
        if self.capacity.scenarios.is_empty() {
            return vec![self.scenario("on-demand", &model::Scenario::default())];
        }
        self.capacity.scenarios.iter().map(|(name, s)| self.scenario(name, s)).collect()
    }

    fn scenario(&self, name: &str, s: &model::Scenario) -> skala_capacity::plan::Scenario {
        let replicas = s.replicas.iter().filter_map(|(name, n)| Some((self.service_at(name)?, u64::from(*n))));
        let nodes = s.stores.iter().filter_map(|(name, n)| Some((self.capacity.stores.get_index_of(name)?, u64::from(*n))));
        skala_capacity::plan::Scenario {
            name: name.to_owned(),
            budget: s.budget.as_ref().map(monthly),
            minimal: s.sizing == model::Sizing::Minimal,
            replicas: replicas.collect(),
            nodes: nodes.collect(),
            regions: s.regions.into(),
            spot: s.spot.as_ref().map(|spot| self.spot(spot)),
            reserved: s.reserved.as_ref().map(|r| (r.saving.millionths(), r.share.millionths())),
            extra: s.extra.as_ref().map(monthly).unwrap_or_default(),
            carries: self.amounts(s.carries.iter()),
            availability: s.availability.map(Percent::ratio),
        }
    }

    fn spot(&self, spot: &model::Spot) -> Spot {
        let hours = |d: scalar::Dur| d.get().as_secs_f64() / 3600.0;
        Spot {
            saving: spot.saving.millionths(),
            share: spot.share.millionths(),
            services: spot.services.as_ref().map(|of| of.iter().filter_map(|name| self.service_at(name)).collect()),
            interruptions: spot.interruptions_per_hour,
            replacement: hours(spot.replacement),
            lost: hours(spot.lost_work),
        }
    }
}

/// An amount in base units.
fn base(amount: Amount) -> Exact {
    let (num, den) = amount.scale();
    Exact::new(amount.nanos(), NANO).times(&Exact::new(num.into(), den.into()))
}

/// The planner's unit of an amount.
fn unit(amount: Amount) -> Unit {
    let dimension = match amount.dimension() {
        scalar::Dimension::Rate => Dimension::Rate,
        scalar::Dimension::Bytes => Dimension::Bytes,
        scalar::Dimension::Count | scalar::Dimension::Share => Dimension::Count,
    };
    let (num, den) = amount.scale();
    Unit { dimension, label: amount.unit(), scale: Exact::new(num.into(), den.into()) }
}

/// A number as it is written, within 1e-18 to 1e18.
fn exact(n: Positive) -> Exact {
    Exact::from_f64(n.get().clamp(1e-18, 1e18)).unwrap_or(Exact::whole(1))
}

/// Money in a month of 730 hours; a price that is given by the month stays as it is.
fn monthly(spend: &Spend) -> PerMonth {
    let nanos = u128::from(spend.amount.nanos());
    match spend.per {
        Per::Hour => PerHour(nanos).for_a_month(),
        Per::Day => PerMonth(PerHour(nanos).for_a_month().0.div_ceil(24)),
        Per::Month => PerMonth(nanos),
    }
}

fn share_of(percentile: Percentile) -> f64 {
    match percentile {
        Percentile::P50 => 0.5,
        Percentile::P90 => 0.9,
        Percentile::P95 => 0.95,
        Percentile::P99 => 0.99,
    }
}

impl Amount {
    /// The amount in base units and what it counts, for a target of a plan; `None` for a share.
    pub fn in_base_units(self) -> Option<(Exact, Dimension)> {
        (self.dimension() != scalar::Dimension::Share).then(|| (base(self), unit(self).dimension))
    }
}
