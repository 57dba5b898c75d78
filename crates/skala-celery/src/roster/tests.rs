use super::*;

const LIMITS: Limits = Limits { dead_after: Duration::from_secs(5), max_age: Duration::from_secs(3600) };

fn at(seconds: u64) -> Time {
    Time::from_secs(1_000 + seconds)
}

fn entry(id: &str, seen: u64) -> Entry {
    Entry { id: id.to_owned(), queue: "q".to_owned(), seen: at(seen), ..Entry::default() }
}

fn held(id: &str) -> Held {
    Held { id: id.to_owned(), queue: "q".to_owned(), stage: Stage::Active(Some(1_000.0)) }
}

/// A look at `second` that reached `reached` workers; who answered has these tasks.
fn look(roster: &mut Roster, second: u64, reached: usize, answers: &[(&str, &[&str])]) {
    let held = answers.iter().map(|(host, ids)| ((*host).to_owned(), ids.iter().map(|id| held(id)).collect()));
    let answers = Answers { asked: at(second), reached, answered: answers.len(), held: held.collect() };
    roster.heard(at(second), answers, &LIMITS);
    answers_speak(roster, second);
}

/// All workers say that they live.
fn answers_speak(roster: &mut Roster, second: u64) {
    let hosts: Vec<String> = roster.workers().map(|(host, _)| host.to_owned()).collect();
    hosts.iter().for_each(|host| roster.lives(at(second), host));
}

#[test]
fn a_worker_that_says_goodbye_finishes_its_tasks_in_silence() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 2, &[("a", &["t"]), ("b", &[])]);
    roster.leaves(at(0), "a");
    for second in 1..100 {
        look(&mut roster, second, 1, &[("b", &[])]);
        roster.forget(at(second), &BTreeSet::from(["t"]));
        assert_eq!(verdict(&roster, second, &entry("t", 0)), Verdict::Renew, "{second}");
    }
    roster.forget(at(100), &BTreeSet::new());
    assert_eq!(roster.held().count(), 0, "it has finished");
}

#[test]
fn the_absence_of_a_worker_that_never_speaks_proves_nothing() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 2, &[("a", &["t"]), ("b", &[])]);
    roster.missed();
    for second in [1, 10] {
        let answers = Answers { asked: at(second), reached: 1, answered: 1, held: [("b".to_owned(), Vec::new())].into() };
        roster.heard(at(second), answers, &LIMITS);
    }
    assert_eq!(verdict(&roster, 10, &entry("t", 0)), Verdict::Leave);
}

fn verdict(roster: &Roster, second: u64, entry: &Entry) -> Verdict {
    roster.verdict(at(second), 1_000.0 + second as f64, entry, false, &LIMITS)
}

#[test]
fn a_live_workers_lease_is_kept() {
    let mut roster = Roster::default();
    for second in 0..20 {
        look(&mut roster, second, 2, &[("a", &["t"]), ("b", &[])]);
        assert_eq!(verdict(&roster, second, &entry("t", 0)), Verdict::Renew);
    }
}

#[test]
fn a_busy_worker_that_is_reached_but_silent_is_alive() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 2, &[("a", &["t"]), ("b", &[])]);
    for second in 1..100 {
        look(&mut roster, second, 2, &[("b", &[])]);
        assert_eq!(verdict(&roster, second, &entry("t", 0)), Verdict::Renew, "{second}");
        assert_eq!(verdict(&roster, second, &entry("unseen", 0)), Verdict::Renew, "it may have that one");
    }
}

#[test]
fn a_worker_without_connection_is_dead_after_a_while() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 2, &[("a", &["t"]), ("b", &[])]);
    look(&mut roster, 1, 1, &[("b", &[])]);
    assert_eq!(verdict(&roster, 1, &entry("t", 0)), Verdict::Renew);
    look(&mut roster, 5, 1, &[("b", &[])]);
    assert_eq!(verdict(&roster, 5, &entry("t", 0)), Verdict::Renew);
    look(&mut roster, 6, 1, &[("b", &[])]);
    assert_eq!(verdict(&roster, 6, &entry("t", 0)), Verdict::Restore);
    assert_eq!(roster.workers().collect::<Vec<_>>(), [("b", true)]);
}

#[test]
fn a_worker_that_connects_again_in_time_keeps_its_tasks() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &["t"])]);
    look(&mut roster, 2, 0, &[]);
    look(&mut roster, 4, 1, &[]);
    look(&mut roster, 6, 0, &[]);
    look(&mut roster, 10, 0, &[]);
    assert_eq!(verdict(&roster, 10, &entry("t", 0)), Verdict::Renew);
    look(&mut roster, 12, 1, &[("a", &["t"])]);
    assert_eq!(verdict(&roster, 12, &entry("t", 0)), Verdict::Renew);
}

