"""Resident memory of the server: after its start, and after thousands of requests of every kind and length.

Comments of one to 20,000 characters, one to 32 of them at once, with or without explanation, through the page, the
upload and both APIs, from four concurrent clients.
"""

import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from benchmarks.serving.client import FORM, Connection, analyze, classify, get, request, upload
from benchmarks.serving.server import Server, finish, in_words, parser, served
from benchmarks.shared import comments, results, script
from benchmarks.shared.processes import peak_bytes

GOAL_MB = 350.0
_CLIENTS = 4
_LARGEST = 20_000
# Characters of one request. With more, the deadline passes before the answer, which tells nothing about memory.
_LARGEST_TOGETHER = 24_000


def text_of(length: int, words: Sequence[str], randomness: random.Random) -> str:
    """Random words, exactly `length` characters."""
    # So many words are enough even if each has a single letter.
    return " ".join(randomness.choices(words, k=length // 2 + 1))[:length].ljust(length, "x")


def length_of(randomness: random.Random, largest: int) -> int:
    """1 to `largest` characters, with equal probability for every order of magnitude."""
    return min(largest, round(math.exp(randomness.uniform(0, math.log(largest + 1)))))


def mixed(words: Sequence[str], randomness: random.Random) -> Iterator[bytes]:
    """Requests of every kind, endlessly."""

    def text(largest: int = _LARGEST) -> str:
        return text_of(length_of(randomness, largest), words, randomness)

    def together() -> list[str]:
        count = randomness.randint(1, 32)
        return [text(max(1, _LARGEST_TOGETHER // count)) for _ in range(count)]

    kinds: list[Callable[[], bytes]] = [
        lambda: classify([text()]),
        lambda: classify([text(500)]),
        lambda: classify(together()),
        lambda: classify([text(300)], explain=True),
        lambda: analyze(text()),
        lambda: request("POST", "/", urlencode({"text": text(1000)}).encode(), FORM),
        lambda: upload([text(200) for _ in range(randomness.randint(1, 30))]),
        lambda: classify(["  "]),
        lambda: get("/"),
    ]
    for kind in itertools.cycle(kinds):
        yield kind()


def send(server: Server, requests: Sequence[bytes]) -> tuple[Counter[int], int]:
    """Sends all requests from several concurrent clients: answers by status, largest resident bytes meanwhile."""

    def client(number: int) -> list[int]:
        with Connection(server.address, 120) as kept:
            return [kept.send(one).status for one in requests[number::_CLIENTS]]

    with ThreadPoolExecutor(_CLIENTS) as pool:
        clients = [pool.submit(client, number) for number in range(_CLIENTS)]
        largest = server.resident_bytes()
        while not all(one.done() for one in clients):
            time.sleep(0.05)
            largest = max(largest, server.resident_bytes())
    return Counter(status for one in clients for status in one.result()), largest


def main() -> int:
    given = script.parsed(parser(__doc__, requests=(2000, 90, "of all kinds")))
    words = sorted({word for text in comments.sample_texts() for word in text.split()})
    requests = mixed(words, random.Random(given.seed))
    statuses, largest = Counter[int](), 0
    with served(given) as server:
        steps = [server.resident_bytes()]
        for _ in range(4):
            found, peak = send(server, list(itertools.islice(requests, given.requests // 4)))
            statuses, largest = statuses + found, max(largest, peak)
            steps.append(server.resident_bytes())
            script.note(f"{statuses.total()} requests: {steps[-1] / 1e6:.0f} MB")
        time.sleep(1)
        ended, whole_peak = server.resident_bytes(), peak_bytes(server.process.pid)
    rows = [
        results.at_most(f"resident after the start ({server.model['format']})", steps[0] / 1e6, GOAL_MB, "MB"),
        results.at_most(f"resident after {statuses.total():,} requests", ended / 1e6, GOAL_MB, "MB"),
        results.at_most("largest seen meanwhile", max(largest, ended) / 1e6, GOAL_MB, "MB"),
        results.figure("peak, loading included", whole_peak / 1e6, "MB"),
        results.figure("answers", in_words(statuses)),
    ]
    return finish(given, server, rows, steps_bytes=steps)


if __name__ == "__main__":
    script.run(main)
