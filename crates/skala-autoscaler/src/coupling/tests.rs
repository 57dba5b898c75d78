//! Downstreams by rows, and what must hold for any.

use std::collections::BTreeMap;

use proptest::prelude::*;
use skala_types::{Replicas, Time};

use super::*;

const NOW: Time = Time::from_secs(1_700_000_000);

fn postgres(max: u64, reserved: u64) -> Downstream {
    Downstream { name: "postgres".to_owned(), limit: Limit::Connections { max, reserved } }
}

fn llm(unit: Unit, per_minute: u64) -> Downstream {
    let limit = Limit::Quota { unit, per_minute_milli: per_minute * 1000, reserved_milli: 0 };
    Downstream { name: "llm".to_owned(), limit }
}

fn link(service: &str, downstream: &str, per_replica: u64, surge: Surge) -> Link {
    Link { service: service.into(), downstream: downstream.to_owned(), per_replica, surge }
}

fn links(downstreams: &[Downstream], links: &[Link]) -> Links {
    Links::try_new(LinksSpec { downstreams: downstreams.to_vec(), links: links.to_vec() }).unwrap()
}

fn want(service: &str, desired: u32, current: u32, min: u32, priority: i32) -> Want {
    Want { service: service.into(), desired: Replicas(desired), current: Replicas(current), min: Replicas(min), priority }
}

fn granted(v: &Verdict) -> Vec<u32> {
    v.capped.iter().map(|c| c.replicas.0).collect()
}

fn live(at: Time, foreign: u64, limit: Option<u64>) -> Live {
    Live(BTreeMap::from([("postgres".to_owned(), LiveUse { at, foreign, limit })]))
}

#[test]
fn connections_are_divided_minima_first_then_by_priority_then_in_step() {
    let both =
        |surge| links(&[postgres(100, 10)], &[link("api", "postgres", 5, surge), link("worker", "postgres", 2, Surge::None)]);
    // api's and worker's want, minimum, priority; what they get of 90.
    let rows = [
        (Surge::None, (10, 1, 0), (20, 1, 0), [10, 20]),
        (Surge::None, (20, 1, 5), (20, 1, 0), [17, 1]),
        (Surge::None, (20, 1, 0), (20, 1, 5), [10, 20]),
        (Surge::None, (20, 1, 0), (20, 10, 0), [12, 15]),
        // A rollout needs room for one replica more, or for a quarter.
        (Surge::Replicas(1), (20, 1, 5), (20, 1, 0), [16, 1]),
        (Surge::Percent(25), (20, 1, 5), (20, 1, 0), [13, 1]),
    ];
    for (surge, a, w, expected) in rows {
        let wants = [want("api", a.0, 1, a.1, a.2), want("worker", w.0, 1, w.1, w.2)];
        let v = cap(&both(surge), &Live::default(), &wants, NOW);
        assert_eq!(granted(&v), expected, "{surge:?} {a:?} {w:?}");
        assert!(v.downstreams[0].used <= 90);
    }
}

#[test]
fn the_reason_names_the_downstream_its_limit_and_its_users() {
    let links =
        links(&[postgres(100, 13)], &[link("api", "postgres", 20, Surge::None), link("worker", "postgres", 5, Surge::None)]);
    let wants = [want("api", 9, 3, 1, 1), want("worker", 4, 4, 4, 0), want("free", 50, 1, 1, 0)];
    let v = cap(&links, &live(NOW, 20, None), &wants, NOW);
    assert_eq!(granted(&v), [3, 4, 50]);
    assert_eq!(v.capped[0].because, Some(Because { downstream: 0, refused: Replicas(6), live: false }));
    assert_eq!([v.capped[1].because, v.capped[2].because], [None, None]);
    let text = "postgres: 100 connections, 13 reserved, 7 used by others; 80 in use: api 60 (3 replicas), worker 20 (4 replicas)";
    assert_eq!(v.downstreams[0].to_string(), text);
}

