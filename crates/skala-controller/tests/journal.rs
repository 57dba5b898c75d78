//! The journal: what is written is read back, through packing, full disks and damaged files.

use std::time::Duration;

use skala_controller::journal::{Checkpoint, Decision, Event, Journal, Reader, Retention};
use skala_types::{ReplicaId, Time};

const WAIT: Duration = Duration::from_secs(20);

fn decision(secs: u64) -> Decision {
    Decision {
        at: Time::from_secs(secs),
        service: "api".into(),
        policy: 1,
        acted: secs.is_multiple_of(100),
        state: (secs == 0).then(|| "{}".to_owned()),
        observation: format!("{{\"n\":{secs}}}"),
        plan: format!("{{\"desired\":{}}}", secs % 7),
    }
}

fn event(secs: u64, text: &str) -> Event {
    Event {
        at: Time::from_secs(secs),
        service: Some("api".into()),
        replica: Some(ReplicaId(3)),
        kind: "ready".into(),
        text: text.into(),
    }
}

fn all(reader: &Reader, from: u64) -> Vec<Decision> {
    let mut seen = Vec::new();
    reader
        .decisions(&"api".into(), Time::from_secs(from), |d| {
            seen.push(d);
            Ok(())
        })
        .expect("the journal can be read");
    seen
}

#[test]
fn decisions_survive_packing_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&dir.path().join("journal.db"), Retention::default()).unwrap();
    let written: Vec<_> = (0..1000).map(decision).collect();
    for chunk in written.chunks(10) {
        journal.tick(chunk.to_vec(), vec![]);
    }
    journal.upkeep(Time::from_secs(1000));
    assert!(journal.flush(WAIT));
    let reader = journal.reader().unwrap();
    assert_eq!(all(&reader, 0), written);
    assert_eq!(all(&reader, 950), written[950..]);
    for at in [0, 299, 300, 450, 650, 999] {
        assert_eq!(reader.decision_at(&"api".into(), Time::from_secs(at)).unwrap(), Some(decision(at)), "at {at}");
    }
    assert_eq!(reader.decision_at(&"web".into(), Time::from_secs(5)).unwrap(), None);
    assert_eq!(journal.status().failure, None);
}

#[test]
fn old_records_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { age: Duration::from_secs(1000), ..Retention::default() };
    let journal = Journal::open(&dir.path().join("journal.db"), retention).unwrap();
    journal.tick((0..600).map(decision).collect(), vec![]);
    journal.event(event(5, "old"));
    journal.event(event(4000, "new"));
    journal.upkeep(Time::from_secs(4000));
    assert!(journal.flush(WAIT));
    let reader = journal.reader().unwrap();
    assert_eq!(all(&reader, 0), vec![]);
    let texts: Vec<_> = reader.events(None, Time::ZERO, 10).unwrap().into_iter().map(|e| e.text).collect();
    assert_eq!(texts, ["new"]);
}

#[test]
fn checkpoints_events_and_policies_are_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let saved =
        Checkpoint { service: "api".into(), state: "{\"a\":1}".into(), desired: Some(4), directive: Some("\"pause\"".into()) };
    {
        let journal = Journal::open(&path, Retention::default()).unwrap();
        assert_eq!(journal.policy("api".into(), Time::from_secs(1), "{\"max\":3}".into()), 1);
        journal.tick(vec![decision(1)], vec![saved.clone()]);
        journal.event(event(1, "first"));
        journal.event(event(2, "second"));
        assert!(journal.flush(WAIT));
    }
    let journal = Journal::open(&path, Retention::default()).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(reader.checkpoints().unwrap(), [saved]);
    assert_eq!(reader.policy(1).unwrap(), "{\"max\":3}");
    assert_eq!(reader.events(Some(&"api".into()), Time::ZERO, 1).unwrap(), [event(2, "second")]);
    assert_eq!(reader.events(Some(&"web".into()), Time::ZERO, 9).unwrap(), []);
    assert_eq!(reader.services().unwrap(), ["api".into()]);
    assert_eq!(journal.policy("api".into(), Time::from_secs(1), "{}".into()), 2, "numbers go on");
}

#[test]
fn a_file_that_is_no_journal_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    std::fs::write(&path, "this is not a database, it is a shopping list with many items on it").unwrap();
    let error = Journal::open(&path, Retention::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains("journal.db"), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("not a database"));
}
