"""Ten times more requests than the server can answer: throughput, refusals, and recovery.

First the capacity: as many clients as the server has places send requests without a pause. Then requests come at ten
times that rate, whether or not earlier ones were answered, each timed from the moment it was due. The load comes from
one thread; its share of the machine is reported, because on few cores it is taken from the server.
"""

import asyncio
import collections
import contextlib
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import psutil

from benchmarks.serving.client import Address, Connection, first_answer
from benchmarks.serving.server import Server, finish, parser, sample_requests, served
from benchmarks.shared import processes, results, script
from benchmarks.shared.results import Row
from retort.errors import RunError

TIMES = 10
GOODPUT, REFUSALS_MS, RECOVERY_SECONDS, SLOWER = 0.9, 50.0, 2.0, 1.5
_CLIENTS = 8  # of the capacity: as many as the server has places
# Requests that fall due within it are sent together, which uses less of the machine.
_TICK_SECONDS = 0.004
_MOST_CONNECTIONS = 400
_GIVE_UP_SECONDS = 15.0
_SETTLED_CALLS = 9


@dataclass
class Counts:
    """What a load met. latencies: seconds by status; ends: when each 200 came, in seconds from the start.

    ended_at: the end of the load on `time.perf_counter`; processor seconds and other load are those until then.
    """

    seconds: float = 0.0
    offered: int = 0
    latencies: dict[int, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    ends: list[float] = field(default_factory=list)
    lost: int = 0
    unanswered: int = 0
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    other_load: float = math.nan
    ended_at: float = math.nan

    @property
    def goodput(self) -> float:
        """Comments answered per second during the load."""
        return sum(end <= self.seconds for end in self.ends) / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Comments answered per processor second of server and load, which other programs affect less."""
        return self.goodput * self.seconds / (self.client_cpu + self.server_cpu)

    @property
    def server_share(self) -> float:
        """The server's share of all cores."""
        return self.server_cpu / self.seconds / (psutil.cpu_count() or 1)

    def refusals(self) -> list[float]:
        """Seconds to each refusal (429 or 503)."""
        return self.latencies.get(429, []) + self.latencies.get(503, [])

    def server_errors(self) -> int:
        """The number of 5xx other than 503."""
        return sum(len(seconds) for status, seconds in self.latencies.items() if status >= 500 and status != 503)


class Load:
    """Requests on kept connections from one thread."""

    def __init__(self, server: Server, requests: Sequence[bytes]) -> None:
        self._server = server
        self.requests = itertools.cycle(requests)
        self.idle: collections.deque[_Caller] = collections.deque()
        self.callers: set[_Caller] = set()
        self.counts = Counts()
        self.began = 0.0

    def closed_loop(self, connections: int, seconds: float) -> Counts:
        """Each connection sends its next request as soon as it has an answer."""
        return asyncio.run(self._run(seconds, lambda now: [now] * (connections - self._waiting())))

    def open_loop(self, rate: float, seconds: float) -> Counts:
        """`rate` requests per second, evenly spaced, regardless of answers."""
        upcoming = collections.deque(number / rate for number in range(int(seconds * rate)))

        def due(now: float) -> list[float]:
            ready = []
            while upcoming and self.began + upcoming[0] <= now:
                ready.append(self.began + upcoming.popleft())
            return ready

        return asyncio.run(self._run(seconds, due))

    def _waiting(self) -> int:
        return sum(caller.due is not None for caller in self.callers)

    async def _run(self, seconds: float, due: Callable[[float], list[float]]) -> Counts:
        counts, late = self.counts, collections.deque[float]()
        server_cpu, client_cpu = self._server.cpu_seconds(), time.process_time()
        self.began = time.perf_counter()
        counts.seconds, counts.ended_at = seconds, self.began + seconds
        with self._server.other_load() as load:
            while (now := time.perf_counter()) < counts.ended_at:
                late.extend(due(now))
                while late and (caller := await self._free()):
                    counts.offered += 1
                    caller.send(late.popleft())
                await asyncio.sleep(_TICK_SECONDS)
        counts.other_load = load.share
        counts.client_cpu = time.process_time() - client_cpu
        counts.server_cpu = self._server.cpu_seconds() - server_cpu
        while self._waiting() and time.perf_counter() < counts.ended_at + _GIVE_UP_SECONDS:
            await asyncio.sleep(_TICK_SECONDS)
        counts.unanswered = self._waiting()
        for caller in [*self.callers]:
            caller.due = None
            caller.transport.close()
        return counts

    async def _free(self) -> "_Caller | None":
        """A connection without a request; None when all wait for answers and no more may be opened."""
        if not self.idle and len(self.callers) < _MOST_CONNECTIONS:
            await asyncio.get_running_loop().create_connection(lambda: _Caller(self), *self._server.address)
        return self.idle.popleft() if self.idle else None


class _Caller(asyncio.Protocol):
    """One connection of a load. due: when its request was due; None without one."""

    transport: asyncio.Transport

    def __init__(self, load: Load) -> None:
        self._load, self._got = load, b""
        self.due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._load.callers.add(self)
        self._load.idle.append(self)

    def send(self, due: float) -> None:
        """Sends the next request."""
        self.due = due
        self.transport.write(next(self._load.requests))

    def data_received(self, data: bytes) -> None:
        reply, self._got = first_answer(self._got + data)
        if self.due is None or reply is None:
            return
        now, counts = time.perf_counter(), self._load.counts
        counts.latencies[reply.status].append(now - self.due)
        if reply.status == 200:
            counts.ends.append(now - self._load.began)
        self.due = None
        if reply.closes:
            self.transport.close()
        else:
            self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """A connection that owed an answer is lost."""
        self._load.counts.lost += self.due is not None
        self.due = None
        self._load.callers.discard(self)
        with contextlib.suppress(ValueError):
            self._load.idle.remove(self)


def timed_calls(address: Address, requests: Sequence[bytes]) -> Iterator[tuple[float, float]]:
    """Endless consecutive calls: when each began, and its seconds, infinity where it is refused."""
    with Connection(address) as kept:
        for request in itertools.cycle(requests):
            began = time.perf_counter()
            status = kept.send(request).status
            yield began, time.perf_counter() - began if status == 200 else math.inf


def recovery(address: Address, requests: Sequence[bytes], limit: float, since: float) -> float:
    """Seconds from `since` until the first of several calls whose median is at most `limit`, up to 15."""
    latest: collections.deque[tuple[float, float]] = collections.deque(maxlen=_SETTLED_CALLS)
    for call in timed_calls(address, requests):
        latest.append(call)
        if len(latest) == _SETTLED_CALLS and results.median([seconds for _, seconds in latest]) <= limit:
            return latest[0][0] - since
        if call[0] - since > _GIVE_UP_SECONDS:
            break
    return _GIVE_UP_SECONDS


def main() -> int:
    sizes = {"seconds": (60, 5, "of overload"), "capacity_seconds": (20, 3, "to find the capacity")}
    given = script.parsed(parser(__doc__, **sizes))
    requests = sample_requests(500, random.Random(given.seed))
    with served(given) as server:
        Load(server, requests).closed_loop(_CLIENTS, 3)  # warm-up
        count = 30 if given.quick else 200
        before = [seconds for _, seconds in itertools.islice(timed_calls(server.address, requests), count)]
        if math.inf in before:
            raise RunError("a single call was refused")
        script.note(f"capacity, {given.capacity_seconds} s")
        capacity = Load(server, requests).closed_loop(_CLIENTS, given.capacity_seconds)
        rate = TIMES * capacity.goodput
        script.note(f"{rate:,.0f} requests a second for {given.seconds} s")
        flood = Load(server, requests).open_loop(rate, given.seconds)
        recovered = recovery(server.address, requests, SLOWER * results.median(before), flood.ended_at)
        lives = server.alive_row()
    rows = [results.figure(f"capacity ({server.model['format']})", capacity.goodput, "/s")]
    rows += [*overload_rows(capacity, flood, recovered), lives, *share_rows(capacity, flood)]
    by_status = {status: results.summary_ms(seconds) for status, seconds in sorted(flood.latencies.items())}
    return finish(given, server, rows, normal=results.summary_ms(before), by_status=by_status)


def overload_rows(capacity: Counts, flood: Counts, recovered: float) -> list[Row]:
    """The rows with goals."""
    refused = flood.refusals()
    p99 = results.percentile(refused, 0.99) * 1000
    offered = flood.offered / flood.seconds / capacity.goodput
    return [
        results.at_least("offered, times the capacity", offered, 0.95 * TIMES),
        results.at_least("goodput / capacity", flood.goodput / capacity.goodput, GOODPUT),
        results.at_most(f"refusals, p99 of {len(refused):,}", p99, REFUSALS_MS, "ms"),
        results.at_most("connections lost, or never answered", flood.lost + flood.unanswered, 0),
        results.at_most("5xx but 503", flood.server_errors(), 0),
        results.at_most("normal again after", recovered, RECOVERY_SECONDS, "s"),
    ]


def share_rows(capacity: Counts, flood: Counts) -> list[Row]:
    """Who used the machine."""
    per_cpu_second = flood.per_cpu_second / capacity.per_cpu_second
    generator = flood.client_cpu / flood.seconds / (psutil.cpu_count() or 1)
    return [
        results.figure("answers per CPU second / those at capacity", per_cpu_second),
        results.figure("load generator's share of the machine", results.percent(generator)),
        results.figure("server's share of the machine", results.percent(flood.server_share)),
        results.figure("server's share at capacity", results.percent(capacity.server_share)),
        processes.load_row(max(flood.other_load, capacity.other_load)),
    ]


if __name__ == "__main__":
    script.run(main)
