"""The documents: chunks with their vectors in SQLite. A chunk is written under document and place, so that a repetition changes nothing."""

import contextlib
import fcntl
import json
import os
import re
import sqlite3
import time

PATH = os.environ.get("LIBRARY", "library.db")
CHUNK, OVERLAP = 800, 80
TABLES = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS chunk(document TEXT, place INTEGER, text TEXT, vector TEXT, writes INTEGER DEFAULT 1, PRIMARY KEY(document, place));
CREATE TABLE IF NOT EXISTS document(name TEXT PRIMARY KEY, embedded REAL, refresher TEXT);
"""


def prepare():
    """Makes the tables; one process at a time, for SQLite does not wait its turn when it changes to a write-ahead log."""
    with open(PATH + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(PATH, timeout=30)) as base:
            base.executescript(TABLES)


@contextlib.contextmanager
def transaction():
    """One transaction that writes; those of others wait."""
    with contextlib.closing(sqlite3.connect(PATH, timeout=30, isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        with base:
            yield base


def chunks(text):
    """Pieces of 800 tokens, each beginning 80 before the end of the one before. A token is a word or a mark here."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    step = CHUNK - OVERLAP
    return [" ".join(tokens[at : at + CHUNK]) for at in range(0, max(len(tokens) - OVERLAP, 1), step)]


def missing(document, count):
    """Places of a document that have no vector yet."""
    with transaction() as base:
        there = {place for (place,) in base.execute("SELECT place FROM chunk WHERE document = ?", (document,))}
    return [place for place in range(count) if place not in there]


def write(document, rows):
    """Stores `(place, text, vector)`; counts how often each was written."""
    with transaction() as base:
        base.executemany(
            "INSERT INTO chunk(document, place, text, vector) VALUES (?, ?, ?, ?) ON CONFLICT(document, place)"
            " DO UPDATE SET vector = excluded.vector, writes = writes + 1",
            [(document, place, text, json.dumps(vector)) for place, text, vector in rows],
        )
        base.execute("INSERT INTO document(name, embedded) VALUES (?, ?) ON CONFLICT(name) DO NOTHING", (document, time.time()))


def counts(document):
    """How many chunks of it can be searched, and how often they were written."""
    with transaction() as base:
        return base.execute("SELECT count(*), coalesce(sum(writes), 0) FROM chunk WHERE document = ?", (document,)).fetchone()


def oldest(task):
    """The document whose vectors are oldest, with its chunks; none when there is none. It is this task's from then on: its next attempt gets
    the same one, and another task another one."""
    with transaction() as base:
        found = base.execute("SELECT name FROM document WHERE refresher = ?", (task,)).fetchone()
        found = found or base.execute("SELECT name FROM document ORDER BY embedded LIMIT 1").fetchone()
        if found is None:
            return None
        base.execute("UPDATE document SET refresher = ?, embedded = ? WHERE name = ?", (task, time.time(), found[0]))
        return found[0], base.execute("SELECT place, text FROM chunk WHERE document = ? ORDER BY place", found).fetchall()
