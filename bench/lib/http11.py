"""A small HTTP/1.1 client for asyncio: keep-alive connections, one request at a time on each, bodies whole or chunk by chunk.

It never sends a request a second time, so that what it counts as failed has failed once.
"""

import asyncio
import time

# The gateway closes a connection that idled for 75 s; one that is used again before this cannot be hit by that.
MAX_IDLE = 30


class Broken(Exception):
    """The answer was cut, malformed or late."""


class Client:
    """Requests to one address with one host name."""

    def __init__(self, address, host, timeout=30):
        self.address, self.port = address.rsplit(":", 1)
        self.host, self.timeout, self.idle = host, timeout, []

    async def request(self, method, path, body=b"", on_data=None):
        """Status and body. `on_data` gets each piece of the body as it comes."""
        try:
            return await asyncio.wait_for(self._request(method, path, body, on_data), self.timeout)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError) as error:
            raise Broken(f"{method} {path}: {error!r}") from error

    async def _request(self, method, path, body, on_data):
        reader, writer = self._waiting() or await asyncio.open_connection(self.address, int(self.port))
        whole = False
        try:
            head = f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            pieces = []
            async for piece in self._body(reader, headers):
                pieces.append(piece)
                if on_data:
                    on_data(piece)
            whole = headers.get("connection", "").lower() != "close"
            return status, b"".join(pieces)
        finally:
            if whole:
                self.idle.append((time.monotonic(), reader, writer))
            else:
                writer.close()

    def _waiting(self):
        while self.idle:
            since, reader, writer = self.idle.pop()
            if time.monotonic() - since < MAX_IDLE and not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    @staticmethod
    async def _body(reader, headers):
        if headers.get("transfer-encoding", "").lower() != "chunked":
            left = int(headers["content-length"])
            while left:
                piece = await reader.readexactly(min(left, 65536))
                left -= len(piece)
                yield piece
            return
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            piece = await reader.readexactly(size + 2)
            if size == 0:
                return
            yield piece[:-2]

    def close(self):
        """Closes idle connections."""
        while self.idle:
            self.idle.pop()[2].close()
