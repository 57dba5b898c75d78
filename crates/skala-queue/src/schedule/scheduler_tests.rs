use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Time {
    format!("2027-01-01T{text}Z").parse().expect("a time")
}

fn every(seconds: u64) -> ScheduleSettings {
    ScheduleSettings {
        name: "s".into(),
        timetable: Timetable::every(Duration::from_secs(seconds), "UTC").expect("sound"),
        misfire: Misfire::Once,
        catch_up: Duration::from_secs(86_400),
        overlap: Overlap::Allow,
        paused: false,
    }
}

/// A store, and the process that leads.
struct World {
    settings: Vec<ScheduleSettings>,
    scheduler: Scheduler,
    rows: BTreeMap<Text, ScheduleRow>,
    fired: BTreeMap<Time, FiringOutcome>,
    /// Occurrences whose tasks have not ended.
    open: Vec<Time>,
    /// When the tasks of an occurrence end by themselves.
    ends: bool,
    log: Vec<String>,
}

impl World {
    fn new(settings: ScheduleSettings, now: Time) -> World {
        let scheduler = Scheduler::new(vec![settings.clone()], &BTreeMap::new(), now).expect("one name");
        let (rows, fired) = Default::default();
        World { settings: vec![settings], scheduler, rows, fired, open: Vec::new(), ends: true, log: Vec::new() }
    }

    fn restart(&mut self, now: Time) {
        self.scheduler = Scheduler::new(self.settings.clone(), &self.rows, now).expect("one name");
    }

    fn commit(&mut self, step: Step) {
        assert!(self.rows.get(&step.name).is_none_or(|row| row.through <= step.row.through), "`through` only grows");
        self.rows.insert(step.name.clone(), step.row);
        if step.cancel {
            self.log.push(format!("cancel {}", self.open.len()));
            self.open.clear();
        }
        for firing in step.left_out.into_iter().chain(step.fire) {
            let Firing { occurrence, outcome, at, .. } = firing;
            let twice = self.fired.insert(occurrence.nominal, outcome);
            assert!(matches!(twice, None | Some(FiringOutcome::Buffered)), "{} comes twice", occurrence.nominal);
            if matches!(outcome, FiringOutcome::Fired | FiringOutcome::Manual) && !self.ends {
                self.open.push(occurrence.nominal);
            }
            let late = at.since(occurrence.nominal).as_secs_f64();
            let clock = occurrence.nominal.to_string();
            self.log.push(format!(
                "{} {outcome:?}{}",
                &clock[11..19],
                if late > 0.0 { format!(" +{late}s") } else { String::new() }
            ));
        }
    }

    /// All that is due now.
    fn due(&mut self, now: Time) -> &mut World {
        for _ in 0..10_000 {
            let open = !self.open.is_empty();
            let steps = self.scheduler.due(now, 16, |_| open);
            if steps.is_empty() {
                let wake = self.scheduler.next_wake(now);
                assert!(wake.is_none_or(|wake| wake > now), "awake at {now} for nothing");
                return self;
            }
            steps.into_iter().for_each(|step| self.commit(step));
        }
        panic!("there is no end of it");
    }

    fn told(&mut self, expected: Expect) {
        expected.assert_eq(&std::mem::take(&mut self.log).join("\n"));
    }
}

