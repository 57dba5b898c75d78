//! How fast the store of tasks is, on the disk of a folder.
//!
//! `bench/tasks/store` runs it. Arguments: the folder, and how many tasks wait in the great part (1000000 by default).

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use skala_queue::{Change, Durability, Ended, Keep, Label, Phase, Progressed, Row, Seq, TaskId};
use skala_tasks::store::{Candidate, Reader, SqliteSettings, SqliteStore, Store};
use skala_tasks::writer::{Told, Writer, WriterSettings};
use skala_types::Time;

/// Bytes of a body.
const BODY: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let waiting: u64 = arguments.next().map_or(1_000_000, |n| n.parse().expect("a count"));
    let file = Path::new(&folder).join("bench-tasks.db");
    clean(&file);
    let mut bench = Bench { file: file.clone(), next: 1 };
    bench.small();
    bench.great(waiting);
    clean(&file);
}

struct Bench {
    file: std::path::PathBuf,
    next: u64,
}

impl Bench {
    fn small(&mut self) {
        for durability in [Durability::Os, Durability::Fsync] {
            self.ends(durability, 100_000);
            self.through_writer(&format!("single enqueues, 64 waiting, {durability:?}"), 64, 1, durability, 60_000);
            self.through_writer(&format!("single enqueues, 1024 waiting, {durability:?}"), 1024, 1, durability, 100_000);
            self.through_writer(&format!("batches of 128, 8 waiting, {durability:?}"), 8, 128, durability, 300_000);
            self.through_writer(&format!("single enqueue, alone, {durability:?}"), 1, 1, durability, 500);
        }
    }

    /// Fills the file, then measures what a full one costs.
    fn great(&mut self, waiting: u64) {
        clean(&self.file);
        self.next = 1;
        self.through_writer("batches of 128 into an empty file", 8, 128, Durability::Fsync, 200_000);
        self.read("bodies of 128 tasks, few waiting", 1, 200_000);
        let rest = waiting.saturating_sub(self.next);
        self.through_writer(&format!("filling up to {waiting}"), 8, 128, Durability::Fsync, rest);
        self.through_writer("batches of 128 into a full file", 8, 128, Durability::Fsync, 200_000);
        self.read("bodies of 128 tasks at the head, full file", 1, 200_000);
        self.read("bodies of 128 tasks anywhere, full file", 1, self.next);
        self.load();
        self.ends(Durability::Fsync, 200_000);
        self.sweep();
    }

    fn open(&self) -> Box<dyn Store> {
        let mut store = SqliteStore::open(&self.file, SqliteSettings::default()).expect("opens");
        store.lead(&Candidate { name: "bench".to_owned(), url: String::new() }, None).expect("leads");
        Box::new(store)
    }

