//! A task's row in bytes.
//!
//! Method: little-endian numbers, lengths and small numbers as LEB128; a CRC-32 at the end, over the task's id and everything before it, so
//!   that a damaged page, or a row that belongs to another task, is seen when it is read. What changes while a task lives
//!   ([`Progressed`]) is packed by itself. The first byte is the format; a newer one is refused.
//! Invariants: unpacking what was packed gives the same; no bytes make it panic or allocate more than they are long.
//! Tested: `tests` below.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use skala_queue::{After, Cause, Death, Holds, Label, Occurrence, Parent, Phase, Progressed, Row, StoredKey, TaskId, When};
use skala_types::{Text, Time};

use super::words::Words;

/// The format that is written.
const FORMAT: u8 = 1;
/// Length of the CRC.
const CRC: usize = 4;

/// Bytes that are no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// What of a row never changes, its queue aside.
pub(super) fn pack_row(row: &Row, to: &mut Vec<u8>) {
    to.clear();
    to.push(FORMAT);
    pack_label(&row.label, to);
    text(&row.tenant, to);
    number(row.created.as_nanos(), to);
    number(row.due.as_nanos(), to);
    option(row.expires, to, |t, to| number(t.as_nanos(), to));
    option(row.key.as_ref(), to, |key, to| {
        text(&key.text, to);
        to.push(key.holds as u8);
        number(key.until.as_nanos(), to);
    });
    to.push(row.priority);
    leb(duration(row.timeout), to);
    leb(row.attempts.into(), to);
    leb(row.cost, to);
    leb(row.after.len() as u64, to);
    row.after.iter().for_each(|after| pack_after(after, to));
    option(row.occurrence.as_ref(), to, |o, to| {
        text(&o.schedule, to);
        number(o.nominal.as_nanos(), to);
    });
    leb(row.body_len.into(), to);
    seal(row.id, to);
}

/// How far a task is, without its phase.
pub(super) fn pack_progressed(id: TaskId, progressed: &Progressed, to: &mut Vec<u8>) {
    to.clear();
    to.push(FORMAT);
    number(progressed.due.as_nanos(), to);
    leb(progressed.attempts.into(), to);
    leb(progressed.losses.into(), to);
    leb(progressed.spent, to);
    option(progressed.death.as_ref(), to, |death, to| {
        to.push(death.cause as u8);
        text(&death.message, to);
        leb(death.log.len() as u64, to);
        death.log.iter().for_each(|line| text(line, to));
    });
    seal(id, to);
}

/// Bytes of a body or result, with their check.
pub(super) fn pack_bytes(id: TaskId, bytes: &[u8], to: &mut Vec<u8>) {
    to.clear();
    to.extend_from_slice(bytes);
    seal(id, to);
}

/// Reads what [`pack_row`] wrote. Queue and progress are given by the caller.
pub(super) fn unpack_row(id: TaskId, bytes: &[u8], queue: Text, words: &mut Words) -> Result<Row, Damaged> {
    let mut from = From::sealed(id, bytes)?;
    let label = unpack_label(&mut from, words)?;
    let tenant = words.text(from.text()?);
    let (created, due) = (from.time()?, from.time()?);
    let expires = from.option(From::time)?;
    let key =
        from.option(|from| Ok(StoredKey { text: from.text()?.into(), holds: holds(from.byte()?)?, until: from.time()? }))?;
    let priority = from.byte()?;
    let timeout = Duration::from_nanos(from.leb()?);
    let attempts = from.small()?;
    let cost = from.leb()?;
    let after = from.list(unpack_after)?;
    let occurrence = from.option(|from| Ok(Occurrence { schedule: words.text(from.text()?), nominal: from.time()? }))?;
    let body_len = from.small()?;
    let progressed = Progressed { phase: Phase::Ready, due, attempts: 0, losses: 0, spent: 0, death: None };
    Ok(Row {
        id,
        queue,
        created,
        due,
        expires,
        tenant,
        key,
        priority,
        timeout,
        attempts,
        cost,
        after,
        occurrence,
        label,
        body_len,
        progressed,
    })
}

/// Reads the label alone.
pub(super) fn unpack_row_label(id: TaskId, bytes: &[u8], words: &mut Words) -> Result<Label, Damaged> {
    unpack_label(&mut From::sealed(id, bytes)?, words)
}

/// Reads what [`pack_progressed`] wrote.
pub(super) fn unpack_progressed(id: TaskId, bytes: &[u8], phase: Phase) -> Result<Progressed, Damaged> {
    let mut from = From::sealed(id, bytes)?;
    let due = from.time()?;
    let (attempts, losses, spent) = (from.small()?, from.small()?, from.leb()?);
    let death = from.option(|from| {
        let (cause, message) = (cause(from.byte()?)?, from.text()?.to_owned());
        Ok(Death { cause, message, log: from.list(|from| from.text().map(str::to_owned))? })
    })?;
    Ok(Progressed { phase, due, attempts, losses, spent, death })
}

