"""500 clients that never finish their requests: the latency of everybody else.

Half of them stop within the head, half within the body; each sends another byte every few seconds, so that the server
does not consider it dead.
"""

import contextlib
import itertools
import random
import resource
import socket
import threading
import time
from collections.abc import Iterator

from benchmarks.serving.client import Address, Connection, get
from benchmarks.serving.server import finish, parser, sample_requests, served
from benchmarks.shared import processes, results, script
from retort.errors import RunError

GOAL_MS = 100.0
_TRICKLE_SECONDS = 3.0
_HEAD = b"POST /api/v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
_STARTS = (_HEAD + b"X-Slow: ", _HEAD + b'Content-Length: 200000\r\n\r\n{"texts": ["')


@contextlib.contextmanager
def slow_clients(address: Address, count: int) -> Iterator[list[socket.socket]]:
    """Half-sent requests, each with a further byte every `_TRICKLE_SECONDS` until the block ends."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(address, 30)) for _ in range(count)]
        for number, one in enumerate(sockets):
            one.sendall(_STARTS[number % len(_STARTS)])
            one.setblocking(False)
        done = threading.Event()

        def trickle() -> None:
            for one in itertools.cycle(sockets):
                with contextlib.suppress(OSError):
                    one.send(b"a")
                if done.wait(_TRICKLE_SECONDS / count):
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        stack.callback(thread.join)
        stack.callback(done.set)
        yield sockets


def is_open(one: socket.socket) -> bool:
    """Whether the server keeps the connection open, without an answer."""
    with contextlib.suppress(ConnectionError):
        try:
            one.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
    return False


def health_seconds(address: Address, count: int, *, kept: bool) -> list[float]:
    """Seconds of calls to /healthz, 10 ms apart, on one connection or on new ones (connecting included)."""
    seconds = []
    connection = Connection(address)
    for _ in range(count):
        if not kept:
            connection.socket.close()  # the call opens it anew
        began = time.perf_counter()
        status = connection.send(get("/healthz")).status
        seconds.append(time.perf_counter() - began)
        if status != 200:
            raise RunError(f"/healthz answered {status}")
        time.sleep(0.01)
    connection.socket.close()
    return seconds


def main() -> int:
    sizes = {"clients": (500, 500, "that never finish"), "calls": (1000, 100, "of each kind")}
    given = script.parsed(parser(__doc__, **sizes))
    allow_files(2 * given.clients + 100)
    (request,) = sample_requests(1, random.Random(given.seed))
    with served(given) as server:
        before = health_seconds(server.address, given.calls // 4, kept=True)
        with server.other_load() as load, slow_clients(server.address, given.clients) as slow:
            kept = health_seconds(server.address, given.calls, kept=True)
            fresh = health_seconds(server.address, given.calls, kept=False)
            with Connection(server.address) as connection:
                status = connection.send(request).status
            held = sum(map(is_open, slow))
    p99 = [results.percentile(seconds, 0.99) * 1000 for seconds in (before, kept, fresh)]
    rows = [
        results.at_least("half-sent connections open to the end", held, given.clients),
        results.figure("/healthz without them, p99", p99[0], "ms"),
        results.at_most(f"/healthz, p99 of {given.calls} on one connection", p99[1], GOAL_MS, "ms"),
        results.at_most(f"/healthz, p99 of {given.calls} new connections", p99[2], GOAL_MS, "ms"),
        processes.load_row(load.share),
        results.required("a comment is scored meanwhile", str(status), "200", status == 200),
    ]
    return finish(given, server, rows)


def allow_files(count: int) -> None:
    """Raises the limit of open files for this process and its children, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        limit = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


if __name__ == "__main__":
    script.run(main)
