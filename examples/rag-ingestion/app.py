"""The web side: takes documents and questions, hands the slow work to queues, and answers with a task id at once."""

import hashlib
import json
import os
import urllib.error
import urllib.request

from flask import Flask, Response, jsonify, request

import library

library.prepare()
app = Flask(__name__)
TASKS = os.environ["SKALA_TASKS_URL"]
TOKEN = os.environ.get("SKALA_TASKS_TOKEN")


def tasks(method, path, body=None):
    """One call of the task API: its status and answer."""
    headers = {"Content-Type": "application/json"}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(TASKS + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def answered(status, body):
    return Response(body, status, content_type="application/json")


@app.get("/health")
def health():
    return "ok\n"


@app.post("/documents")
def documents():
    """`{"id", "text", "tenant"}`: the same text of the same document is ingested once, however often it is posted."""
    document = request.get_json()
    digest = hashlib.sha256(document["text"].encode()).hexdigest()[:16]
    task = {
        "name": "ingest",
        "body": {"id": document["id"], "text": document["text"]},
        "tenant": document.get("tenant", ""),
        "key": f"{document['id']}:{digest}",
    }
    return answered(*tasks("POST", "/v1/queues/ingestion/tasks", task))


@app.get("/documents/<name>")
def document(name):
    """How many chunks of it can be searched, and how often they were written: as often, unless it was refreshed."""
    chunks, writes = library.counts(name)
    return jsonify(id=name, chunks=chunks, writes=writes)


@app.post("/questions")
def questions():
    """`{"session", "question"}`: one step of an agent."""
    question = request.get_json()
    return answered(*tasks("POST", "/v1/queues/agents/tasks", {"name": "step", "body": question}))


@app.get("/tasks/<name>")
def task(name):
    """State and result of a task; `?wait=20s` waits for its end."""
    wait = request.args.get("wait")
    return answered(*tasks("GET", f"/v1/tasks/{name}" + (f"?wait={wait}" if wait else "")))