/// Reads what [`pack_bytes`] wrote.
pub(super) fn unpack_bytes(id: TaskId, mut bytes: Vec<u8>) -> Result<Bytes, Damaged> {
    let content = check(id, &bytes)?.len();
    bytes.truncate(content);
    Ok(Bytes::from(bytes))
}

/// Whether a phase is stored as this number.
pub(super) fn phase(number: i64) -> Result<Phase, Damaged> {
    use Phase::{Cancelled, Dead, Delayed, Done, Held, Leased, Parked, Ready};
    let all = [Ready, Delayed, Held, Parked, Leased, Done, Dead, Cancelled];
    usize::try_from(number).ok().and_then(|n| all.get(n).copied()).ok_or(Damaged)
}

fn pack_label(label: &Label, to: &mut Vec<u8>) {
    text(&label.name, to);
    text(&label.content_type, to);
    leb(label.headers.len() as u64, to);
    for (name, value) in &label.headers {
        text(name, to);
        text(value, to);
    }
    to.push(label.with_results.into());
    text(&label.method, to);
    text(&label.path, to);
}

fn unpack_label(from: &mut From<'_>, words: &mut Words) -> Result<Label, Damaged> {
    let (name, content_type) = (words.text(from.text()?), words.text(from.text()?));
    let headers = from.list(|from| Ok((from.text()?.to_owned(), from.text()?.to_owned())))?;
    let with_results = from.byte()? != 0;
    let (method, path) = (words.text(from.text()?), words.text(from.text()?));
    let headers = headers.into_iter().collect::<BTreeMap<_, _>>();
    Ok(Label { name, content_type, headers, with_results, method, path })
}

fn pack_after(after: &After, to: &mut Vec<u8>) {
    match after.task {
        Parent::Id(id) => {
            to.push(0);
            number(id.0, to);
        }
        Parent::Place(place) => {
            to.push(1);
            number(place.into(), to);
        }
    }
    to.push(after.when as u8);
}

fn unpack_after(from: &mut From<'_>) -> Result<After, Damaged> {
    let (kind, number) = (from.byte()?, from.number()?);
    let task = match kind {
        0 => Parent::Id(TaskId(number)),
        1 => Parent::Place(u16::try_from(number).map_err(|_| Damaged)?),
        _ => return Err(Damaged),
    };
    let when = [When::Done, When::Failed, When::Ended];
    Ok(After { task, when: *when.get(usize::from(from.byte()?)).ok_or(Damaged)? })
}

fn holds(number: u8) -> Result<Holds, Damaged> {
    [Holds::Window, Holds::Waiting, Holds::Unfinished].get(usize::from(number)).copied().ok_or(Damaged)
}

fn cause(number: u8) -> Result<Cause, Damaged> {
    use Cause::{Expired, Failed, Limited, Lost, Parent, Rejected, Timeout};
    [Failed, Timeout, Lost, Limited, Expired, Rejected, Parent].get(usize::from(number)).copied().ok_or(Damaged)
}

