"""NATS JetStream by its text protocol: a stream in a file, publishes that are acknowledged, a pull consumer with explicit acks.

The client is some sixty lines over one socket, so that what is measured is the server rather than a client library.
"""

import json
import os
import shutil
import socket
import subprocess

from .common import free_port, wait_port


class Server:
    """A nats-server with JetStream, of Debian's 2.9: it writes to the disk's cache and syncs every two minutes; that cannot be set."""

    def __init__(self, folder):
        self.port = free_port()
        config = os.path.join(folder, "nats.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'port: {self.port}\nhost: 127.0.0.1\njetstream {{ store_dir: "{folder}/nats" }}\n')
        self.process = subprocess.Popen([shutil.which("nats-server", path=os.environ["PATH"] + ":/usr/sbin"), "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Client:
    """One connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.serial = b"", 0
        self._line()  # INFO
        self.socket.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\nSUB inbox.> 1\r\nPING\r\n')
        while self._line() != b"PONG":
            pass

    def _more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def messages(self):
        """Next message: its reply subject and payload."""
        while True:
            line = self._line()
            if line == b"PING":
                self.socket.sendall(b"PONG\r\n")
                continue
            if not line.startswith((b"MSG", b"HMSG")):
                continue
            parts = line.split()
            length = int(parts[-1])
            head = int(parts[-2]) if line.startswith(b"HMSG") else 0
            while len(self.buffer) < length + 2:
                self._more()
            payload, self.buffer = self.buffer[head:length], self.buffer[length + 2 :]
            plain = 4 if line.startswith(b"MSG") else 5
            yield (parts[3] if len(parts) > plain else b""), payload, self.status_of(head)

    @staticmethod
    def status_of(head):
        return head > 0

    def ask(self, subject, body):
        """Request and answer, as JSON."""
        self.serial += 1
        data = json.dumps(body).encode()
        self.socket.sendall(f"PUB {subject} inbox.{self.serial} {len(data)}\r\n".encode() + data + b"\r\n")
        return json.loads(next(self.messages())[1] or b"{}")

    def publish(self, subject, payload, count, window):
        """Publishes `count` messages with at most `window` not yet acknowledged."""
        one = f"PUB {subject} inbox.p {len(payload)}\r\n".encode() + payload + b"\r\n"
        sent = acked = 0
        answers = self.messages()
        while acked < count:
            room = min(window - (sent - acked), count - sent)
            if room > 0:
                self.socket.sendall(one * room)
                sent += room
            next(answers)
            acked += 1
            while b"\r\n" in self.buffer and acked < sent and self.buffer.count(b"\r\n") >= 2:
                next(answers)
                acked += 1

    def consume(self, stream, consumer, count, batch):
        """Fetches and acknowledges `count` messages, `batch` at a time."""
        done = 0
        answers = self.messages()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        while done < count:
            ask = json.dumps({"batch": min(batch, count - done), "expires": 5_000_000_000}).encode()
            self.socket.sendall(f"PUB {subject} inbox.c {len(ask)}\r\n".encode() + ask + b"\r\n")
            acks = []
            for _ in range(min(batch, count - done)):
                reply, _payload, is_status = next(answers)
                if is_status:
                    break
                acks.append(b"PUB " + reply + b" 4\r\n+ACK\r\n")
            self.socket.sendall(b"".join(acks))
            done += len(acks)
        self.socket.sendall(b"PING\r\n")


def prepare(client):
    """A work-queue stream in a file and its durable consumer."""
    made = client.ask("$JS.API.STREAM.CREATE.TASKS", {"name": "TASKS", "subjects": ["tasks"], "retention": "workqueue", "storage": "file"})
    if "error" in made:
        raise RuntimeError(made["error"])
    consumer = {"durable_name": "W", "ack_policy": "explicit", "max_ack_pending": 20000}
    made = client.ask("$JS.API.CONSUMER.DURABLE.CREATE.TASKS.W", {"stream_name": "TASKS", "config": consumer})
    if "error" in made:
        raise RuntimeError(made["error"])
