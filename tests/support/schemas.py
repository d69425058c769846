# SPDX-License-Identifier: MIT
"""Holds what we publish about events against the standards, and what we send against what we publish.

    schemas.py documents    schemas/events/ are JSON Schemas, schemas/asyncapi.json is AsyncAPI 3.0 and has them all, and
                            docs/consume-payment-events.md has those of payments
    schemas.py broker       every record on the broker is the CloudEvent that its schema promises

asyncapi-3.0.0.json.gz is schemas/3.0.0-without-$id.json of @asyncapi/specs 6.11.1, unchanged (Apache-2.0).
"""
import gzip
import json
import os
import sys
from collections import Counter
from pathlib import Path

import jsonschema_rs
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "ke.domesticconnect."
EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "schemas/events").glob("*.json"))}
ASYNCAPI = json.loads((ROOT / "schemas/asyncapi.json").read_text())
problems = []


def expect(holds, sentence):
    if not holds:
        problems.append(sentence)


def errors(validator, value):
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(value)]


# --- documents -------------------------------------------------------------------------------------


def check_event(name, schema):
    """A schema of its own, titled by its type, whose key is always there, and whose message stands in its channel alone."""
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.validator_for(schema)  # raises where a reference leads nowhere
    expect(schema["title"] == PREFIX + name, f"{name} is titled {schema['title']}")
    if "x-tombstone" not in schema:
        key = schema["x-key"]
        expect(key in schema["required"] and schema["properties"][key]["type"] == "string", f"{name}: its key {key} may be missing")
    channels = [topic for topic, channel in ASYNCAPI["channels"].items() if name in channel["messages"]]
    expect(channels == [schema["x-topic"]], f"{name} stands in the channels {channels}")
    kafka = ASYNCAPI["channels"][schema["x-topic"]]["bindings"]["kafka"]
    promised = {"cleanup.policy": ["compact" if schema["x-compacted"] else "delete"], "retention.ms": schema["x-retention-ms"]}
    expect(kafka["partitions"] == schema["x-partitions"], f"{name}: partitions differ from its channel's")
    expect(kafka["topicConfiguration"] == promised, f"{name}: retention differs from its channel's")


def check_message(name, schema):
    message = ASYNCAPI["components"]["messages"].get(name, {})
    hoisted = ("$id", "components") if "components" in schema else ()
    payload = {member: value for member, value in schema.items() if member not in hoisted}
    expect(message.get("name") == schema["title"] and message.get("payload") == payload, f"{name} is not in asyncapi.json as it is")
    key = message.get("bindings", {}).get("kafka", {}).get("key", {}).get("description")
    expect(key == schema["x-key"], f"{name}: its key in asyncapi.json is {key}")


def references(value):
    if isinstance(value, dict):
        yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def leads_somewhere(reference):
    place = ASYNCAPI
    for part in reference.removeprefix("#/").split("/"):
        place = place.get(part, {})
    return bool(place)


def check_page():
    """The table of topics on the page: key, partitions, what is kept, and every event."""
    rows = {row.split("`")[1]: row for row in (ROOT / "docs/consume-payment-events.md").read_text().splitlines() if row.startswith("| `dc.")}
    told = {}
    for name, schema in EVENTS.items():
        if schema["x-topic"].startswith("dc.payments."):
            told.setdefault(schema["x-topic"], (schema, []))[1].append(name.rsplit(".", 1)[0])
    expect(set(rows) == set(told), f"the page has the topics {sorted(rows)}, payments has {sorted(told)}")
    for topic, (schema, events) in told.items():
        cells = [cell.strip() for cell in rows.get(topic, "|" * 6).split("|")]
        kept = "the last of each key" if schema["x-compacted"] else "all, for ever" if schema["x-retention-ms"] < 0 else "not for ever"
        expect(cells[2:5] == [f"`{schema['x-key']}`", str(schema["x-partitions"]), kept], f"the page says of {topic}: {cells[2:5]}")
        expect(sorted(cells[5].replace("`", "").split()) == sorted(events), f"the page has other events of {topic} than {events}")


