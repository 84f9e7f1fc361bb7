"""Ten times more requests than the server can answer: what still gets through, and how the rest is told.

First the capacity: as many clients as the server has places ask without a pause, and the answers (200) per
second are counted. Then requests come at ten times that rate whether or not earlier ones were answered, each
timed from the moment it was due. Last, how soon single calls are as quick again as before.

The load comes from one thread with prebuilt requests; what it costs the machine is told, since on few cores
it is taken from the server.

Example: python benchmarks/serve_overload.py runs/NAME
"""

import collections
import errno
import itertools
import math
import random
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psutil
import serving

TIMES = 10
GOODPUT, REFUSALS_MS, RECOVERY_SECONDS, SLOWER = 0.9, 50.0, 2.0, 1.5
# Sent and received together: to wake for every byte would cost the machine more than the requests do. Latencies
# are rounded up to it.
_TICK_SECONDS = 0.004
_MOST_CONNECTIONS = 400
_GIVEN_UP_SECONDS = 15.0
_SETTLED = 9


@dataclass
class Counted:
    """What a load met. latencies: seconds by status; ends: when each 200 came, in seconds from the start.

    ended_at: when the load ended, as `time.perf_counter` counts; the shares and CPU seconds are those until then.
    """

    seconds: float = 0.0
    offered: int = 0
    latencies: dict[int, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    ends: list[float] = field(default_factory=list)
    lost: int = 0
    unanswered: int = 0
    connections: int = 0
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    bystanders_share: float = math.nan
    ended_at: float = math.nan

    @property
    def goodput(self) -> float:
        """Comments answered per second while the load lasted."""
        return sum(end <= self.seconds for end in self.ends) / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Comments answered per processor second of the server and of the load, which a busy machine changes less."""
        return self.goodput * self.seconds / (self.client_cpu + self.server_cpu)

    def refusals(self) -> list[float]:
        """Seconds to each refusal (429 or 503)."""
        return self.latencies.get(429, []) + self.latencies.get(503, [])

    def server_errors(self) -> int:
        """5xx other than 503."""
        return sum(len(seconds) for status, seconds in self.latencies.items() if status >= 500 and status != 503)


class Load:
    """Requests on many kept connections from one thread, with little work per request."""

    def __init__(self, server: serving.ServerProcess, requests: Sequence[bytes]) -> None:
        self._server = server
        self._requests: Iterator[bytes] = itertools.cycle(requests)
        self._selector = selectors.DefaultSelector()
        self._idle: collections.deque[socket.socket] = collections.deque()
        self._due: dict[socket.socket, float] = {}
        self._partial: dict[socket.socket, bytes] = {}
        self._open = 0
        self.counted = Counted()

    def closed(self, connections: int, seconds: float) -> Counted:
        """Each connection asks again as soon as it is answered."""
        self._run(seconds, lambda now: [now] * (connections - len(self._due)))
        return self.counted

    def opened(self, rate: float, seconds: float) -> Counted:
        """`rate` requests a second, evenly, whatever becomes of them."""
        begins = time.perf_counter()
        sent = 0

        def due(now: float) -> list[float]:
            nonlocal sent
            ready = min(int((now - begins) * rate), int(seconds * rate)) - sent
            times = [begins + (sent + place) / rate for place in range(ready)]
            sent += ready
            return times

        self._run(seconds, due)
        return self.counted

    def _run(self, seconds: float, due: Callable[[float], list[float]]) -> None:
        counted = self.counted
        counted.seconds = seconds
        late: collections.deque[float] = collections.deque()
        server_cpu, client_cpu = self._server.cpu_seconds(), time.process_time()
        begins = time.perf_counter()
        counted.ended_at = begins + seconds
        with serving.watched(self._server) as others:
            while (now := time.perf_counter()) < counted.ended_at:
                late.extend(due(now))
                while late and self._send(late[0]):
                    late.popleft()
                self._receive_all(begins)
        counted.bystanders_share = others.share
        counted.client_cpu = time.process_time() - client_cpu
        counted.server_cpu = self._server.cpu_seconds() - server_cpu
        while self._due and time.perf_counter() < counted.ended_at + _GIVEN_UP_SECONDS:
            self._receive_all(begins)
        counted.unanswered = len(self._due)
        for one in list(self._selector.get_map().values()):
            one.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _receive_all(self, begins: float) -> None:
        time.sleep(_TICK_SECONDS)
        for key, _ in self._selector.select(0):
            self._receive(key.fileobj, begins)  # type: ignore[arg-type]

    def _send(self, due: float) -> bool:
        """False when all connections wait for answers, and no more may be opened."""
        if not self._idle and not self._connect():
            return False
        chosen = self._idle.popleft()
        self.counted.offered += 1
        self._due[chosen] = due
        try:
            chosen.send(next(self._requests))  # small enough for the socket's buffer to take at once
        except (BrokenPipeError, ConnectionResetError):
            self._drop(chosen)
        return True

    def _connect(self) -> bool:
        if self._open >= _MOST_CONNECTIONS:
            return False
        opened = socket.create_connection(self._server.address, 10)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setblocking(False)
        self._selector.register(opened, selectors.EVENT_READ)
        self._idle.append(opened)
        self._open += 1
        self.counted.connections += 1
        return True

    def _receive(self, source: socket.socket, begins: float) -> None:
        try:
            got = source.recv(65_536)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                raise
            got = b""
        if not got:
            self._drop(source)
            return
        got = self._partial.pop(source, b"") + got
        if not serving.complete(got):
            self._partial[source] = got
            return
        now = time.perf_counter()
        status = int(got[9:12])
        self.counted.latencies[status].append(now - self._due.pop(source))
        if status == 200:
            self.counted.ends.append(now - begins)
        if b"\r\nConnection: close" in got:
            self._drop(source)
        else:
            self._idle.append(source)

    def _drop(self, ended: socket.socket) -> None:
        """A connection is over; one that had not answered is lost."""
        if self._due.pop(ended, None) is not None:
            self.counted.lost += 1
        self._partial.pop(ended, None)
        if ended in self._idle:
            self._idle.remove(ended)
        self._selector.unregister(ended)
        ended.close()
        self._open -= 1


def single_calls(address: serving.Address, requests: Sequence[bytes], count: int) -> list[float]:
    """Seconds of calls one after another."""
    seconds = []
    with serving.Connection(address) as kept:
        for request in itertools.islice(itertools.cycle(requests), count):
            began = time.perf_counter()
            if kept.ask(request).status != 200:
                raise RuntimeError("a single call was refused")
            seconds.append(time.perf_counter() - began)
    return seconds


def recovery(
    address: serving.Address, requests: Sequence[bytes], limit: float, since: float, most: float = 15.0
) -> float:
    """Seconds from `since` until the first of some calls whose median is below `limit`; `most` when it is not."""
    latest: collections.deque[tuple[float, float]] = collections.deque(maxlen=_SETTLED)
    with serving.Connection(address) as kept:
        for request in itertools.cycle(requests):
            asked = time.perf_counter()
            status = kept.ask(request).status
            latest.append((asked, time.perf_counter() - asked if status == 200 else most))
            if len(latest) == _SETTLED and serving.middle([seconds for _, seconds in latest]) <= limit:
                return latest[0][0] - since
            if asked - since > most:
                break
    return most


def main() -> int:
    options = serving.parser(__doc__ or "", "3 s to find the capacity, 5 s of overload")
    options.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of overload [60]")
    options.add_argument("--capacity-seconds", type=float, default=20.0, metavar="S", help="to find it [20]")
    options.add_argument("--clients", type=int, default=8, metavar="N", help="that ask without a pause then [8]")
    given = options.parse_args()
    seconds, for_capacity = (5.0, 3.0) if given.quick else (given.seconds, given.capacity_seconds)
    randomness = random.Random(given.seed)
    requests = [serving.classify([text]) for text in randomness.choices(serving.sample_texts(), k=500)]
    cores = psutil.cpu_count() or 1

    with serving.serving(given.model, serving.server_options(given)) as server:
        served = serving.model_of(server)
        Load(server, requests).closed(given.clients, min(3.0, for_capacity))
        before = single_calls(server.address, requests, 30 if given.quick else 200)
        normal = serving.percentile(before, 0.5)
        serving.note(f"capacity, {for_capacity:g} s")
        capacity = Load(server, requests).closed(given.clients, for_capacity)
        rate = TIMES * capacity.goodput
        serving.note(f"{rate:,.0f} requests a second for {seconds:g} s")
        flood = Load(server, requests).opened(rate, seconds)
        recovered = recovery(server.address, requests, SLOWER * normal, flood.ended_at)
        alive = server.is_alive()

    share = flood.goodput / capacity.goodput
    refused = flood.refusals()
    offered = flood.offered / seconds
    yes = "yes" if alive else "no"
    checks = [
        serving.figure(f"capacity ({served['format']})", capacity.goodput, " /s"),
        serving.at_least("offered, times the capacity", offered / capacity.goodput, 0.95 * TIMES),
        serving.at_least("goodput / capacity", share, GOODPUT),
        serving.at_most(f"refusals, p99 of {len(refused):,}", serving.percentile(refused, 0.99) * 1000, 50, " ms"),
        serving.at_most("connections lost, or never answered", flood.lost + flood.unanswered, 0),
        serving.at_most("5xx but 503", flood.server_errors(), 0),
        serving.at_most("normal again after", recovered, RECOVERY_SECONDS, " s"),
        serving.Check("server lives", "yes", yes, alive),
        serving.figure("answers per CPU second / those at capacity", flood.per_cpu_second / capacity.per_cpu_second),
        serving.figure("load generator's share of the machine", flood.client_cpu / seconds / cores * 100, " %"),
        serving.figure("server's share of the machine", _share(flood, cores) * 100, " %"),
        serving.figure("server's share while its capacity was found", _share(capacity, cores) * 100, " %"),
        serving.bystanders(max(flood.bystanders_share, capacity.bystanders_share)),
    ]
    figures = {
        "model": served,
        "normal": serving.summary(before),
        "capacity": _told(capacity),
        "overload": _told(flood),
        "goodput_share": share,
        "recovery_seconds": recovered,
        "cores": cores,
    }
    return serving.tell(given, checks, figures)


def _share(counted: Counted, cores: int) -> float:
    return counted.server_cpu / counted.seconds / cores


def _told(counted: Counted) -> dict[str, object]:
    return {
        "seconds": counted.seconds,
        "offered_per_second": counted.offered / counted.seconds,
        "goodput": counted.goodput,
        "by_status": {str(status): serving.summary(own) for status, own in sorted(counted.latencies.items())},
        "lost": counted.lost,
        "unanswered": counted.unanswered,
        "connections": counted.connections,
        "client_cpu_seconds": counted.client_cpu,
        "server_cpu_seconds": counted.server_cpu,
        "bystanders_share": counted.bystanders_share,
    }


if __name__ == "__main__":
    sys.exit(main())
