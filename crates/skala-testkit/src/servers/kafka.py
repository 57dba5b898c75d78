import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

producer = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": int(sys.argv[1]), "log_level": 0})
metadata = producer.list_topics(timeout=20)
brokers = ",".join(f"{b.host}:{b.port}" for b in metadata.brokers.values())
print(json.dumps({"brokers": brokers.split(",")[0]}), flush=True)


def produce(topic, partition, records):
    for _ in range(records):
        producer.produce(topic, b"record", partition=partition)
    left = producer.flush(20)
    return left == 0


def commit(group, topic, partition, offset):
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "log_level": 0})
    try:
        done = consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
        return all(p.error is None for p in done)
    finally:
        consumer.close()


orders = {"produce": produce, "commit": commit}
for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = {"ok": orders[order.pop("do")](**order)}
    except Exception as error:
        answer = {"ok": False, "error": str(error)}
    print(json.dumps(answer), flush=True)
