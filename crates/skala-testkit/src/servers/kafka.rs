//! Kafka: librdkafka's mock cluster, which speaks the protocol and keeps records and commits in memory.
//!
//! Method: a Python program holds the cluster and does what it is told, one JSON line per order. The cluster comes with the
//! `confluent-kafka` package of the Python package registry.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::venv;

/// A mock cluster of its own; stops when dropped.
pub struct Kafka {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    brokers: String,
}

impl Kafka {
    /// Starts one with this many brokers; a topic that is first written to or asked for has four partitions. The Python environment is
    /// kept below `cache`.
    pub fn start(brokers: u32, cache: &Path) -> Kafka {
        std::fs::create_dir_all(cache).expect("the cache folder is writable");
        let requirements = cache.join("kafka-requirements.txt");
        std::fs::write(&requirements, "confluent-kafka==2.16.1\n").expect("the cache folder is writable");
        let python = venv::programs(&requirements, cache).join("python");
        let mut command = Command::new(python);
        command.args(["-c", include_str!("kafka.py"), &brokers.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}"));
        let orders = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut kafka = Kafka { child, orders, answers, brokers: String::new() };
        kafka.brokers = kafka.answer()["brokers"].as_str().expect("the program names its brokers").to_owned();
        kafka
    }

    /// Address of one broker.
    pub fn broker(&self) -> String {
        self.brokers.clone()
    }

    /// Writes `records` records into a partition.
    pub fn produce(&mut self, topic: &str, partition: u32, records: u32) {
        self.order(&json!({"do": "produce", "topic": topic, "partition": partition, "records": records}));
    }

    /// Commits an offset for a group.
    pub fn commit(&mut self, group: &str, topic: &str, partition: u32, offset: u64) {
        self.order(&json!({"do": "commit", "group": group, "topic": topic, "partition": partition, "offset": offset}));
    }

    fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").expect("the program reads");
        let answer = self.answer();
        assert_eq!(answer["ok"], true, "{order}: {answer}");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).expect("the program answers");
        assert!(read > 0, "the mock cluster ended: {:?}", self.child.try_wait());
        serde_json::from_str(&line).expect("the program answers with JSON")
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
