"""A small web backend: a health page, a search that takes a while, and documents that are posted."""

import os
import time

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/health")
def health():
    return "ok\n"


@app.get("/search")
def search():
    """Waits as a query to a vector store does; `ms` says how long, at most a minute."""
    time.sleep(min(request.args.get("ms", default=30, type=int), 60_000) / 1000)
    return jsonify(results=[], worker=os.getpid())


@app.post("/documents")
def documents():
    """Takes a document and says how large it is."""
    return jsonify(bytes=len(request.get_data()), worker=os.getpid()), 201
