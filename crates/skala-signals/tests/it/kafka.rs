//! librdkafka's mock cluster; and for what it does not know (a group's topics, passwords), a broker of our own that speaks through
//! another codec.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::find_coordinator_response::FindCoordinatorResponse;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, BrokerId, MetadataRequest, OffsetFetchRequest, RequestHeader, SaslAuthenticateRequest, SaslAuthenticateResponse,
    SaslHandshakeResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};
use serde_json::{Value, json};
use skala_signals::kafka::{Cap, Lag, value as capped};
use skala_signals::{Error, Sample};
use skala_testkit::http::Backend;
use skala_testkit::servers::Kafka;

use crate::{Looks, look};

fn cluster(brokers: u32) -> Kafka {
    Kafka::start(brokers, Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn entry(kafka: &Kafka, more: Value) -> Value {
    let mut entry = json!({"kafka": {"brokers": [kafka.broker()], "group": "g", "topics": ["t"]}});
    entry["kafka"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

fn lag(sample: &Sample) -> Lag {
    sample.kafka.unwrap()
}

#[test]
fn counts_what_a_group_has_yet_to_commit() {
    let mut kafka = cluster(3);
    kafka.produce("t", 0, 10);
    kafka.produce("t", 1, 20);
    // No commit anywhere: one per partition, or nothing, or everything.
    assert_eq!(look(entry(&kafka, json!({}))).unwrap().value, 4.0);
    assert_eq!(look(entry(&kafka, json!({"scaleToZeroOnInvalidOffset": true}))).unwrap().value, 0.0);
    assert_eq!(look(entry(&kafka, json!({"offsetReset": "earliest"}))).unwrap().value, 30.0);

    kafka.commit("g", "t", 0, 4);
    kafka.commit("g", "t", 1, 20);
    let found = look(entry(&kafka, json!({}))).unwrap();
    assert_eq!(lag(&found), Lag { total: 8, with_persistent: 8, partitions: 4, partitions_with_lag: 3 });
    assert_eq!(look(entry(&kafka, json!({"partitions": [0]}))).unwrap().value, 6.0);
    assert_eq!(look(entry(&kafka, json!({"partitions": [1]}))).unwrap().value, 0.0);
    assert!(matches!(look(entry(&kafka, json!({"partitions": [9]}))), Err(Error::Missing { .. })));
    assert_eq!(capped(&lag(&found), 1.0, Cap::default()), 4.0, "no more replicas than partitions");
}

#[test]
fn a_group_that_stands_still_is_seen_across_looks() {
    let mut kafka = cluster(1);
    kafka.produce("t", 0, 10);
    kafka.commit("g", "t", 0, 4);
    let entry = entry(&kafka, json!({"excludePersistentLag": true, "partitions": [0]}));
    let mut looks = Looks::new();
    let first = looks.look(entry.clone()).unwrap();
    assert_eq!((first.value, first.activity), (6.0, 6.0));
    let second = looks.look(entry.clone()).unwrap();
    assert_eq!((second.value, second.activity), (0.0, 6.0), "stuck, but it wakes");
    kafka.commit("g", "t", 0, 5);
    assert_eq!(looks.look(entry.clone()).unwrap().value, 5.0);
    drop(kafka);
    assert!(matches!(looks.look(entry), Err(Error::Reach { .. })));
}

#[test]
fn the_second_broker_helps_when_the_first_is_gone() {
    let mut kafka = cluster(2);
    kafka.produce("t", 0, 3);
    let gone = skala_testkit::port::Reserved::new();
    let brokers = json!([format!("127.0.0.1:{}", gone.port()), kafka.broker()]);
    assert_eq!(look(entry(&kafka, json!({"brokers": brokers, "offsetReset": "earliest"}))).unwrap().value, 3.0);
}

/// What the broker of our own holds: topic `t` with two partitions of ten records each, the first committed at 4 by group `g`.
fn answer(request: &mut Bytes, header: &RequestHeader, port: u16) -> BytesMut {
    fn encoded(message: &impl Encodable, version: i16) -> BytesMut {
        let mut body = BytesMut::new();
        message.encode(&mut body, version).unwrap();
        body
    }
    let version = header.request_api_version;
    let host = StrBytes::from_static_str("127.0.0.1");
    let name = TopicName(StrBytes::from_static_str("t"));
    match ApiKey::try_from(header.request_api_key).unwrap() {
        ApiKey::SaslHandshake => encoded(&SaslHandshakeResponse::default(), version),
        ApiKey::SaslAuthenticate => {
            let given = SaslAuthenticateRequest::decode(request, version).unwrap().auth_bytes;
            let code = if &given[..] == b"\0user\0hunter2" { 0 } else { 58 };
            encoded(&SaslAuthenticateResponse::default().with_error_code(code), version)
        }
        ApiKey::FindCoordinator => {
            let found = FindCoordinatorResponse::default().with_node_id(BrokerId(1)).with_host(host).with_port(port.into());
            encoded(&found, version)
        }
        ApiKey::OffsetFetch => {
            let asked = OffsetFetchRequest::decode(request, version).unwrap();
            let all = asked.topics.is_none();
            let commit = |n| {
                let offset = if n == 0 && asked.group_id.as_str() == "g" { 4 } else { -1 };
                OffsetFetchResponsePartition::default().with_partition_index(n).with_committed_offset(offset)
            };
            let topic = OffsetFetchResponseTopic::default().with_name(name).with_partitions((0..2).map(commit).collect());
            let topics = if all && asked.group_id.as_str() != "g" { vec![] } else { vec![topic] };
            encoded(&OffsetFetchResponse::default().with_topics(topics), version)
        }
        ApiKey::Metadata => {
            let asked = MetadataRequest::decode(request, version).unwrap().topics.unwrap();
            let broker = MetadataResponseBroker::default().with_node_id(BrokerId(1)).with_host(host).with_port(port.into());
            let partition = |n| MetadataResponsePartition::default().with_partition_index(n).with_leader_id(BrokerId(1));
            let topics = asked.into_iter().map(|t| {
                let known = t.name.as_ref() == Some(&name);
                let partitions = if known { (0..2).map(partition).collect() } else { vec![] };
                MetadataResponseTopic::default()
                    .with_name(t.name)
                    .with_error_code(if known { 0 } else { 3 })
                    .with_partitions(partitions)
            });
            encoded(&MetadataResponse::default().with_brokers(vec![broker]).with_topics(topics.collect()), version)
        }
        ApiKey::ListOffsets => {
            let end = |n| ListOffsetsPartitionResponse::default().with_partition_index(n).with_offset(10);
            let topic = ListOffsetsTopicResponse::default().with_name(name).with_partitions((0..2).map(end).collect());
            encoded(&ListOffsetsResponse::default().with_topics(vec![topic]), version)
        }
        other => panic!("{other:?} was not expected"),
    }
}

fn serve(stream: &mut TcpStream) -> io::Result<()> {
    let port = stream.local_addr()?.port();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        let mut frame = Bytes::from(frame);
        let header = decode_request_header_from_buffer(&mut frame).map_err(io::Error::other)?;
        let body = answer(&mut frame, &header, port);
        stream.write_all(&(u32::try_from(body.len()).unwrap() + 4).to_be_bytes())?;
        stream.write_all(&header.correlation_id.to_be_bytes())?;
        stream.write_all(&body)?;
    }
}

#[test]
fn topics_that_are_not_named_are_those_of_the_commits() {
    let broker = Backend::raw(|stream, _| serve(stream));
    let entry = |group: &str, topics: Value| json!({"kafka": {"brokers": [broker.addr().to_string()], "group": group, "topics": topics, "scaleToZeroOnInvalidOffset": true}});
    let found = look(entry("g", json!([]))).unwrap();
    assert_eq!(lag(&found), Lag { total: 6, with_persistent: 6, partitions: 2, partitions_with_lag: 1 });
    assert!(matches!(look(entry("new", json!([]))), Err(Error::Missing { what, .. }) if what.contains("`new`")));
    assert!(matches!(look(entry("g", json!(["u"]))), Err(Error::Missing { what, .. }) if what.contains("`u`")));
}

#[test]
fn passwords() {
    let broker = Backend::raw(|stream, _| serve(stream));
    let entry = |password: &str| {
        let sasl = json!({"username": "user", "password": password});
        json!({"kafka": {"brokers": [broker.addr().to_string()], "group": "g", "topics": ["t"], "sasl": sasl}})
    };
    assert_eq!(look(entry("hunter2")).unwrap().value, 7.0);
    let error = look(entry("hunter3")).unwrap_err();
    assert!(matches!(error, Error::Login { .. }) && !error.to_string().contains("hunter3"), "{error}");
}
