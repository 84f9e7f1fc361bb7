"""How much memory the server holds: after its start, and after thousands of requests of every kind and length.

Comments of one character to 20,000, one to 32 of them at once, explained or not, through the page, the upload and
both APIs, from four clients at a time.

Example: python benchmarks/serve_memory.py runs/NAME
"""

import itertools
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode

import serving

GOAL = 350.0
_CLIENTS = 4
_MEGABYTE = 1_000_000
_MOST_CHARACTERS = 20_000
# Of one request: beyond it the deadline comes before the answer, which says nothing about memory.
_MOST_TOGETHER = 24_000


def text_of(length: int, words: Sequence[str], randomness: random.Random) -> str:
    """Words of real comments, cut to so many characters."""
    pieces: list[str] = []
    while sum(map(len, pieces)) + len(pieces) < length:
        pieces.append(randomness.choice(words))
    return " ".join(pieces)[:length].ljust(length, "x")


def lengths(randomness: random.Random, most: int) -> int:
    """Characters of one comment, every order of magnitude as often as the others."""
    return min(most, round(math.exp(randomness.uniform(0, math.log(most + 1)))))


def mixed(words: Sequence[str], randomness: random.Random) -> Iterator[bytes]:
    """Requests of every kind, without end."""

    def text(most: int = _MOST_CHARACTERS) -> str:
        return text_of(lengths(randomness, most), words, randomness)

    def together() -> list[str]:
        count = randomness.randint(1, 32)
        return [text(max(1, _MOST_TOGETHER // count)) for _ in range(count)]

    kinds: list[Callable[[], bytes]] = [
        lambda: serving.classify([text()]),
        lambda: serving.classify([text(500)]),
        lambda: serving.classify(together()),
        lambda: serving.classify([text(300)], explain=True),
        lambda: serving.analyze(text()),
        lambda: serving.request("POST", "/", urlencode({"text": text(1000)}).encode(), serving.FORM),
        lambda: serving.upload([text(200) for _ in range(randomness.randint(1, 30))]),
        lambda: serving.classify(["  "]),
        lambda: serving.get("/"),
    ]
    for turn in itertools.count():
        yield kinds[turn % len(kinds)]()


class Memory:
    """Resident memory of the server, watched while requests run."""

    def __init__(self, server: serving.ServerProcess) -> None:
        self._server = server
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.largest = server.resident_bytes()

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.largest = max(self.largest, self._server.resident_bytes())


def main() -> int:
    options = serving.parser(__doc__ or "", "90 requests")
    options.add_argument("--requests", type=int, default=2000, metavar="N", help="[2000]")
    given = options.parse_args()
    count = 90 if given.quick else given.requests
    randomness = random.Random(given.seed)
    words = sorted({word for text in serving.sample_texts() for word in text.split()})

    with serving.serving(given.model, serving.server_options(given)) as server:
        served = serving.model_of(server)
        started = server.resident_bytes()
        steps, statuses = [started], []
        with Memory(server) as memory:
            for share in range(4):
                part = list(itertools.islice(mixed(words, randomness), count // 4))
                statuses += send(server.address, part)
                steps.append(server.resident_bytes())
                serving.note(f"{(share + 1) * (count // 4)} requests: {steps[-1] / _MEGABYTE:.0f} MB")
        time.sleep(1)
        ended, peak = server.resident_bytes(), server.peak_bytes()

    told = {status: statuses.count(status) for status in sorted(set(statuses))}
    largest = max(memory.largest, ended)
    checks = [
        serving.at_most(f"resident after the start ({served['format']})", started / _MEGABYTE, GOAL, " MB"),
        serving.at_most(f"resident after {len(statuses):,} requests", ended / _MEGABYTE, GOAL, " MB"),
        serving.at_most("largest seen meanwhile", largest / _MEGABYTE, GOAL, " MB"),
        serving.figure("peak, loading included", peak / _MEGABYTE, " MB"),
        serving.figure("answers", ", ".join(f"{count} x {status}" for status, count in told.items())),
    ]
    figures = {
        "model": served,
        "started_bytes": started,
        "steps_bytes": steps,
        "ended_bytes": ended,
        "largest_bytes": largest,
        "peak_bytes": peak,
        "answers": {str(status): number for status, number in told.items()},
    }
    return serving.tell(given, checks, figures)


def send(address: serving.Address, requests: Sequence[bytes]) -> list[int]:
    """All requests, from a few clients at once; the statuses."""
    statuses: list[int] = []

    def client(own: Sequence[bytes]) -> None:
        with serving.Connection(address, 120) as kept:
            statuses.extend(kept.ask(request).status for request in own)

    threads = [threading.Thread(target=client, args=(requests[number::_CLIENTS],)) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


if __name__ == "__main__":
    sys.exit(main())
