"""The worker: one POST is one attempt of a task. 2xx: done; 429: the queue slows down and tries again later; anything else: again.

Standard library alone. How many tasks come at once is the queue's business (`concurrencyPerReplica`); this program only insists on it.
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
EUR_PER_TOKEN = 0.10 / 1_000_000


class Limited(Exception):
    """The provider has no quota left."""

    def __init__(self, retry_after):
        super().__init__("the provider has no quota left")
        self.retry_after = retry_after


class Attempt:
    """What skala says about this attempt of a task, and what the attempt has spent."""

    def __init__(self, headers):
        self.task = headers.get("Skala-Task-Id", "")
        self.ends = time.monotonic() + float(headers.get("Skala-Timeout", "600"))
        self.cost = 0.0

    def embed(self, texts):
        """Vectors of at most 128 texts."""
        call = urllib.request.Request(PROVIDER, json.dumps({"input": texts}).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(call, timeout=60) as answer:
                self.cost += EUR_PER_TOKEN * sum(text.count(" ") + 1 for text in texts)
                return [item["embedding"] for item in json.load(answer)["data"]]
        except urllib.error.HTTPError as error:
            if error.code == 429:
                raise Limited(error.headers.get("Retry-After", "1")) from error
            raise


class Places:
    """So many at once on this instance; one more is an error of whoever sent it."""

    def __init__(self, count):
        self.count, self.free = count, threading.Semaphore(count)

    def __enter__(self):
        if not self.free.acquire(blocking=False):
            raise RuntimeError(f"more than {self.count} at once on one instance")

    def __exit__(self, *_):
        self.free.release()


def embed_all(attempt, document, rows):
    """Embeds and stores `(place, text)` batch by batch; a batch that is stored is not paid for again by the next attempt."""
    for at in range(0, len(rows), BATCH):
        batch = rows[at : at + BATCH]
        vectors = attempt.embed([text for _, text in batch])
        library.write(document, [(place, text, vector) for (place, text), vector in zip(batch, vectors)])


def refresh(attempt):
    """Embeds the document again whose vectors are oldest; what the schedule does at night."""
    document, rows = library.oldest(attempt.task) or (None, [])
    embed_all(attempt, document, rows)
    return {"refreshed": document, "chunks": len(rows)}


def ingest(attempt, body):
    """Embeds what is missing of a document."""
    if body.get("refresh"):
        return refresh(attempt)
    pieces = library.chunks(body["text"])
    todo = library.missing(body["id"], len(pieces))
    embed_all(attempt, body["id"], [(place, pieces[place]) for place in todo])
    return {"id": body["id"], "chunks": len(pieces), "embedded": len(todo)}


def step(attempt, body):
    """One step of an agent. It stops by itself when its time is over: nobody can end a thread of this process from outside."""
    done = time.monotonic() + float(body.get("seconds", 0.2))
    while time.monotonic() < done:
        if time.monotonic() > attempt.ends:
            print(f"step {attempt.task} of session {body.get('session')} aborted at its time limit", flush=True)
            raise TimeoutError("the step took longer than its time limit")
        time.sleep(0.05)
    return {"session": body.get("session"), "answer": f"{len(body.get('question', ''))} characters were asked"}


WORK = {"/tasks/ingest": (ingest, Places(2)), "/tasks/agent": (step, Places(1))}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path not in WORK:
            return self.answer(404, {"error": "no such work"})
        work, places = WORK[self.path]
        attempt = Attempt(self.headers)
        try:
            with places:
                done = 200, work(attempt, body), {}
        except Limited as limit:
            done = 429, {"error": str(limit)}, {"Retry-After": limit.retry_after}
        except Exception as error:  # whatever it was, the task is to be tried again, and its death is to say why
            done = 500, {"error": repr(error)}, {}
        status, said, headers = done
        self.answer(status, said, {"Skala-Cost": f"{attempt.cost:.6f}", **headers})

    def answer(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    library.prepare()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