    /// Enqueues through a writer, with so many calls that wait for their commit at any time.
    fn through_writer(&mut self, name: &str, waiting: u64, batch: u64, durability: Durability, tasks: u64) {
        let (tell, told) = channel();
        let tell = move |what| {
            if let Told::Committed(seq) = what {
                let _ = tell.send(seq);
            }
        };
        let writer = Writer::start(self.open(), WriterSettings::default(), tell).expect("starts");
        let (began, calls) = (Instant::now(), tasks / batch);
        let mut sent = vec![began; calls as usize + 1];
        let mut latencies = Vec::new();
        let (mut submitted, mut done) = (0, 0);
        while done < calls {
            while submitted < calls && submitted - done < waiting {
                submitted += 1;
                let changes = (0..batch).map(|_| self.task()).collect();
                sent[submitted as usize] = Instant::now();
                writer.submit(Seq(submitted), changes, durability);
            }
            let Ok(Seq(seq)) = told.recv() else { break };
            latencies.extend(sent[done as usize + 1..=seq as usize].iter().map(Instant::elapsed));
            done = seq;
        }
        let took = began.elapsed();
        let figures = writer.figures();
        drop(writer.finish());
        latencies.sort_unstable();
        let p = |share: f64| latencies.get(((latencies.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default();
        let busy = figures.committing.as_secs_f64();
        say(
            name,
            &format!(
                "{:>9.0} tasks/s ({:.1} us of the writer each), p50 {:?} p99 {:?} max {:?}, {:.0} changes per commit",
                (calls * batch) as f64 / took.as_secs_f64(),
                busy * 1e6 / (calls * batch) as f64,
                p(0.5),
                p(0.99),
                p(1.0),
                figures.changes as f64 / figures.commits.max(1) as f64,
            ),
        );
    }

    /// Ends of tasks, in groups of 512.
    fn ends(&mut self, durability: Durability, tasks: u64) {
        let mut store = self.open();
        let first = self.next;
        for _ in 0..tasks / 512 {
            let changes: Vec<Change> = (0..512).map(|_| self.task()).collect();
            store.commit(&changes, Durability::Os).expect("commits");
        }
        let began = Instant::now();
        let ids: Vec<u64> = (first..self.next).collect();
        for ids in ids.chunks(512) {
            let changes: Vec<Change> = ids.iter().map(|id| end(*id)).collect();
            store.commit(&changes, durability).expect("commits");
        }
        rate(&format!("ends in groups of 512, {durability:?}"), ids.len(), began.elapsed());
    }

    fn read(&self, name: &str, from: u64, to: u64) {
        let store = self.open();
        let mut reader = store.reader().expect("opens");
        let step = (to - from) / 1000;
        let mut times: Vec<Duration> = (0..1000).map(|n| time(&mut *reader, from + n * step)).collect();
        times.sort_unstable();
        say(name, &format!("p50 {:?} p99 {:?}", times[500], times[990]));
    }

    fn load(&self) {
        let began = Instant::now();
        let mut store = self.open();
        let opened = began.elapsed();
        let mut rows = 0_u64;
        store.load(at(0), &mut |_| rows += 1).expect("loads");
        say("opening and loading all", &format!("{rows} rows in {:?}, of which opening {opened:?}", began.elapsed()));
    }

    fn sweep(&self) {
        let mut store = self.open();
        let keep = [("work".into(), Keep { done: Duration::ZERO, dead: Duration::ZERO, most: 0 })];
        let (began, mut longest, mut pieces) = (Instant::now(), Duration::ZERO, 0);
        loop {
            let piece = Instant::now();
            let more = store.sweep(at(0), &keep).expect("sweeps");
            longest = longest.max(piece.elapsed());
            pieces += 1;
            if !more {
                break;
            }
        }
        say("sweep", &format!("{pieces} pieces in {:?}, the longest {longest:?}", began.elapsed()));
    }

    fn task(&mut self) -> Change {
        let id = TaskId((220_000_000_000 << 22) + self.next * 7);
        self.next += 1;
        let label = Label { name: "ingest".into(), ..Label::default() };
        let progressed = Progressed { phase: Phase::Ready, due: at(0), attempts: 0, losses: 0, spent: 0, death: None };
        let row = Row {
            id,
            queue: "work".into(),
            created: at(0),
            due: at(0),
            expires: None,
            tenant: "acme".into(),
            key: None,
            priority: 5,
            timeout: Duration::from_secs(600),
            attempts: 5,
            cost: 0,
            after: Vec::new(),
            occurrence: None,
            label,
            body_len: BODY as u32,
            progressed,
        };
        Change::Insert(Box::new(row), Bytes::from_static(&[b'x'; BODY]))
    }
}

fn end(n: u64) -> Change {
    let progressed = Progressed { phase: Phase::Done, due: at(0), attempts: 1, losses: 0, spent: 0, death: None };
    Change::Finish(Box::new(Ended {
        id: TaskId((220_000_000_000 << 22) + n * 7),
        queue: "work".into(),
        phase: Phase::Done,
        at: at(10),
        until: at(86_400 + n / 1000),
        result: Some(Bytes::from_static(b"{\"chunks\":12}")),
        progressed,
    }))
}

fn time(reader: &mut dyn Reader, from: u64) -> Duration {
    let ids: Vec<TaskId> = (from..from + 128).map(|n| TaskId((220_000_000_000 << 22) + n * 7)).collect();
    let began = Instant::now();
    let bodies = reader.bodies(&ids).expect("reads");
    let took = began.elapsed();
    assert!(bodies.iter().filter(|body| body.is_some()).count() > 0);
    took
}

fn at(secs: u64) -> Time {
    Time::from_secs(1_800_000_000 + secs)
}

fn rate(name: &str, count: usize, took: Duration) {
    let each = took.as_secs_f64() * 1e6 / count as f64;
    say(name, &format!("{:>9.0} tasks/s ({each:.1} us each)", count as f64 / took.as_secs_f64()));
}

#[expect(clippy::print_stdout, reason = "a bench prints")]
fn say(name: &str, text: &str) {
    println!("{name:<45} {text}");
}

fn clean(file: &Path) {
    for suffix in ["", "-wal", "-shm", "-leader"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}
