//! Messages of Celery brokers: any bytes are a task, or refused in a line of text; a task that can be read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_celery::message::{Envelope, Signature};

fuzz_target!(|data: &[u8]| {
    if let Ok((envelope, exchange, key)) = Envelope::parse_unacked(data) {
        assert!(exchange.len() + key.len() <= data.len() * 4);
        look(envelope);
    }
    match Envelope::parse(data) {
        Ok(envelope) => look(envelope),
        Err(problem) => assert!(!problem.to_string().contains('\n'), "{problem}"),
    }
});

fn look(mut envelope: Envelope) {
    let read = Envelope::parse(&envelope.encode()).expect("what was written can be read");
    assert_eq!((read.id(), read.name(), read.tag()), (envelope.id(), envelope.name(), envelope.tag()));
    assert!(envelope.priority() <= 9);
    let _ = (envelope.route(), envelope.eta(), envelope.hard_limit(), envelope.enqueued(), envelope.document());
    match envelope.task() {
        Ok(task) => {
            let now = "2027-01-15T08:00:00Z".parse().expect("a time");
            let again = Envelope::of(&task, "q", 3, "tag", now);
            let read = Envelope::parse(&again.encode()).expect("it was just written").task().expect("it holds a task");
            assert_eq!((read.id, read.name), (task.id.clone(), task.name.clone()));
            let _ = (task.needs_celery(), envelope.document().map(|document| Signature::read(&document).map(|s| s.is_simple())));
        }
        Err(problem) => assert!(!problem.to_string().is_empty()),
    }
    let losses = envelope.losses();
    envelope.redeliver();
    envelope.count_loss();
    envelope.bury("fuzz");
    assert!(envelope.is_redelivered() && envelope.losses() > losses.min(u32::MAX - 1));
}