#[test]
fn a_new_schedule_begins_now_and_fires_on_time() {
    let mut world = World::new(every(60), time("10:00:30"));
    world.due(time("10:00:30")).due(time("10:00:59"));
    assert_eq!(world.scheduler.next_wake(time("10:00:59")), Some(time("10:01:00")));
    world.due(time("10:01:00")).due(time("10:01:00")).due(time("10:02:03")).due(time("10:03:10"));
    world.told(expect![[r#"
        10:01:00 Fired
        10:02:00 Fired +3s
        10:03:00 Fired +10s"#]]);
}

#[test]
fn missed_occurrences_are_left_out_made_up_for_once_or_all() {
    let missed = |misfire, catch_up: u64, back: &str, expected: Expect| {
        let settings = ScheduleSettings { misfire, catch_up: Duration::from_secs(catch_up), ..every(60) };
        let mut world = World::new(settings, time("10:00:30"));
        world.due(time("10:01:00"));
        world.restart(time(back));
        world.due(time(back)).due(time("10:07:00"));
        world.told(expected);
    };
    missed(
        Misfire::Skip,
        3600,
        "10:04:30",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Missed +150s
        10:03:00 Missed +90s
        10:04:00 Missed +30s
        10:05:00 Missed +120s
        10:06:00 Missed +60s
        10:07:00 Fired"#]],
    );
    missed(
        Misfire::Once,
        3600,
        "10:04:30",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Missed +150s
        10:03:00 Missed +90s
        10:04:00 Fired +30s
        10:05:00 Missed +120s
        10:06:00 Missed +60s
        10:07:00 Fired"#]],
    );
    // 10:05 is on time, and does for those missed.
    missed(
        Misfire::Once,
        3600,
        "10:05:05",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Missed +185s
        10:03:00 Missed +125s
        10:04:00 Missed +65s
        10:05:00 Fired +5s
        10:06:00 Missed +60s
        10:07:00 Fired"#]],
    );
    missed(
        Misfire::All(2),
        3600,
        "10:05:05",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Missed +185s
        10:03:00 Fired +125s
        10:04:00 Fired +65s
        10:05:00 Fired +5s
        10:06:00 Fired +60s
        10:07:00 Fired"#]],
    );
    missed(
        Misfire::All(10),
        3600,
        "10:04:30",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Fired +150s
        10:03:00 Fired +90s
        10:04:00 Fired +30s
        10:05:00 Fired +120s
        10:06:00 Fired +60s
        10:07:00 Fired"#]],
    );
    missed(
        Misfire::All(10),
        120,
        "10:04:30",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Missed +150s
        10:03:00 Fired +90s
        10:04:00 Fired +30s
        10:05:00 Fired +120s
        10:06:00 Fired +60s
        10:07:00 Fired"#]],
    );
    missed(
        Misfire::Once,
        20,
        "10:04:30",
        expect![[r#"
        10:01:00 Fired
        10:02:00 Missed +150s
        10:03:00 Missed +90s
        10:04:00 Missed +30s
        10:05:00 Missed +120s
        10:06:00 Missed +60s
        10:07:00 Fired"#]],
    );
}

#[test]
fn a_year_away_from_a_schedule_of_every_second_is_soon_dealt_with() {
    for misfire in [Misfire::Skip, Misfire::Once, Misfire::All(1_000_000)] {
        let mut world = World::new(ScheduleSettings { misfire, ..every(1) }, time("10:00:00"));
        world.due(time("10:00:00"));
        let back = time("10:00:00") + Duration::from_secs(365 * 86_400);
        world.restart(back);
        world.due(back);
        let fired = world.fired.values().filter(|o| **o == FiringOutcome::Fired).count();
        let made_up = if let Misfire::All(_) = misfire { MOST_BACKFILL as usize } else { 0 };
        assert_eq!(fired, made_up + 11, "{misfire:?}: those on time, and those made up for");
        assert!(world.fired.len() - fired <= MOST_MISSED);
        assert_eq!(world.rows["s"].through, back);
    }
}

#[test]
fn an_occurrence_is_left_out_waits_calls_off_or_fires_while_the_one_before_runs() {
    let overlap = |overlap, expected: Expect| {
        let mut world = World::new(ScheduleSettings { overlap, ..every(60) }, time("10:00:30"));
        world.ends = false;
        world.due(time("10:01:00")).due(time("10:02:00")).due(time("10:03:00"));
        world.open.clear();
        world.log.push("ended".into());
        world.due(time("10:03:20")).due(time("10:04:00"));
        world.told(expected);
    };
    overlap(
        Overlap::Allow,
        expect![[r#"
        10:01:00 Fired
        10:02:00 Fired
        10:03:00 Fired
        ended
        10:04:00 Fired"#]],
    );
    overlap(
        Overlap::Skip,
        expect![[r#"
        10:01:00 Fired
        10:02:00 Overlapped
        10:03:00 Overlapped
        ended
        10:04:00 Fired"#]],
    );
    overlap(
        Overlap::Buffer,
        expect![[r#"
            10:01:00 Fired
            10:02:00 Buffered
            10:03:00 Overlapped
            ended
            10:02:00 Fired +80s
            10:04:00 Buffered"#]],
    );
    overlap(
        Overlap::Cancel,
        expect![[r#"
        10:01:00 Fired
        cancel 1
        10:02:00 Fired
        cancel 1
        10:03:00 Fired
        ended
        10:04:00 Fired"#]],
    );
}

#[test]
fn a_buffered_occurrence_survives_a_restart() {
    let mut world =
        World::new(ScheduleSettings { overlap: Overlap::Buffer, misfire: Misfire::Skip, ..every(60) }, time("10:00:30"));
    world.ends = false;
    world.due(time("10:01:00")).due(time("10:02:00"));
    assert_eq!(world.scheduler.state("s", time("10:02:00")).expect("known").buffered, Some(time("10:02:00")));
    world.restart(time("10:02:40"));
    world.due(time("10:02:40"));
    world.open.clear();
    world.due(time("10:02:50"));
    // One that waits when the schedule pauses, or changes, is left out.
    world.due(time("10:03:00"));
    let step = world.scheduler.pause("s", true, time("10:03:10")).expect("known");
    world.commit(step);
    let step = world.scheduler.pause("s", false, time("10:03:20")).expect("known");
    world.commit(step);
    world.due(time("10:04:00"));
    world.settings = vec![ScheduleSettings { timetable: every(600).timetable, ..world.settings[0].clone() }];
    world.restart(time("10:04:10"));
    world.due(time("10:04:10"));
    world.told(expect![[r#"
        10:01:00 Fired
        10:02:00 Buffered
        10:02:00 Fired +50s
        10:03:00 Buffered
        10:03:00 Overlapped +10s
        10:04:00 Buffered
        10:04:00 Overlapped +10s"#]]);
}

#[test]
fn paused_times_are_not_made_up_for() {
    let mut world = World::new(ScheduleSettings { misfire: Misfire::All(10), ..every(60) }, time("10:00:30"));
    world.due(time("10:01:00"));
    let step = world.scheduler.pause("s", true, time("10:01:30")).expect("known");
    world.commit(step);
    world.due(time("10:03:00")).restart(time("10:04:30"));
    world.due(time("10:05:00"));
    assert_eq!(world.scheduler.state("s", time("10:05:00")).expect("known").next, None);
    let by_hand = world.scheduler.run_now("s", time("10:05:10")).expect("known");
    world.commit(by_hand);
    let step = world.scheduler.pause("s", false, time("10:06:30")).expect("known");
    world.commit(step);
    world.due(time("10:06:30")).due(time("10:07:00"));
    // By its file.
    let paused = vec![ScheduleSettings { paused: true, ..world.settings[0].clone() }];
    world.scheduler.set(paused, time("10:07:30")).expect("one name");
    world.due(time("10:08:00")).due(time("10:09:00"));
    world.scheduler.set(world.settings.clone(), time("10:09:30")).expect("one name");
    world.due(time("10:10:00"));
    world.told(expect![[r#"
        10:01:00 Fired
        10:05:10 Manual
        10:07:00 Fired
        10:10:00 Fired"#]]);
}

#[test]
fn by_hand_it_runs_at_once_and_takes_no_occurrence_away() {
    let mut world = World::new(every(60), time("10:00:30"));
    world.due(time("10:00:30"));
    for now in ["10:00:40", "10:00:40", "10:01:00"] {
        let step = world.scheduler.run_now("s", time(now)).expect("known");
        world.commit(step);
        world.due(time(now));
    }
    world.told(expect![[r#"
        10:00:40 Manual
        10:00:40 Manual
        10:01:00 Manual
        10:01:00 Fired"#]]);
    assert_eq!(world.scheduler.run_now("t", time("10:02:00")), Err(ScheduleError::Unknown("t".into())));
}

#[test]
fn a_clock_set_back_fires_nothing_twice_and_one_set_forward_misses() {
    let mut world = World::new(ScheduleSettings { misfire: Misfire::Once, ..every(60) }, time("10:00:30"));
    world.due(time("10:01:00")).due(time("10:02:00")).due(time("09:59:00"));
    assert_eq!(world.scheduler.state("s", time("09:59:00")).expect("known").ahead, Some(time("10:02:00")));
    world.restart(time("10:00:10"));
    world.due(time("10:01:00")).due(time("10:02:00")).due(time("10:03:00")).due(time("12:00:30"));
    world.told(expect![[r#"
        10:01:00 Fired
        10:02:00 Fired
        10:03:00 Fired
        11:44:00 Missed +990s
        11:45:00 Missed +930s
        11:46:00 Missed +870s
        11:47:00 Missed +810s
        11:48:00 Missed +750s
        11:49:00 Missed +690s
        11:50:00 Missed +630s
        11:51:00 Missed +570s
        11:52:00 Missed +510s
        11:53:00 Missed +450s
        11:54:00 Missed +390s
        11:55:00 Missed +330s
        11:56:00 Missed +270s
        11:57:00 Missed +210s
        11:58:00 Missed +150s
        11:59:00 Missed +90s
        12:00:00 Fired +30s"#]]);
}

#[test]
fn a_changed_timetable_begins_when_it_is_first_seen() {
    let mut world = World::new(every(3600), time("09:30:00"));
    world.due(time("10:00:00"));
    world.settings = vec![ScheduleSettings { misfire: Misfire::All(10), ..every(600) }];
    world.restart(time("10:45:00"));
    world.due(time("10:45:00")).due(time("10:50:00"));
    world.told(expect![[r#"
        10:00:00 Fired
        10:50:00 Fired"#]]);
}

#[test]
fn two_schedules_of_one_name_are_refused() {
    let two = || vec![every(1), every(2)];
    assert_eq!(Scheduler::new(two(), &BTreeMap::new(), Time::ZERO).unwrap_err(), ScheduleError::Twice("s".into()));
    let mut one = Scheduler::new(vec![every(1)], &BTreeMap::new(), Time::ZERO).expect("one name");
    assert!(one.set(two(), Time::ZERO).is_err());
    assert_eq!(one.settings().count(), 1);
}

#[derive(Clone, Debug)]
enum Turn {
    /// Time passes, and this leader (of two) asks what is due.
    Ask(u64, bool),
    /// The clock is set back; nothing is done.
    Back(u64),
    /// The leader ends; this one begins from what is written down.
    Lead(bool),
    /// A step is decided, but the leader ends before it is written down.
    Crash(bool),
}

fn turn(steps_back: bool) -> impl Strategy<Value = Turn> {
    prop_oneof![
        8 => (0u64..90, any::<bool>()).prop_map(|(seconds, who)| Turn::Ask(seconds, who)),
        1 => (600u64..5000, any::<bool>()).prop_map(|(seconds, who)| Turn::Ask(seconds, who)),
        if steps_back { 1 } else { 0 } => (1u64..500).prop_map(Turn::Back),
        2 => any::<bool>().prop_map(Turn::Lead),
        1 => any::<bool>().prop_map(Turn::Crash),
    ]
}

/// Two processes take turns at leading. Only the leader's steps are committed; the other's scheduler is from long ago.
fn walk(settings: &ScheduleSettings, turns: &[Turn]) -> (World, Time) {
    let mut now = time("10:00:30");
    let mut world = World::new(settings.clone(), now);
    world.due(now);
    let mut highest = now;
    let mut leader = false;
    let mut other = world.scheduler.clone();
    for turn in turns {
        match turn {
            Turn::Ask(seconds, who) => {
                now += Duration::from_secs(*seconds);
                if *who == leader {
                    world.due(now);
                } else {
                    // Refused by the store: the epoch is over.
                    let _ = other.due(now, 1, |_| false);
                }
            }
            Turn::Back(seconds) => now = now.minus(Duration::from_secs(*seconds)),
            Turn::Lead(who) => {
                if *who != leader {
                    other = world.scheduler.clone();
                }
                leader = *who;
                world.restart(now);
            }
            Turn::Crash(who) => {
                let _ = world.scheduler.due(now, 1, |_| false);
                leader = *who;
                world.restart(now);
            }
        }
        highest = highest.max(now);
    }
    world.restart(highest);
    world.due(highest);
    (world, highest)
}

proptest! {
    #[test]
    fn each_occurrence_comes_once_whoever_leads(period in 7u64..200, turns in proptest::collection::vec(turn(false), 1..60)) {
        let settings = ScheduleSettings { misfire: Misfire::All(1000), ..every(period) };
        let (world, now) = walk(&settings, &turns);
        let expected: Vec<Time> = std::iter::successors(settings.timetable.next(time("10:00:30")), |at| settings.timetable.next(*at)).take_while(|at| *at <= now).collect();
        // More than a thousand missed in one absence are not made up for.
        prop_assume!(expected.len() <= 1000);
        let fired: Vec<Time> = world.fired.iter().filter(|(_, outcome)| **outcome == FiringOutcome::Fired).map(|(at, _)| *at).collect();
        prop_assert_eq!(fired, expected);
    }

    // That nothing comes twice is asserted by the world itself.
    #[test]
    fn no_occurrence_comes_twice_whichever_way_the_clock_steps(
        period in 7u64..200, misfire in prop_oneof![Just(Misfire::Skip), Just(Misfire::Once), Just(Misfire::All(3)), Just(Misfire::All(1000))],
        turns in proptest::collection::vec(turn(true), 1..60),
    ) {
        let settings = ScheduleSettings { misfire, ..every(period) };
        let (world, highest) = walk(&settings, &turns);
        let all = |at: Time| at.as_nanos().is_multiple_of(period * 1_000_000_000) && at <= highest;
        prop_assert!(world.fired.keys().all(|at| all(*at)));
        if misfire == Misfire::All(1000) {
            let expected = highest.as_nanos() / 1_000_000_000 / period - time("10:00:30").as_nanos() / 1_000_000_000 / period;
            prop_assert!(expected > 1000 || world.fired.len() as u64 == expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn cron_times_through_changes_of_clocks_come_once_each(hours in proptest::collection::vec(1u64..40, 1..40), zone in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]), text in prop::sample::select(vec!["30 2 * * *", "*/30 * * * *", "15 1,2 * * *"])) {
        let mut now: Time = "2027-03-10T00:00:00Z".parse().expect("a time");
        let start = now;
        let timetable = Timetable::cron(text, zone).expect("sound");
        let settings = ScheduleSettings { timetable: timetable.clone(), misfire: Misfire::All(1000), catch_up: Duration::from_secs(5 * 86_400), ..every(1) };
        let mut world = World::new(settings, now);
        world.due(now);
        for hour in hours {
            now += Duration::from_secs(3600 * hour);
            world.restart(now.minus(Duration::from_secs(1)));
            world.due(now);
        }
        let expected: Vec<Time> = std::iter::successors(timetable.next(start), |at| timetable.next(*at)).take_while(|at| *at <= now).collect();
        let fired: Vec<Time> = world.fired.keys().copied().collect();
        let differs = (0..fired.len().max(expected.len())).find(|n| fired.get(*n) != expected.get(*n));
        prop_assert!(differs.is_none(), "{:?}", differs.map(|n| (fired.get(n).map(|t| timetable.show(*t)), expected.get(n).map(|t| timetable.show(*t)))));
        prop_assert!(world.fired.values().all(|outcome| *outcome == FiringOutcome::Fired));
    }
}