#[test]
fn a_live_figure_stops_growth_and_does_not_shrink() {
    let links = links(&[postgres(100, 0)], &[link("api", "postgres", 10, Surge::None)]);
    let run = |live: &Live, current| {
        let v = cap(&links, live, &[want("api", 12, current, 1, 0)], NOW);
        (v.capped[0].replicas.0, v.capped[0].because.is_some_and(|b| b.live), v.downstreams[0].available.stale)
    };
    assert_eq!(run(&Live::default(), 2), (10, false, false));
    assert_eq!(run(&live(NOW, 45, None), 2), (5, true, false));
    assert_eq!(run(&live(NOW, 45, None), 8), (8, true, false));
    // More than the file allows is shrunk by the file.
    assert_eq!(run(&live(NOW, 45, None), 11), (10, false, false));
    // The server's own limit counts when it is lower; old figures do not count.
    assert_eq!([run(&live(NOW, 0, Some(60)), 2), run(&live(NOW, 0, Some(600)), 2)], [(6, true, false), (10, false, false)]);
    assert_eq!(run(&live(Time::from_secs(1_699_999_000), 45, None), 2), (10, false, true));
}

#[test]
fn minima_are_kept_and_it_is_said_when_they_are_too_much() {
    let links = links(&[postgres(20, 0)], &[link("a", "postgres", 5, Surge::None), link("b", "postgres", 5, Surge::None)]);
    let v = cap(&links, &Live::default(), &[want("a", 9, 3, 3, 0), want("b", 9, 3, 3, 0)], NOW);
    assert_eq!((granted(&v), v.downstreams[0].minima_exceed, v.downstreams[0].used), (vec![3, 3], true, 30));
}

#[test]
fn quotas_cap_workers_and_the_scarcest_downstream_wins() {
    // 100 requests per minute at 1.5 per worker, 90,000 tokens at 2,000; and a database.
    let worker = |d: Downstream, per| links(&[d], &[link("worker", "llm", per, Surge::None)]);
    let one = |l: &Links| cap(l, &Live::default(), &[want("worker", 500, 1, 1, 0)], NOW);
    let requests = one(&worker(llm(Unit::RequestsPerMinute, 100), 1_500));
    assert_eq!(granted(&requests), [66]);
    assert_eq!(requests.downstreams[0].to_string(), "llm: 100 requests/min; 99 in use: worker 99 (66 replicas)");
    assert_eq!(granted(&one(&worker(llm(Unit::TokensPerMinute, 90_000), 2_000_000))), [45]);
    let both = links(
        &[postgres(30, 0), llm(Unit::RequestsPerMinute, 20)],
        &[
            link("worker", "postgres", 1, Surge::None),
            link("worker", "llm", 1_000, Surge::None),
            link("api", "postgres", 1, Surge::None),
        ],
    );
    let v = cap(&both, &Live::default(), &[want("worker", 50, 1, 1, 9), want("api", 10, 1, 1, 0)], NOW);
    assert_eq!((granted(&v), v.capped[0].because.unwrap().downstream), (vec![20, 1], 1));
    // What the worker leaves of the database is not lent: the api's answer does not hang on the provider.
    assert_eq!(v.downstreams[0].used, 21);
}

#[test]
fn what_links_may_not_say() {
    let refused = |downstreams: &[Downstream], links: &[Link]| {
        Links::try_new(LinksSpec { downstreams: downstreams.to_vec(), links: links.to_vec() }).unwrap_err()[0].to_string()
    };
    let api = link("api", "postgres", 1, Surge::None);
    assert_eq!(refused(&[postgres(1, 0), postgres(2, 0)], &[]), "downstream postgres is declared twice");
    assert_eq!(refused(&[], std::slice::from_ref(&api)), "service api is linked to postgres, which is not declared");
    assert_eq!(refused(&[postgres(1, 0)], &[api.clone(), api]), "service api is linked to postgres twice");
    assert_eq!(refused(&[postgres(1, 2)], &[]), "downstream postgres reserves more than it has");
    assert_eq!(refused(&[llm(Unit::Connections, 1)], &[]), "downstream llm: a quota counts requests or tokens");
}

