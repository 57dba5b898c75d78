//! The codec against another one, and against noise.

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
    BrokerId, FindCoordinatorRequest, ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, SaslAuthenticateRequest,
    SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::*;

fn bytes(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut buf = BytesMut::new();
    message.encode(&mut buf, version).unwrap();
    buf.to_vec()
}

fn decoded<T: Decodable>(bytes: Vec<u8>, version: i16) -> T {
    let mut bytes = Bytes::from(bytes);
    let message = T::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty(), "{} bytes are left over", bytes.len());
    message
}

fn name(text: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(text))
}

fn topics() -> Vec<(String, Vec<i32>)> {
    vec![("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![7])]
}

#[test]
fn requests_say_what_they_should() {
    let message: MetadataRequest = decoded(metadata(&["a".to_owned(), "b".to_owned()]), METADATA.1);
    assert!(!message.allow_auto_topic_creation);
    assert_eq!(message.topics.unwrap().iter().map(|t| t.name.clone().unwrap()).collect::<Vec<_>>(), [name("a"), name("b")]);

    let message: FindCoordinatorRequest = decoded(find_coordinator("g"), FIND_COORDINATOR.1);
    assert_eq!(message.key.as_str(), "g");

    let message: OffsetFetchRequest = decoded(offset_fetch("g", Some(&topics())), OFFSET_FETCH.1);
    let asked: Vec<_> = message.topics.unwrap().into_iter().map(|t| (t.name.to_string(), t.partition_indexes)).collect();
    assert_eq!((message.group_id.as_str(), asked), ("g", topics()));
    assert!(decoded::<OffsetFetchRequest>(offset_fetch("g", None), OFFSET_FETCH.1).topics.is_none());

    let message: ListOffsetsRequest = decoded(list_offsets(&topics(), END), LIST_OFFSETS.1);
    assert_eq!(message.replica_id, BrokerId(-1));
    let partitions: Vec<_> = message
        .topics
        .iter()
        .flat_map(|t| t.partitions.iter().map(|p| (t.name.to_string(), p.partition_index, p.timestamp)))
        .collect();
    assert_eq!(partitions, [("a".to_owned(), 0, END), ("a".to_owned(), 1, END), ("b".to_owned(), 7, END)]);

    assert_eq!(decoded::<SaslHandshakeRequest>(sasl_handshake("PLAIN"), SASL_HANDSHAKE.1).mechanism.as_str(), "PLAIN");
    assert_eq!(&decoded::<SaslAuthenticateRequest>(sasl_authenticate(b"\0u\0p"), SASL_AUTHENTICATE.1).auth_bytes[..], b"\0u\0p");
}

#[test]
fn responses_are_understood() {
    let broker =
        MetadataResponseBroker::default().with_node_id(BrokerId(3)).with_host(StrBytes::from_static_str("h")).with_port(92);
    let partition = MetadataResponsePartition::default()
        .with_partition_index(1)
        .with_leader_id(BrokerId(3))
        .with_replica_nodes(vec![BrokerId(3), BrokerId(4)])
        .with_isr_nodes(vec![BrokerId(3)]);
    let topic = MetadataResponseTopic::default().with_name(Some(name("a"))).with_partitions(vec![partition]);
    let gone = MetadataResponseTopic::default().with_name(Some(name("b"))).with_error_code(3);
    let message = MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic, gone]);
    let (brokers, topics) = read_metadata(&bytes(&message, METADATA.1)).unwrap();
    assert_eq!(brokers, [Broker { id: 3, host: "h".to_owned(), port: 92 }]);
    assert_eq!(topics[0], Topic { error: 0, name: "a".to_owned(), partitions: vec![(1, 0, 3)] });
    assert_eq!((topics[1].error, topics[1].name.as_str()), (3, "b"));

    let message =
        FindCoordinatorResponse::default().with_node_id(BrokerId(1)).with_host(StrBytes::from_static_str("h")).with_port(9);
    let found = read_find_coordinator(&bytes(&message, FIND_COORDINATOR.1)).unwrap();
    assert_eq!(found, (0, Broker { id: 1, host: "h".to_owned(), port: 9 }));

    let partition = OffsetFetchResponsePartition::default()
        .with_partition_index(2)
        .with_committed_offset(-1)
        .with_metadata(Some(StrBytes::from_static_str("note")));
    let topic = OffsetFetchResponseTopic::default().with_name(name("a")).with_partitions(vec![partition]);
    let message = OffsetFetchResponse::default().with_topics(vec![topic]).with_error_code(16);
    let (code, offsets) = read_offset_fetch(&bytes(&message, OFFSET_FETCH.1)).unwrap();
    assert_eq!((code, offsets), (16, vec![Offset { topic: "a".to_owned(), partition: 2, error: 0, offset: -1 }]));

    let partition = ListOffsetsPartitionResponse::default().with_partition_index(2).with_offset(77).with_error_code(6);
    let topic = ListOffsetsTopicResponse::default().with_name(name("a")).with_partitions(vec![partition]);
    let offsets = read_list_offsets(&bytes(&ListOffsetsResponse::default().with_topics(vec![topic]), LIST_OFFSETS.1)).unwrap();
    assert_eq!(offsets, [Offset { topic: "a".to_owned(), partition: 2, error: 6, offset: 77 }]);

    let message = SaslHandshakeResponse::default().with_error_code(33).with_mechanisms(vec![StrBytes::from_static_str("GSSAPI")]);
    assert_eq!(read_sasl_handshake(&bytes(&message, SASL_HANDSHAKE.1)).unwrap(), (33, vec!["GSSAPI".to_owned()]));
    let message =
        SaslAuthenticateResponse::default().with_error_code(58).with_error_message(Some(StrBytes::from_static_str("no")));
    assert_eq!(read_sasl_authenticate(&bytes(&message, SASL_AUTHENTICATE.1)).unwrap(), (58, "no".to_owned()));
}

#[test]
fn noise_is_refused_or_read_and_never_worse() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    for length in 0..2000 {
        let noise: Vec<u8> = (0..length % 97).map(|_| byte()).collect();
        let _ = read_metadata(&noise);
        let _ = read_find_coordinator(&noise);
        let _ = read_offset_fetch(&noise);
        let _ = read_list_offsets(&noise);
        let _ = read_sasl_handshake(&noise);
        let _ = read_sasl_authenticate(&noise);
    }
    // Two billion items in no bytes.
    assert_eq!(read_list_offsets(&i32::MAX.to_be_bytes()), Err(Broken));
    assert_eq!(read_list_offsets(&(-5_i32).to_be_bytes()), Ok(vec![]));
}
