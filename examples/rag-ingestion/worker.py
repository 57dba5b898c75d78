"""The worker: one POST is one attempt of a task. 2xx: done; 429: the queue slows down and tries again later; anything else: again.

Standard library alone. How many tasks come at once is the queue's business (`concurrencyPerReplica`), not this program's.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import library

BATCH = 128
PROVIDER = os.environ.get("EMBEDDINGS_URL") or os.environ.get("SKALA_GATEWAY_URL", "") + "/mock/v1/embeddings"
STEP_SECONDS = float(os.environ.get("STEP_SECONDS", "0.2"))


class Limited(Exception):
    """The provider has no quota left."""

    def __init__(self, retry_after):
        super().__init__("the provider has no quota left")
        self.retry_after = retry_after


def embed(texts):
    """Vectors of at most 128 texts."""
    call = urllib.request.Request(PROVIDER, json.dumps({"input": texts}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            return [item["embedding"] for item in json.load(answer)["data"]]
    except urllib.error.HTTPError as error:
        if error.code == 429:
            raise Limited(error.headers.get("Retry-After", "1")) from error
        raise


def refresh():
    """Embeds the document again whose vectors are oldest; what the schedule does at night."""
    found = library.oldest()
    if found is None:
        return {"refreshed": None}
    document, rows = found
    for at in range(0, len(rows), BATCH):
        batch = rows[at : at + BATCH]
        vectors = embed([text for _, text in batch])
        library.write(document, [(place, text, vector) for (place, text), vector in zip(batch, vectors)])
    return {"refreshed": document}


def ingest(task):
    """Embeds what is missing, batch by batch; a batch that is stored is not paid for again by the next attempt."""
    if task.get("refresh"):
        return refresh()
    pieces = library.chunks(task["text"])
    todo = library.missing(task["id"], len(pieces))
    for at in range(0, len(todo), BATCH):
        places = todo[at : at + BATCH]
        vectors = embed([pieces[place] for place in places])
        library.write(task["id"], [(place, pieces[place], vector) for place, vector in zip(places, vectors)])
    return {"id": task["id"], "chunks": len(pieces), "embedded": len(todo)}


class Agent:
    """One step at a time, for its state is one."""

    def __init__(self):
        self.lock, self.most = threading.Lock(), 0

    def step(self, task):
        if not self.lock.acquire(blocking=False):
            raise RuntimeError("two steps at once on one instance")
        try:
            time.sleep(STEP_SECONDS)
            return {"session": task.get("session"), "answer": f"{len(task.get('question', ''))} characters were asked"}
        finally:
            self.lock.release()


AGENT = Agent()
PATHS = {"/tasks/ingest": ingest, "/tasks/agent": AGENT.step}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, {})

    def do_POST(self):
        task = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        work = PATHS.get(self.path)
        try:
            self.answer(200, work(task)) if work else self.answer(404, {})
        except Limited as limit:
            self.answer(429, {"error": str(limit)}, {"Retry-After": limit.retry_after})
        except Exception as error:  # whatever it was, the task is to be tried again, and its death is to say why
            self.answer(500, {"error": repr(error)})

    def answer(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
