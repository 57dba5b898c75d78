//! The names of a Celery application's keys in Redis.
//!
//! Decides: which list a queue's messages of a priority are in, and what kombu calls the rest.
//! Inputs: the deployment's transport options, which skala is told and never guesses.
//! Method: kombu 5.7's Redis transport. Priority n goes to the largest step that is not above it; step 0 is the queue's own name
//!   and is served first. A key prefix stands before every key and channel.
//! Tested: `tests` below; `tests/it/depth.rs` with a real application that uses other steps and a prefix.

use std::time::Duration;

/// Transport options of a deployment; the defaults are kombu's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `global_keyprefix`: stands before every key and channel.
    pub prefix: String,
    /// `sep`: between a queue's name and a priority step.
    pub separator: String,
    /// `priority_steps`, ascending; the first is served first.
    pub priority_steps: Vec<u8>,
    /// `unacked_key`: the hash of messages that a worker has.
    pub unacked: String,
    /// `unacked_index_key`: when each was delivered.
    pub unacked_index: String,
    /// `visibility_timeout`: when Celery gives a message to somebody else.
    pub visibility_timeout: Duration,
    /// `fanout_prefix`: stands before broadcast channels; `{db}` is the database's number.
    pub fanout_prefix: String,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout {
            prefix: String::new(),
            separator: "\x06\x16".to_owned(),
            priority_steps: vec![0, 3, 6, 9],
            unacked: "unacked".to_owned(),
            unacked_index: "unacked_index".to_owned(),
            visibility_timeout: Duration::from_secs(3600),
            fanout_prefix: "/{db}.".to_owned(),
        }
    }
}

impl Layout {
    /// The step that priority `n` is put under.
    pub fn step(&self, n: u8) -> u8 {
        let first = self.priority_steps.first().copied().unwrap_or(0);
        self.priority_steps.iter().copied().filter(|step| *step <= n).max().unwrap_or(first)
    }

    /// The list of a queue for messages of priority `n`.
    pub fn list(&self, queue: &str, n: u8) -> String {
        match self.step(n) {
            0 => format!("{}{queue}", self.prefix),
            step => format!("{}{queue}{}{step}", self.prefix, self.separator),
        }
    }

    /// All lists of a queue; the one that is served first is the first.
    pub fn lists(&self, queue: &str) -> Vec<String> {
        let steps = if self.priority_steps.is_empty() { &[0][..] } else { &self.priority_steps };
        steps.iter().map(|step| self.list(queue, *step)).collect()
    }

    /// The hash of messages that a worker has.
    pub fn unacked(&self) -> String {
        format!("{}{}", self.prefix, self.unacked)
    }

    /// The sorted set of their delivery times.
    pub fn unacked_index(&self) -> String {
        format!("{}{}", self.prefix, self.unacked_index)
    }

    /// Where messages go that must not be delivered again.
    pub fn dead(&self, queue: &str) -> String {
        format!("{}{queue}.dead", self.prefix)
    }

    /// The set of bindings of an exchange.
    pub fn bindings(&self, exchange: &str) -> String {
        format!("{}_kombu.binding.{exchange}", self.prefix)
    }

    /// A member of [`Self::bindings`] that binds a queue by a routing key.
    pub fn binding(routing_key: &str, queue: &str) -> String {
        // kombu separates a binding's parts by its own constant, whatever `sep` is.
        format!("{routing_key}\x06\x16\x06\x16{queue}")
    }

    /// The queue that a binding leads to, when its routing key is `routing_key`.
    pub fn bound<'a>(binding: &'a str, routing_key: &str) -> Option<&'a str> {
        let mut parts = binding.split("\x06\x16");
        let (key, _, queue) = (parts.next()?, parts.next()?, parts.next()?);
        (key == routing_key).then_some(queue)
    }

    /// The channel of an exchange that every worker hears.
    pub fn channel(&self, exchange: &str, database: i64) -> String {
        let fanout = self.fanout_prefix.replace("{db}", &database.to_string());
        format!("{}{fanout}{exchange}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn priorities_go_to_the_largest_step_not_above_them() {
        let layout = Layout::default();
        let steps: Vec<u8> = (0..=10).map(|n| layout.step(n)).collect();
        expect!["[0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9]"].assert_eq(&format!("{steps:?}"));
        expect![[r#"["q", "q\u{6}\u{16}3", "q\u{6}\u{16}6", "q\u{6}\u{16}9"]"#]].assert_eq(&format!("{:?}", layout.lists("q")));
    }

    #[test]
    fn a_prefix_stands_before_keys_and_channels() {
        let layout =
            Layout { prefix: "app:".to_owned(), priority_steps: vec![0, 5], separator: ":".to_owned(), ..Layout::default() };
        expect![[r#"["app:q", "app:q:5"]"#]].assert_eq(&format!("{:?}", layout.lists("q")));
        expect!["app:/2.celery.pidbox"].assert_eq(&layout.channel("celery.pidbox", 2));
        expect!["app:unacked app:unacked_index app:q.dead"].assert_eq(&format!(
            "{} {} {}",
            layout.unacked(),
            layout.unacked_index(),
            layout.dead("q")
        ));
    }

    #[test]
    fn bindings_lead_to_queues() {
        let binding = Layout::binding("mail", "email");
        assert_eq!(Layout::bound(&binding, "mail"), Some("email"));
        assert_eq!(Layout::bound(&binding, "other"), None);
        assert_eq!(Layout::bound("broken", "broken"), None);
    }
}
