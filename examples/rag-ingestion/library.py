"""The documents: chunks with their vectors in SQLite. A chunk is written under document and place, so that a repetition changes nothing."""

import json
import os
import re
import sqlite3
import tempfile
import time

PATH = os.environ.get("LIBRARY", os.path.join(tempfile.gettempdir(), "rag-library.db"))
CHUNK, OVERLAP = 800, 80
TABLES = """
CREATE TABLE IF NOT EXISTS chunk(document TEXT, place INTEGER, text TEXT, vector TEXT, written REAL, writes INTEGER DEFAULT 1, PRIMARY KEY(document, place));
"""


def connect():
    base = sqlite3.connect(PATH, timeout=30)
    base.execute("PRAGMA journal_mode=WAL")
    base.executescript(TABLES)
    return base


def chunks(text):
    """Pieces of 800 tokens, each beginning 80 before the end of the one before. A token is a word or a mark here."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    step = CHUNK - OVERLAP
    return [" ".join(tokens[at : at + CHUNK]) for at in range(0, max(len(tokens) - OVERLAP, 1), step)]


def missing(document, count):
    """Places of a document that have no vector yet."""
    with connect() as base:
        there = {place for (place,) in base.execute("SELECT place FROM chunk WHERE document = ?", (document,))}
    return [place for place in range(count) if place not in there]


def write(document, rows):
    """Stores `(place, text, vector)`; counts how often each was written."""
    with connect() as base:
        base.executemany(
            "INSERT INTO chunk(document, place, text, vector, written) VALUES (?, ?, ?, ?, ?) ON CONFLICT(document, place)"
            " DO UPDATE SET vector = excluded.vector, written = excluded.written, writes = writes + 1",
            [(document, place, text, json.dumps(vector), time.time()) for place, text, vector in rows],
        )


def chunks_of(document):
    with connect() as base:
        return base.execute("SELECT count(*) FROM chunk WHERE document = ?", (document,)).fetchone()[0]


def oldest():
    """The document whose vectors are oldest, with its chunks; none when there is none."""
    with connect() as base:
        first = base.execute("SELECT document FROM chunk ORDER BY written LIMIT 1").fetchone()
        if first is None:
            return None
        return first[0], base.execute("SELECT place, text FROM chunk WHERE document = ?", first).fetchall()