#[test]
fn a_supervisors_word_counts_at_once_and_an_older_answer_does_not_undo_it() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &["t"])]);
    roster.died(at(3), Some("a"));
    assert_eq!(verdict(&roster, 3, &entry("t", 0)), Verdict::Restore);
    look(&mut roster, 2, 1, &[("a", &["t"])]);
    assert_eq!(verdict(&roster, 3, &entry("t", 0)), Verdict::Restore);
    roster.restored("t");
    look(&mut roster, 4, 1, &[("a", &["t"])]);
    assert_eq!(verdict(&roster, 4, &entry("t", 0)), Verdict::Renew, "its successor of the same name has it again");
}

#[test]
fn what_a_successor_of_the_same_name_does_not_have_is_lost() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &["t"])]);
    look(&mut roster, 2, 1, &[("a", &[])]);
    assert_eq!(verdict(&roster, 2, &entry("t", 0)), Verdict::Renew);
    look(&mut roster, 7, 1, &[("a", &[])]);
    assert_eq!(verdict(&roster, 7, &entry("t", 0)), Verdict::Restore);
}

#[test]
fn what_nobody_has_is_left_to_celery_unless_somebody_died_who_may_have_had_it() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &[])]);
    assert_eq!(verdict(&roster, 1, &entry("t", 1)), Verdict::Leave);
    roster.died(at(2), None);
    assert_eq!(verdict(&roster, 2, &entry("t", 1)), Verdict::Renew);
    assert_eq!(verdict(&roster, 2, &entry("later", 3)), Verdict::Leave);
    look(&mut roster, 8, 1, &[("a", &[])]);
    assert_eq!(verdict(&roster, 8, &entry("t", 1)), Verdict::Restore);
    assert_eq!(roster.verdict(at(8), 1_008.0, &entry("t", 1), true, &LIMITS), Verdict::Renew, "a rate limit hides it");
}

#[test]
fn no_lease_is_kept_beyond_its_bounds() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &["t"])]);
    assert_eq!(verdict(&roster, 3601, &entry("t", 0)), Verdict::Leave);
    let limited = Entry { hard_limit: Some(10.0), ..entry("t", 0) };
    assert_eq!(verdict(&roster, 60, &limited), Verdict::Renew);
    assert_eq!(verdict(&roster, 71, &limited), Verdict::Leave);
}

#[test]
fn a_successor_of_the_same_name_does_not_take_over_what_its_predecessor_finishes() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &["t"])]);
    roster.leaves(at(1), "a");
    look(&mut roster, 2, 1, &[("a", &["t"])]);
    for second in 3..100 {
        look(&mut roster, second, 1, &[("a", &["u"])]);
        assert_eq!(verdict(&roster, second, &entry("t", 0)), Verdict::Renew, "{second}");
    }
    assert_eq!(verdict(&roster, 3700, &Entry { seen: at(3000), ..entry("t", 0) }), Verdict::Leave);
    roster.died(at(100), Some("a"));
    assert_eq!(verdict(&roster, 100, &entry("t", 0)), Verdict::Restore);
}

#[test]
fn what_a_worker_has_that_is_never_asked_is_not_given_back_for_anothers_death() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 1, &[("a", &[])]);
    look(&mut roster, 3, 1, &[("a", &[])]);
    roster.died(at(4), Some("a"));
    look(&mut roster, 10, 1, &[("b", &[])]);
    assert_eq!(verdict(&roster, 10, &entry("t", 1)), Verdict::Leave, "all had said so before the death");
    assert_eq!(verdict(&roster, 10, &entry("u", 4)), Verdict::Restore, "it came after that");
    roster.lives(at(10), "deaf");
    assert_eq!(verdict(&roster, 10, &entry("u", 4)), Verdict::Leave, "somebody may have it who does not answer");
}

#[test]
fn what_a_busy_solo_worker_never_told_of_is_given_back_when_it_is_dead() {
    let mut roster = Roster::default();
    look(&mut roster, 0, 2, &[("a", &[]), ("b", &[])]);
    look(&mut roster, 3, 2, &[("b", &[])]);
    for second in [6, 9, 12] {
        look(&mut roster, second, 1, &[("b", &[])]);
        assert_ne!(verdict(&roster, second, &entry("t", 1)), Verdict::Restore, "{second}");
    }
    look(&mut roster, 18, 1, &[("b", &[])]);
    assert_eq!(verdict(&roster, 18, &entry("t", 1)), Verdict::Restore);
}
