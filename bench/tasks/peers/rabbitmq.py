"""RabbitMQ by AMQP 0-9-1: a durable queue, persistent messages with publisher confirms, a consumer with acks and a prefetch.

The client is some hundred lines over one socket, so that what is measured is the broker rather than a client library.
"""

import os
import socket
import struct
import subprocess

from .common import free_port, wait_port


class Server:
    """A broker of its own in a folder."""

    def __init__(self, folder):
        self.port, dist = free_port(), free_port()
        base = os.path.join(folder, "rabbit")
        os.makedirs(base)
        config = os.path.join(base, "rabbitmq.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.console = false\n")
        env = dict(
            os.environ,
            HOME=base,
            RABBITMQ_NODENAME=f"bench{os.getpid()}@localhost",
            RABBITMQ_CONFIG_FILE=config,
            RABBITMQ_MNESIA_BASE=base,
            RABBITMQ_LOG_BASE=base,
            RABBITMQ_PID_FILE=os.path.join(base, "pid"),
            RABBITMQ_DIST_PORT=str(dist),
            RABBITMQ_ENABLED_PLUGINS_FILE=os.path.join(base, "plugins"),
            ERL_EPMD_ADDRESS="127.0.0.1",
            ERL_EPMD_PORT=str(free_port()),
        )
        program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
        self.process = subprocess.Popen(
            [program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        wait_port(self.port)

    def stop(self):
        import signal

        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def short(text):
    return bytes([len(text)]) + text.encode()


class Client:
    """One connection with one channel."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._expect(10, 10)
        plain = b"\x00guest\x00guest"
        self._method(0, 10, 11, struct.pack(">I", 0) + short("PLAIN") + struct.pack(">I", len(plain)) + plain + short("en_US"))
        self._expect(10, 30)
        self._method(0, 10, 31, struct.pack(">HIH", 2047, 131072, 0))
        self._method(0, 10, 40, short("/") + b"\x00\x00")
        self._expect(10, 41)
        self._call(20, 10, b"\x00", 20, 11)

    def _frame(self, kind, channel, payload):
        return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"

    def _method(self, channel, major, minor, arguments):
        self.socket.sendall(self._frame(1, channel, struct.pack(">HH", major, minor) + arguments))

    def _read(self):
        while True:
            if len(self.buffer) >= 7:
                kind, channel, size = struct.unpack(">BHI", self.buffer[:7])
                if len(self.buffer) >= size + 8:
                    payload, self.buffer = self.buffer[7 : 7 + size], self.buffer[size + 8 :]
                    return kind, channel, payload
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the broker closed the connection")
            self.buffer += data

    def _expect(self, major, minor):
        while True:
            kind, _, payload = self._read()
            if kind == 1:
                got = struct.unpack(">HH", payload[:4])
                if got == (major, minor):
                    return payload[4:]
                if got in ((10, 50), (20, 40)):
                    raise RuntimeError(payload)

    def _call(self, major, minor, arguments, answer_major, answer_minor):
        self._method(1, major, minor, arguments)
        return self._expect(answer_major, answer_minor)

    def prepare(self, queue):
        """A durable queue, confirms, a prefetch of 256."""
        self._call(50, 10, b"\x00\x00" + short(queue) + b"\x02" + struct.pack(">I", 0), 50, 11)
        self._call(85, 10, b"\x00", 85, 11)
        self._call(60, 10, struct.pack(">IHB", 0, 256, 0), 60, 11)

    def publish(self, queue, payload, count, window):
        """Publishes `count` persistent messages with at most `window` not yet confirmed."""
        method = self._frame(1, 1, struct.pack(">HH", 60, 40) + b"\x00\x00" + short("") + short(queue) + b"\x00")
        head = self._frame(2, 1, struct.pack(">HHQH", 60, 0, len(payload), 0x1000) + b"\x02")
        one = method + head + self._frame(3, 1, payload)
        sent = acked = 0
        while acked < count:
            room = min(window - (sent - acked), count - sent)
            if room > 0:
                self.socket.sendall(one * room)
                sent += room
            kind, _, payload_ = self._read()
            if kind == 1 and struct.unpack(">HH", payload_[:4]) == (60, 80):
                tag, multiple = struct.unpack(">QB", payload_[4:13])
                acked = max(acked, tag - self.base) if multiple & 1 else acked + 1
        self.base += count

    base = 0

    def consume(self, queue, count, batch):
        """Gets and acknowledges `count` messages, acknowledging `batch` at a time."""
        self._method(1, 60, 20, b"\x00\x00" + short(queue) + short("bench") + b"\x00" + struct.pack(">I", 0))
        done, tag = 0, 0
        while done < count:
            kind, _, payload = self._read()
            if kind == 1 and struct.unpack(">HH", payload[:4]) == (60, 60):
                at = 5 + payload[4]
                (tag,) = struct.unpack(">Q", payload[at : at + 8])
            elif kind == 3:
                done += 1
                if done % batch == 0 or done == count:
                    self._method(1, 60, 80, struct.pack(">QB", tag, 1))
