"""A stand-in for an embedding provider: vectors of eight numbers, and a quota of requests per window with 429 and Retry-After beyond it."""

import hashlib
import json
import math
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUOTA = int(os.environ.get("QUOTA", "60"))
WINDOW = float(os.environ.get("WINDOW_SECONDS", "60"))
TAKES = float(os.environ.get("TAKES_SECONDS", "0.3"))
LOCK = threading.Lock()
STATE = {"from": time.monotonic(), "used": 0, "served": 0, "refused": 0, "largest": 0}


def admit(count):
    """Whole seconds until the next window when the quota is used up, else none."""
    with LOCK:
        now = time.monotonic()
        if now - STATE["from"] >= WINDOW:
            STATE.update({"from": now, "used": 0})
        STATE["largest"] = max(STATE["largest"], count)
        if STATE["used"] >= QUOTA:
            STATE["refused"] += 1
            return max(1, math.ceil(STATE["from"] + WINDOW - now))
        STATE["used"] += 1
        STATE["served"] += 1
        return None


def vector(text):
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        self.answer(200, STATE if self.path.endswith("/counts") else {})

    def do_POST(self):
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        if len(texts) > 128:
            return self.answer(400, {"error": {"message": "at most 128 texts at once"}})
        wait = admit(len(texts))
        if wait is not None:
            return self.answer(429, {"error": {"message": "rate limit"}}, {"Retry-After": str(wait)})
        time.sleep(TAKES)
        self.answer(200, {"data": [{"index": i, "embedding": vector(text)} for i, text in enumerate(texts)]})

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
