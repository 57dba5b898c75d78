//! The few messages of Kafka's protocol that lag needs, each in one fixed version.
//!
//! Decides: the bytes of requests; what responses say.
//! Method: the versions before tagged fields, which brokers from 0.11 to 4 have. A codec of our own because the general one
//!   reserves memory for as many items as an answer claims to have, and an answer may come from anything that listens on a port.
//! Invariants: a response, whatever its bytes, is decoded or refused; nothing is reserved ahead of the bytes that are there.
//! Tested: `tests` below, against the `kafka-protocol` crate, and with random bytes.

/// Metadata v4: the first that can say "do not create the topic".
pub(super) const METADATA: (i16, i16) = (3, 4);
/// FindCoordinator v0.
pub(super) const FIND_COORDINATOR: (i16, i16) = (10, 0);
/// OffsetFetch v2: the first that can ask for all topics.
pub(super) const OFFSET_FETCH: (i16, i16) = (9, 2);
/// ListOffsets v1.
pub(super) const LIST_OFFSETS: (i16, i16) = (2, 1);
/// SaslHandshake v1.
pub(super) const SASL_HANDSHAKE: (i16, i16) = (17, 1);
/// SaslAuthenticate v0.
pub(super) const SASL_AUTHENTICATE: (i16, i16) = (36, 0);

/// ListOffsets' timestamp of the end.
pub(super) const END: i64 = -1;
/// ListOffsets' timestamp of the first record.
pub(super) const FIRST: i64 = -2;

/// Topics and their partitions.
pub(super) type Partitions<'a> = &'a [(String, Vec<i32>)];

/// The bytes of a request.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    fn i8(&mut self, v: i8) {
        self.0.extend(v.to_be_bytes());
    }
    pub(super) fn i16(&mut self, v: i16) {
        self.0.extend(v.to_be_bytes());
    }
    pub(super) fn i32(&mut self, v: i32) {
        self.0.extend(v.to_be_bytes());
    }
    fn i64(&mut self, v: i64) {
        self.0.extend(v.to_be_bytes());
    }
    /// A text; Kafka's names are far shorter than its limit of 32 KiB.
    pub(super) fn text(&mut self, text: &str) {
        let end = (0..=text.len().min(i16::MAX as usize)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        self.i16(end as i16);
        self.0.extend(&text.as_bytes()[..end]);
    }
    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Writer, &T)) {
        self.i32(i32::try_from(items.len()).unwrap_or(i32::MAX));
        items.iter().for_each(|i| item(self, i));
    }
}

/// Asks for the partitions of topics, and for the brokers.
pub(super) fn metadata(topics: &[String]) -> Vec<u8> {
    let mut w = Writer::default();
    w.list(topics, |w, topic| w.text(topic));
    w.i8(0); // do not create them
    w.0
}

/// Asks where a group's commits are.
pub(super) fn find_coordinator(group: &str) -> Vec<u8> {
    let mut w = Writer::default();
    w.text(group);
    w.0
}

/// Asks for a group's commits; for all of them without partitions.
pub(super) fn offset_fetch(group: &str, partitions: Option<Partitions<'_>>) -> Vec<u8> {
    let mut w = Writer::default();
    w.text(group);
    match partitions {
        Some(partitions) => w.list(partitions, |w, (topic, numbers)| {
            w.text(topic);
            w.list(numbers, |w, n| w.i32(*n));
        }),
        None => w.i32(-1),
    }
    w.0
}

/// Asks for an offset of each partition: [`END`] or [`FIRST`].
pub(super) fn list_offsets(partitions: Partitions<'_>, which: i64) -> Vec<u8> {
    let mut w = Writer::default();
    w.i32(-1); // a client, not a replica
    w.list(partitions, |w, (topic, numbers)| {
        w.text(topic);
        w.list(numbers, |w, n| {
            w.i32(*n);
            w.i64(which);
        });
    });
    w.0
}

/// Announces how the client will log in.
pub(super) fn sasl_handshake(mechanism: &str) -> Vec<u8> {
    let mut w = Writer::default();
    w.text(mechanism);
    w.0
}

/// Logs in.
pub(super) fn sasl_authenticate(bytes: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    w.i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    w.0.extend(bytes);
    w.0
}

