#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A consumer of payment events: keeps the price list and the income in SQLite and prints each event once.

    KAFKA_BROKERS=127.0.0.1:9092 python3 consumer.py [--replay]

--replay reads the topics from their beginning again. Needs confluent-kafka (requirements.txt). How it all fits together:
docs/consume-payment-events.md.
"""
import json
import os
import signal
import sqlite3
import sys
from decimal import Decimal

from confluent_kafka import OFFSET_BEGINNING, Consumer

TABLES = """
CREATE TABLE IF NOT EXISTS seen (source TEXT, id TEXT, PRIMARY KEY (source, id));
CREATE TABLE IF NOT EXISTS prices (package_id TEXT PRIMARY KEY, name TEXT, cents INTEGER);
CREATE TABLE IF NOT EXISTS income (purchase_id TEXT PRIMARY KEY, cents INTEGER, receipt TEXT);
"""


def price_changed(books, data):
    """The last event of a package wins: a package's events come in their order."""
    row = data["package_id"], data["name"], int(data["price"] * 100)
    books.execute("INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", row)
    return f"price {row[0]} {row[2]}"


def purchase_paid(books, data):
    row = data["purchase_id"], int(data["amount_charged"] * 100), data["receipt"]
    books.execute("INSERT OR REPLACE INTO income VALUES (?, ?, ?)", row)
    return f"income {row[0]} {row[1]}"


# Other types on these topics, and members of the data that are not read above, pass unnoticed.
HANDLERS = {
    "ke.domesticconnect.package.changed.v1": price_changed,
    "ke.domesticconnect.purchase.completed.v1": purchase_paid,
}
TOPICS = ["dc.payments.packages", "dc.payments.purchases"]


def apply(books, message):
    """The effect and the event's id in one transaction: what comes a second time does nothing."""
    headers = {name: value.decode() for name, value in message.headers() or []}
    handler = HANDLERS.get(headers.get("ce_type"))
    if not handler:
        return
    with books:
        if books.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (headers["ce_source"], headers["ce_id"])).rowcount == 0:
            return
        line = handler(books, json.loads(message.value(), parse_float=Decimal))
    print(line, flush=True)


def rewind(consumer, partitions):
    for partition in partitions:
        partition.offset = OFFSET_BEGINNING
    consumer.assign(partitions)


def main():
    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    books = sqlite3.connect(os.environ.get("BOOKS", "books.sqlite"))
    books.executescript(TABLES)
    consumer = Consumer({
        "bootstrap.servers": os.environ["KAFKA_BROKERS"],
        "group.id": os.environ.get("GROUP", "books-python"),  # one name for each use; processes of one name share the work
        "auto.offset.reset": "earliest",    # a new group starts with the oldest event, not with the next
        "enable.auto.offset.store": False,  # stored below, once the effect is committed
        "session.timeout.ms": 6000,         # after a crash, the next process need not wait 45 s for the partitions
    })
    if "--replay" in sys.argv:
        with books:
            books.execute("DELETE FROM seen")
        consumer.subscribe(TOPICS, on_assign=rewind)
    else:
        consumer.subscribe(TOPICS)
    while not stopping:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():  # the client recovers by itself; what it cannot recover from is fatal
            print(message.error(), file=sys.stderr)
            if message.error().fatal():
                sys.exit(1)
            continue
        apply(books, message)  # raises: the process ends, the event is not lost and comes again at the next start
        consumer.store_offsets(message)
    consumer.close()  # commits what is stored, and leaves the group at once


if __name__ == "__main__":
    main()