fn duration(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn number(n: u64, to: &mut Vec<u8>) {
    to.extend_from_slice(&n.to_le_bytes());
}

fn leb(mut n: u64, to: &mut Vec<u8>) {
    while n >= 0x80 {
        to.push(n as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

fn text(text: &str, to: &mut Vec<u8>) {
    leb(text.len() as u64, to);
    to.extend_from_slice(text.as_bytes());
}

fn option<T>(value: Option<T>, to: &mut Vec<u8>, pack: impl FnOnce(T, &mut Vec<u8>)) {
    to.push(value.is_some().into());
    if let Some(value) = value {
        pack(value, to);
    }
}

fn seal(id: TaskId, to: &mut Vec<u8>) {
    let crc = crc(id, to);
    to.extend_from_slice(&crc.to_le_bytes());
}

fn crc(id: TaskId, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&id.0.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

fn check(id: TaskId, bytes: &[u8]) -> Result<&[u8], Damaged> {
    let (content, sum) = bytes.split_last_chunk::<CRC>().ok_or(Damaged)?;
    if crc(id, content) == u32::from_le_bytes(*sum) { Ok(content) } else { Err(Damaged) }
}

/// What is still to be read.
struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn sealed(id: TaskId, bytes: &'a [u8]) -> Result<From<'a>, Damaged> {
        let mut from = From(check(id, bytes)?);
        if from.byte()? == FORMAT { Ok(from) } else { Err(Damaged) }
    }

    fn take(&mut self, most: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(most).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Damaged> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        let (number, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    fn time(&mut self) -> Result<Time, Damaged> {
        self.number().map(Time::from_nanos)
    }

    fn leb(&mut self) -> Result<u64, Damaged> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(Damaged)
    }

    fn small(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.leb()?).map_err(|_| Damaged)
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = usize::try_from(self.leb()?).map_err(|_| Damaged)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged)
    }

    fn option<T>(&mut self, unpack: impl FnOnce(&mut From<'a>) -> Result<T, Damaged>) -> Result<Option<T>, Damaged> {
        if self.byte()? == 0 { Ok(None) } else { unpack(self).map(Some) }
    }

    fn list<T>(&mut self, mut unpack: impl FnMut(&mut From<'a>) -> Result<T, Damaged>) -> Result<Vec<T>, Damaged> {
        // Every element takes a byte at least, so the list cannot be longer than the bytes that are left.
        let length = self.leb()?;
        let mut all = Vec::new();
        for _ in 0..length {
            all.push(unpack(self)?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(id: u64, bits: u64, word: &str) -> Row {
        let is = |bit: u32| bits >> bit & 1 == 1;
        let time = Time::from_nanos(bits);
        let mut label = Label { name: word.into(), with_results: is(1), path: word.into(), ..Label::default() };
        if is(2) {
            label.headers.insert(word.to_owned(), "value".to_owned());
        }
        let holds = [Holds::Window, Holds::Waiting, Holds::Unfinished][bits as usize % 3];
        let when = [When::Done, When::Failed, When::Ended][bits as usize % 3];
        let parents = [Parent::Id(TaskId(bits)), Parent::Place(bits as u16)];
        Row {
            id: TaskId(id),
            queue: "work".into(),
            created: time,
            due: time,
            expires: is(3).then_some(time),
            tenant: word.into(),
            key: is(4).then(|| StoredKey { text: word.into(), holds, until: time }),
            priority: bits as u8,
            timeout: Duration::from_nanos(bits),
            attempts: bits as u32,
            cost: bits,
            after: if is(5) { parents.map(|task| After { task, when }).to_vec() } else { Vec::new() },
            occurrence: is(6).then(|| Occurrence { schedule: word.into(), nominal: time }),
            label,
            body_len: (bits >> 32) as u32,
            progressed: Progressed { phase: Phase::Ready, due: time, attempts: 0, losses: 0, spent: 0, death: None },
        }
    }

    proptest! {
        #[test]
        fn a_row_reads_back(id: u64, bits: u64, word in ".{0,80}") {
            let (row, mut bytes) = (row(id, bits, &word), Vec::new());
            pack_row(&row, &mut bytes);
            let mut words = Words::default();
            prop_assert_eq!(unpack_row_label(row.id, &bytes, &mut words), Ok(row.label.clone()));
            prop_assert_eq!(unpack_row(row.id, &bytes, "work".into(), &mut words), Ok(row));
        }

        #[test]
        fn progress_reads_back(id: u64, bits: u64, message in ".{0,40}", log in prop::collection::vec(".{0,9}", 0..4)) {
            let all = [Cause::Failed, Cause::Timeout, Cause::Lost, Cause::Limited, Cause::Expired, Cause::Rejected, Cause::Parent];
            let cause = all[bits as usize % all.len()];
            let death = (bits & 8 == 0).then_some(Death { cause, message, log });
            let due = Time::from_nanos(bits);
            let progressed =
                Progressed { phase: Phase::Delayed, due, attempts: bits as u32, losses: (bits >> 32) as u32, spent: bits, death };
            let mut bytes = Vec::new();
            pack_progressed(TaskId(id), &progressed, &mut bytes);
            prop_assert_eq!(unpack_progressed(TaskId(id), &bytes, Phase::Delayed), Ok(progressed));
        }

        #[test]
        fn a_changed_bit_or_another_task_is_seen(bits: u64, at: prop::sample::Index, bit in 0..8) {
            let (row, mut bytes) = (row(7, bits, "word"), Vec::new());
            pack_row(&row, &mut bytes);
            let mut words = Words::default();
            prop_assert_eq!(unpack_row(TaskId(8), &bytes, "work".into(), &mut words), Err(Damaged));
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(unpack_row(row.id, &bytes, "work".into(), &mut words), Err(Damaged));
        }

        #[test]
        fn bytes_that_are_sealed_and_no_row_are_refused_without_panic(mut bytes: Vec<u8>) {
            bytes.insert(0, FORMAT);
            seal(TaskId(7), &mut bytes);
            let mut words = Words::default();
            let _ = unpack_row(TaskId(7), &bytes, "work".into(), &mut words);
            let _ = unpack_progressed(TaskId(7), &bytes, Phase::Ready);
            prop_assert_eq!(unpack_bytes(TaskId(8), bytes), Err(Damaged));
        }
    }

    #[test]
    fn phases_are_stored_by_their_number() {
        for phase in
            [Phase::Ready, Phase::Delayed, Phase::Held, Phase::Parked, Phase::Leased, Phase::Done, Phase::Dead, Phase::Cancelled]
        {
            assert_eq!(super::phase(phase as i64), Ok(phase));
        }
        assert_eq!(Phase::Dead as i64, 6, "an index of the schema says so");
        assert_eq!((super::phase(-1), super::phase(8)), (Err(Damaged), Err(Damaged)));
    }
}