def documents():
    official = json.loads(gzip.decompress((ROOT / "tests/fixtures/asyncapi-3.0.0.json.gz").read_bytes()))
    problems.extend(f"asyncapi.json {error}" for error in errors(jsonschema_rs.validator_for(official), ASYNCAPI))
    for name, schema in EVENTS.items():
        check_event(name, schema)
        check_message(name, schema)
    expect(set(ASYNCAPI["components"]["messages"]) == set(EVENTS), "asyncapi.json has messages that are no events")
    for reference in references(ASYNCAPI):
        expect(leads_somewhere(reference), f"asyncapi.json: {reference} leads nowhere")
    check_page()
    print(f"{len(EVENTS)} events, {len(ASYNCAPI['channels'])} channels")


# --- broker ----------------------------------------------------------------------------------------


def records():
    """Every record of our topics, from the beginning to where they end now."""
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BROKERS"], "group.id": "schemas", "enable.auto.commit": False,
                         "enable.partition.eof": True})
    on_broker = consumer.list_topics(timeout=10).topics
    for topic, channel in ASYNCAPI["channels"].items():
        expect(topic in on_broker, f"{topic} is not on the broker")
        expect(len(on_broker[topic].partitions) == channel["bindings"]["kafka"]["partitions"], f"{topic} has other partitions")
    assigned = [TopicPartition(topic, partition, OFFSET_BEGINNING) for topic in ASYNCAPI["channels"] for partition in on_broker[topic].partitions]
    consumer.assign(assigned)
    left = len(assigned)
    while left:
        record = consumer.poll(10)
        if record is None:
            raise SystemExit("the broker does not answer")
        if record.error() and record.error().code() == KafkaError._PARTITION_EOF:
            left -= 1
        elif not record.error():
            yield record
    consumer.close()


def check_order(place, headers, key, told):
    """After the one before of its key; what was told again after a crash does not count."""
    last = told.setdefault("last", {})
    once = (headers["ce_source"], headers["ce_id"])
    if once not in told:
        expect(last.get(key, "") < headers["ce_sequence"], f"{place}: not after {last.get(key)}, the one before of its key")
        last[key] = headers["ce_sequence"]
    told[once] = True


def check_record(record, validators, headers_validator, told):
    headers = {name: value.decode() for name, value in record.headers() or []}
    if not (ROOT / headers.get("ce_source", "").strip("/")).is_dir():
        return "of services that are not ours"
    name = headers.get("ce_type", "").removeprefix(PREFIX)
    place = f"{record.topic()}/{record.partition()}@{record.offset()} {name}"
    key = (record.key() or b"").decode()
    problems.extend(f"{place}: header {error}" for error in errors(headers_validator, headers))
    if name not in EVENTS:
        return expect(False, f"{place}: no such event")
    schema = EVENTS[name]
    data = json.loads(record.value()) if record.value() else None
    problems.extend(f"{place}: {error}" for error in errors(validators[name], data))
    expect(record.topic() == schema["x-topic"], f"{place}: it belongs to {schema['x-topic']}")
    expect(headers.get("content-type") == (None if data is None else "application/json"), f"{place}: content-type")
    expect(headers["ce_subject"] == key, f"{place}: its subject is not its key")
    expect(data is None or data.get(schema["x-key"]) == key, f"{place}: its key is not its {schema['x-key']}")
    check_order(place, headers, key, told)
    return name


def broker():
    validators = {name: jsonschema_rs.validator_for(schema, validate_formats=True) for name, schema in EVENTS.items()}
    headers_validator = jsonschema_rs.validator_for(ASYNCAPI["components"]["messageTraits"]["cloudevent"]["headers"])
    told = {topic: {} for topic in ASYNCAPI["channels"]}
    count = Counter(check_record(record, validators, headers_validator, told[record.topic()]) for record in records())
    for name in EVENTS:
        print(f"{count[name]:6} {name}")
    expect(count["package.changed.v1"] > 0 and count["user.registered.v1"] > 0, "there was nothing to look at")


{"documents": documents, "broker": broker}[sys.argv[1]]()
for problem in problems[:50]:
    print(problem, file=sys.stderr)
sys.exit(1 if problems else 0)
