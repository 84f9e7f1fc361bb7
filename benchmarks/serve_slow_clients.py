"""500 clients that never finish their requests: does anybody else notice?

Half of them stop within the head, half within the body; each sends another byte every few seconds, so that the
server does not take it for dead. Meanwhile /healthz is asked on a kept connection and on new ones, and one
comment is scored.

Example: python benchmarks/serve_slow_clients.py runs/NAME
"""

import contextlib
import random
import resource
import socket
import sys
import threading
import time

import serving

GOAL_MS = 100.0
_TRICKLE_SECONDS = 3.0
_HEAD = b"POST /api/v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
_STARTS = (_HEAD + b"X-Slow: ", _HEAD + b'Content-Length: 200000\r\n\r\n{"texts": ["')


class Slow:
    """Half-sent requests, kept half-sent until `close`. Used as a context manager."""

    def __init__(self, address: serving.Address, count: int) -> None:
        self._sockets = [socket.create_connection(address, 30) for _ in range(count)]
        for number, one in enumerate(self._sockets):
            one.sendall(_STARTS[number % len(_STARTS)])
            one.setblocking(False)
        self._done = threading.Event()
        self._trickler = threading.Thread(target=self._trickle)

    def __enter__(self) -> "Slow":
        self._trickler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._trickler.join()
        for one in self._sockets:
            one.close()

    def open(self) -> int:
        """How many the server still holds open, unanswered."""
        held = 0
        for one in self._sockets:
            with contextlib.suppress(ConnectionError):
                try:
                    one.recv(1, socket.MSG_PEEK)
                except BlockingIOError:
                    held += 1
        return held

    def _trickle(self) -> None:
        pause = _TRICKLE_SECONDS / len(self._sockets)
        while not self._done.is_set():
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.send(b"a")
                if self._done.wait(pause):
                    return


def ask(address: serving.Address, count: int, *, kept: bool) -> list[float]:
    """Seconds of calls to /healthz, 10 ms apart; those on new connections count the connecting too."""
    seconds = []
    request = serving.get("/healthz")
    connection = serving.Connection(address) if kept else None
    for _ in range(count):
        began = time.perf_counter()
        asked = connection or serving.Connection(address)
        status = asked.ask(request).status
        seconds.append(time.perf_counter() - began)
        if status != 200:
            raise RuntimeError(f"/healthz answered {status}")
        if asked is not connection:
            asked.close()
        time.sleep(0.01)
    if connection:
        connection.close()
    return seconds


def main() -> int:
    options = serving.parser(__doc__ or "", "100 calls")
    options.add_argument("--clients", type=int, default=500, metavar="N", help="that never finish [500]")
    options.add_argument("--calls", type=int, default=1000, metavar="N", help="on kept and on new connections [1000]")
    given = options.parse_args()
    calls = 100 if given.quick else given.calls
    _allow_files(2 * given.clients + 100)
    text = random.Random(given.seed).choice(serving.sample_texts())

    with serving.serving(given.model, serving.server_options(given)) as server:
        served = serving.model_of(server)
        before = ask(server.address, calls // 4, kept=True)
        with serving.watched(server) as others, Slow(server.address, given.clients) as slow:
            kept = ask(server.address, calls, kept=True)
            fresh = ask(server.address, calls, kept=False)
            with serving.Connection(server.address) as asked:
                scored = asked.ask(serving.classify([text])).status
            held = slow.open()

    checks = [
        serving.at_least("half-sent connections open to the end", held, given.clients),
        serving.figure("/healthz without them, p99", serving.percentile(before, 0.99) * 1000, " ms"),
        serving.at_most(f"/healthz, p99 of {calls} on one connection", _p99(kept), GOAL_MS, " ms"),
        serving.at_most(f"/healthz, p99 of {calls} new connections", _p99(fresh), GOAL_MS, " ms"),
        serving.bystanders(others.share),
        serving.Check("a comment is scored meanwhile", "200", str(scored), scored == 200),
    ]
    figures = {
        "model": served,
        "held": held,
        "bystanders_share": others.share,
        "before": serving.summary(before),
        "kept": serving.summary(kept),
        "fresh": serving.summary(fresh),
    }
    return serving.tell(given, checks, figures)


def _p99(seconds: list[float]) -> float:
    return serving.percentile(seconds, 0.99) * 1000


def _allow_files(count: int) -> None:
    """Lets this process and its children open so many files, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard)
        )


if __name__ == "__main__":
    sys.exit(main())
