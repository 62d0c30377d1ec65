"""A small load generator over plain sockets: closed loop (as fast as it goes) or open loop (so many requests a second)."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

END = b"\r\n\r\n"


@dataclass
class Load:
    """Seconds of each answer, statuses, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.wall

    def at(self, share: float) -> float:
        """Milliseconds within which that share was answered."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._done: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(ConnectionError("closed"))

    def ask(self, raw: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._done = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._done.set_exception(ConnectionError("closed"))
        else:
            self._transport.write(raw)
        return self._done

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(END)
        if head < 0:
            return
        status, at = int(self._buffer[9:12]), self._buffer[:head].lower().find(b"content-length: ")
        length = 0 if at < 0 else int(self._buffer[at + 16 : self._buffer.find(b"\r", at)])
        whole = head + 4 + length
        if len(self._buffer) >= whole and self._done and not self._done.done():
            body, self._buffer = self._buffer[head + 4 : whole], self._buffer[whole:]
            self._done.set_result((status, body))


def raw(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if body:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return "\r\n".join(lines).encode() + END + body


async def _worker(
    port: int, requests: Iterator[bytes], until: float, load: Load, gap: float, first: float, check: Callable[[int, bytes], None] | None
) -> None:
    loop = asyncio.get_running_loop()
    due, connection = first, None
    while time.perf_counter() < until:
        if gap:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            begin, due = max(due, first), due + gap  # an open loop counts the time a request waited to be sent
        else:
            begin = time.perf_counter()
        try:
            if connection is None:
                _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
            status, body = await asyncio.wait_for(connection.ask(next(requests)), 30) if gap else await connection.ask(next(requests))
        except (OSError, TimeoutError) as error:
            load.errors[type(error).__name__] += 1
            connection = None
            await asyncio.sleep(0.05)
            continue
        load.seconds.append(time.perf_counter() - begin)
        load.statuses[status] += 1
        if check:
            check(status, body)


async def _run(
    port: int, requests: Sequence[bytes], seconds: float, connections: int, rate: float | None, check: Callable[[int, bytes], None] | None
) -> Load:
    load, begin = Load(), time.perf_counter()
    gap = connections / rate if rate else 0.0
    source = itertools.cycle(requests)
    await asyncio.gather(
        *(_worker(port, source, begin + seconds, load, gap, begin + gap * i / connections, check) for i in range(connections))
    )
    load.wall = time.perf_counter() - begin
    return load


def hammer(
    port: int,
    requests: Sequence[bytes],
    seconds: float,
    *,
    connections: int = 16,
    rate: float | None = None,
    check: Callable[[int, bytes], None] | None = None,
) -> Load:
    """Send `requests` over and over for some seconds; with `rate`, so many a second and no more."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, seconds, connections, rate, check))