#[test]
fn a_hundred_thousand_services_on_a_hundred_databases() {
    let name = |i: usize| format!("service-{i:06}");
    let downstreams: Vec<_> = (0..100).map(|d| Downstream { name: format!("db-{d}"), ..postgres(10_000, 0) }).collect();
    let all: Vec<_> = (0..100_000).map(|i| link(&name(i), &format!("db-{}", i % 100), 5, Surge::None)).collect();
    let wants: Vec<_> = (0..100_000).map(|i| want(&name(i), 10, 1, 1, 0)).collect();
    let v = cap(&links(&downstreams, &all), &Live::default(), &wants, NOW);
    // 1,000 services per database share 2,000 replicas.
    assert!(v.downstreams.iter().all(|d| d.used == 10_000 && d.largest.len() == 8 && d.others.0 == 992));
    assert_eq!(v.capped.iter().map(|c| u64::from(c.replicas.0)).sum::<u64>(), 200_000);
}

prop_compose! {
    fn any_case()(
        limits in proptest::collection::vec((0u64..200, 0u64..20), 3), uses in proptest::collection::vec((0usize..5, 0usize..3, 0u64..9, 0u32..3), 0..12),
        parts in proptest::collection::vec((0u32..30, 0u32..30, 0u32..4, -1i32..2), 5), foreign in proptest::option::of((0u64..80, 0u64..200)),
    ) -> (LinksSpec, Vec<Want>, Live) {
        let downstreams = limits.iter().enumerate().map(|(d, (max, reserved))| {
            Downstream { name: d.to_string(), limit: Limit::Connections { max: max + reserved, reserved: *reserved } }
        });
        let mut once = std::collections::BTreeSet::new();
        let of = |(s, d, per, surge): &(usize, usize, u64, u32)| {
            let surge = [Surge::None, Surge::Replicas(2), Surge::Percent(25)][*surge as usize];
            once.insert((*s, *d)).then(|| link(&s.to_string(), &d.to_string(), *per, surge))
        };
        let spec = LinksSpec { downstreams: downstreams.collect(), links: uses.iter().filter_map(of).collect() };
        let wants = parts.iter().enumerate().map(|(s, (desired, current, min, prio))| want(&s.to_string(), *desired, *current, *min, *prio));
        let live = foreign.map(|(foreign, limit)| ("0".to_owned(), LiveUse { at: NOW, foreign, limit: Some(limit) }));
        (spec, wants.collect(), Live(live.into_iter().collect()))
    }
}

proptest! {
    #[test]
    fn bounds_hold_a_higher_limit_never_gives_less_and_twice_is_once((spec, wants, live) in any_case(), more in 0u64..50, which in 0usize..3) {
        let links = Links::try_new(spec.clone()).unwrap();
        let v = cap(&links, &live, &wants, NOW);
        prop_assert_eq!(&v, &cap(&links, &live, &wants, NOW));
        let mut larger = spec;
        let Limit::Connections { max, .. } = &mut larger.downstreams[which].limit else { unreachable!() };
        *max += more;
        let richer = cap(&Links::try_new(larger).unwrap(), &live, &wants, NOW);
        for ((w, c), r) in wants.iter().zip(&v.capped).zip(&richer.capped) {
            prop_assert!(c.replicas <= w.desired && c.replicas >= w.min.min(w.desired));
            prop_assert!(c.replicas <= r.replicas);
            prop_assert_eq!(c.because.is_some(), c.replicas < w.desired);
        }
        if live.0.is_empty() {
            for d in &v.downstreams {
                prop_assert!(d.minima_exceed || d.used <= d.available.for_services());
            }
        }
        let again: Vec<Want> = wants.iter().zip(&v.capped).map(|(w, c)| Want { desired: c.replicas, ..w.clone() }).collect();
        prop_assert_eq!(granted(&cap(&links, &live, &again, NOW)), granted(&v));
        let text = serde_json::to_string(&links).unwrap();
        prop_assert_eq!(serde_json::from_str::<Links>(&text).unwrap(), links);
    }
}
