//! A Kafka cluster's connections, and the questions that a look asks.
//!
//! Method: begins at any of the named brokers and follows the cluster's own addresses from there. All of a cluster's connections are
//!   dropped together when one breaks.
//! Tested: `tests/it/kafka.rs`.

use std::collections::BTreeMap;

use skala_spec::model::{KafkaSasl, KafkaSource, OffsetReset, Tls};

use super::connection::Connection;
use super::lag::{Offsets, Partition};
use super::wire::{self, Broken, Broker, Offset};
use crate::Error;
use crate::pool::Kept;

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    brokers: Vec<String>,
    pub(super) sasl: Option<KafkaSasl>,
    pub(super) tls: Option<Tls>,
}

impl From<&KafkaSource> for Server {
    fn from(source: &KafkaSource) -> Server {
        Server { brokers: source.brokers.clone(), sasl: source.sasl.clone(), tls: source.tls.clone() }
    }
}

/// Open connections by `host:port`.
pub(crate) struct Cluster {
    server: Server,
    connections: BTreeMap<String, Connection>,
}

impl Kept for Cluster {
    type Server = Server;
    type Ask = KafkaSource;
    type Found = BTreeMap<Partition, Offsets>;

    async fn open(server: &Server) -> Result<Cluster, Error> {
        let mut failure = Error::Reach { server: String::new(), reason: "no broker is named".to_owned() };
        for broker in &server.brokers {
            match Connection::open(broker, server).await {
                Ok(connection) => {
                    let connections = BTreeMap::from([(broker.clone(), connection)]);
                    return Ok(Cluster { server: server.clone(), connections });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn look(&mut self, source: &KafkaSource) -> Result<BTreeMap<Partition, Offsets>, Error> {
        let coordinator = self.coordinator(&source.group).await?;
        let topics = match source.topics.is_empty() {
            true => self.committed_topics(&coordinator, &source.group).await?,
            false => source.topics.clone(),
        };
        let leaders = self.leaders(&topics, &source.partitions).await?;
        let wanted = by_topic(leaders.keys());
        let commits = self.commits(&coordinator, &source.group, &wanted).await?;
        let ends = self.offsets(&leaders, wire::END).await?;
        let mut found = BTreeMap::new();
        for partition in leaders.keys() {
            let end = *ends.get(partition).ok_or_else(|| malformed(&coordinator, "a partition's end is not in it"))?;
            let committed = commits.get(partition).copied().filter(|c| *c >= 0);
            found.insert(partition.clone(), Offsets { committed, first: 0, end });
        }
        if source.offset_reset == OffsetReset::Earliest && !source.scale_to_zero_on_invalid_offset {
            let fresh = leaders.into_iter().filter(|(p, _)| found.get(p).is_some_and(|o| o.usable().is_none())).collect();
            for (partition, first) in self.offsets(&fresh, wire::FIRST).await? {
                if let Some(offsets) = found.get_mut(&partition) {
                    offsets.first = first;
                }
            }
        }
        Ok(found)
    }
}

impl Cluster {
    /// Asks the broker at an address.
    async fn ask(&mut self, address: &str, api: (i16, i16), body: &[u8]) -> Result<Vec<u8>, Error> {
        if !self.connections.contains_key(address) {
            let connection = Connection::open(address, &self.server).await?;
            self.connections.insert(address.to_owned(), connection);
        }
        let connection = self.connections.get_mut(address).ok_or_else(|| malformed(address, "it is gone"))?;
        connection.ask(api, body).await
    }

    /// Any broker that is connected.
    fn any(&self) -> String {
        self.connections.keys().next().cloned().unwrap_or_default()
    }

    async fn coordinator(&mut self, group: &str) -> Result<String, Error> {
        let any = self.any();
        let bytes = self.ask(&any, wire::FIND_COORDINATOR, &wire::find_coordinator(group)).await?;
        let (code, broker) = read(&any, wire::read_find_coordinator(&bytes))?;
        refuse(&any, code, "the group's coordinator")?;
        address(&any, &broker)
    }

    /// The topics for which the group has a commit.
    async fn committed_topics(&mut self, coordinator: &str, group: &str) -> Result<Vec<String>, Error> {
        let bytes = self.ask(coordinator, wire::OFFSET_FETCH, &wire::offset_fetch(group, None)).await?;
        let (code, offsets) = read(coordinator, wire::read_offset_fetch(&bytes))?;
        refuse(coordinator, code, "the group's commits")?;
        let committed = offsets.into_iter().filter(|o| o.error == 0 && o.offset >= 0).map(|o| o.topic);
        let mut topics: Vec<String> = committed.collect();
        topics.sort();
        topics.dedup();
        match topics.is_empty() {
            true => Err(Error::Missing { server: coordinator.to_owned(), what: format!("a commit of group `{group}`") }),
            false => Ok(topics),
        }
    }

    /// The wanted partitions with the addresses of their leaders.
    async fn leaders(&mut self, topics: &[String], only: &[u32]) -> Result<BTreeMap<Partition, String>, Error> {
        let any = self.any();
        let bytes = self.ask(&any, wire::METADATA, &wire::metadata(topics)).await?;
        let (brokers, found) = read(&any, wire::read_metadata(&bytes))?;
        let mut leaders = BTreeMap::new();
        for topic in topics {
            let missing = |what: String| Error::Missing { server: any.clone(), what };
            let found = found.iter().find(|t| t.name == *topic).ok_or_else(|| missing(format!("topic `{topic}`")))?;
            refuse(&any, found.error, &format!("topic `{topic}`"))?;
            for wanted in only {
                if !found.partitions.iter().any(|(n, ..)| u32::try_from(*n) == Ok(*wanted)) {
                    return Err(missing(format!("partition {wanted} of topic `{topic}`")));
                }
            }
            for (number, _, leader) in &found.partitions {
                if !only.is_empty() && !only.iter().any(|n| i32::try_from(*n) == Ok(*number)) {
                    continue;
                }
                let broker = brokers.iter().find(|b| b.id == *leader).ok_or_else(|| Error::Refused {
                    server: any.clone(),
                    reason: format!("partition {number} of topic `{topic}` has no leader"),
                })?;
                leaders.insert((topic.clone(), *number), address(&any, broker)?);
            }
        }
        Ok(leaders)
    }

    async fn commits(
        &mut self,
        coordinator: &str,
        group: &str,
        wanted: &[(String, Vec<i32>)],
    ) -> Result<BTreeMap<Partition, i64>, Error> {
        let bytes = self.ask(coordinator, wire::OFFSET_FETCH, &wire::offset_fetch(group, Some(wanted))).await?;
        let (code, offsets) = read(coordinator, wire::read_offset_fetch(&bytes))?;
        refuse(coordinator, code, "the group's commits")?;
        by_partition(coordinator, offsets)
    }

    /// One offset of each partition, from its leader.
    async fn offsets(&mut self, leaders: &BTreeMap<Partition, String>, which: i64) -> Result<BTreeMap<Partition, i64>, Error> {
        let mut by_leader: BTreeMap<&String, Vec<&Partition>> = BTreeMap::new();
        for (partition, leader) in leaders {
            by_leader.entry(leader).or_default().push(partition);
        }
        let mut all = BTreeMap::new();
        for (leader, partitions) in by_leader {
            let body = wire::list_offsets(&by_topic(partitions.into_iter()), which);
            let bytes = self.ask(leader, wire::LIST_OFFSETS, &body).await?;
            all.extend(by_partition(leader, read(leader, wire::read_list_offsets(&bytes))?)?);
        }
        Ok(all)
    }
}

/// Partitions in order, as requests list them.
fn by_topic<'a>(partitions: impl Iterator<Item = &'a Partition>) -> Vec<(String, Vec<i32>)> {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, number) in partitions {
        topics.entry(topic.clone()).or_default().push(*number);
    }
    topics.into_iter().collect()
}

fn by_partition(server: &str, offsets: Vec<Offset>) -> Result<BTreeMap<Partition, i64>, Error> {
    let mut all = BTreeMap::new();
    for Offset { topic, partition, error, offset } in offsets {
        refuse(server, error, &format!("partition {partition} of topic `{topic}`"))?;
        all.insert((topic, partition), offset);
    }
    Ok(all)
}

pub(super) fn read<T>(server: &str, result: Result<T, Broken>) -> Result<T, Error> {
    result.map_err(|Broken| malformed(server, "this is not Kafka's answer"))
}

pub(super) fn malformed(server: &str, reason: &str) -> Error {
    Error::Malformed { server: server.to_owned(), reason: reason.to_owned() }
}

fn address(server: &str, broker: &Broker) -> Result<String, Error> {
    let port = u16::try_from(broker.port).ok().filter(|p| *p > 0);
    let port = port.ok_or_else(|| malformed(server, "a broker's port is none"))?;
    let host = if broker.host.contains(':') { format!("[{}]", broker.host) } else { broker.host.clone() };
    Ok(format!("{host}:{port}"))
}

/// Kafka's error codes that people meet here.
fn refuse(server: &str, code: i16, what: &str) -> Result<(), Error> {
    let server = server.to_owned();
    match code {
        0 => Ok(()),
        3 => Err(Error::Missing { server, what: what.to_owned() }),
        29..=31 => Err(Error::Login { server, reason: format!("the user may not read {what}") }),
        5 | 6 | 9 => Err(Error::Reach { server, reason: format!("{what} is moving to another broker") }),
        14..=16 => Err(Error::Reach { server, reason: format!("{what}: the coordinator is moving to another broker") }),
        code => Err(Error::Refused { server, reason: format!("{what}: Kafka's error code {code}") }),
    }
}