/// A response ended early, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The bytes of a response that are still to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Broken> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Broken)?;
        self.0 = rest;
        Ok(head)
    }
    fn number<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        self.take(N)?.try_into().map_err(|_| Broken)
    }
    fn i8(&mut self) -> Result<i8, Broken> {
        self.number().map(i8::from_be_bytes)
    }
    pub(super) fn i16(&mut self) -> Result<i16, Broken> {
        self.number().map(i16::from_be_bytes)
    }
    pub(super) fn i32(&mut self) -> Result<i32, Broken> {
        self.number().map(i32::from_be_bytes)
    }
    fn i64(&mut self) -> Result<i64, Broken> {
        self.number().map(i64::from_be_bytes)
    }
    /// A text, empty where it is null.
    pub(super) fn text(&mut self) -> Result<String, Broken> {
        let length = usize::try_from(self.i16()?).unwrap_or(0);
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| Broken)
    }
    /// Items until the claimed number is reached; each takes bytes, so the list is never longer than the answer.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Reader<'a>) -> Result<T, Broken>) -> Result<Vec<T>, Broken> {
        let claimed = self.i32()?;
        let mut items = Vec::new();
        for _ in 0..claimed {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broker {
    pub(super) id: i32,
    pub(super) host: String,
    pub(super) port: i32,
}

/// A topic's partitions with their leaders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) error: i16,
    pub(super) name: String,
    /// Number, error and leader.
    pub(super) partitions: Vec<(i32, i16, i32)>,
}

/// An offset of one partition, or an error code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) offset: i64,
}

pub(super) fn read_metadata(bytes: &[u8]) -> Result<(Vec<Broker>, Vec<Topic>), Broken> {
    let mut r = Reader(bytes);
    r.i32()?; // throttled
    let brokers = r.list(|r| {
        let broker = Broker { id: r.i32()?, host: r.text()?, port: r.i32()? };
        r.text()?; // rack
        Ok(broker)
    })?;
    r.text()?; // cluster
    r.i32()?; // controller
    let topics = r.list(|r| {
        let (error, name) = (r.i16()?, r.text()?);
        r.i8()?; // internal
        let partitions = r.list(|r| {
            let (error, number, leader) = (r.i16()?, r.i32()?, r.i32()?);
            r.list(Reader::i32)?; // replicas
            r.list(Reader::i32)?; // in sync
            Ok((number, error, leader))
        })?;
        Ok(Topic { error, name, partitions })
    })?;
    Ok((brokers, topics))
}

pub(super) fn read_find_coordinator(bytes: &[u8]) -> Result<(i16, Broker), Broken> {
    let mut r = Reader(bytes);
    Ok((r.i16()?, Broker { id: r.i32()?, host: r.text()?, port: r.i32()? }))
}

pub(super) fn read_offset_fetch(bytes: &[u8]) -> Result<(i16, Vec<Offset>), Broken> {
    let mut r = Reader(bytes);
    let offsets = topics(&mut r, |r, topic| {
        let (partition, offset) = (r.i32()?, r.i64()?);
        r.text()?; // the committer's note
        Ok(Offset { topic: topic.to_owned(), partition, error: r.i16()?, offset })
    })?;
    Ok((r.i16()?, offsets))
}

pub(super) fn read_list_offsets(bytes: &[u8]) -> Result<Vec<Offset>, Broken> {
    topics(&mut Reader(bytes), |r, topic| {
        let (partition, error) = (r.i32()?, r.i16()?);
        r.i64()?; // timestamp
        Ok(Offset { topic: topic.to_owned(), partition, error, offset: r.i64()? })
    })
}

fn topics<'a>(
    r: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>, &str) -> Result<Offset, Broken>,
) -> Result<Vec<Offset>, Broken> {
    let lists = r.list(|r| {
        let topic = r.text()?;
        r.list(|r| item(r, &topic))
    })?;
    Ok(lists.into_iter().flatten().collect())
}

/// Error code and the broker's words.
pub(super) fn read_sasl_handshake(bytes: &[u8]) -> Result<(i16, Vec<String>), Broken> {
    let mut r = Reader(bytes);
    Ok((r.i16()?, r.list(Reader::text)?))
}

/// Error code and the broker's words.
pub(super) fn read_sasl_authenticate(bytes: &[u8]) -> Result<(i16, String), Broken> {
    let mut r = Reader(bytes);
    Ok((r.i16()?, r.text()?))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
