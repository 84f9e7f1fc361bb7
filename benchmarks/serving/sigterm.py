"""SIGTERM under load, twenty times: every accepted request must be answered.

Eight clients send requests without a pause, half of them on one connection each; SIGTERM comes at a random moment. A
request is accepted when it was sent as a whole before the signal, or when any part of its answer came. Clients repeat
a request refused with 503; later requests may find the port closed.
"""

import argparse
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.serving.client import Address, Connection, NoAnswerError, Reply
from benchmarks.serving.server import parser, sample_requests, served
from benchmarks.shared import results, script

_CLIENTS = 8
_RETRY_SECONDS = 0.02


class Unanswered(NamedTuple):
    """A request without an answer. sent: when (infinity: not as a whole); begun: whether an answer had begun."""

    sent: float
    begun: bool
    why: str


@dataclass
class Round:
    """One server. answered: count by status; lost: a line for every accepted request without an answer."""

    signal_after: float
    exit_code: int | None = None
    ended_within: float = math.nan
    answered: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    port_closed: int = 0
    last_lines: list[str] = field(default_factory=list)

    def count(self, outcomes: Sequence[int | Unanswered], signalled: float) -> None:
        """Adds one client's requests: the status of each answer. signalled: the time of the signal."""
        for one in outcomes:
            if not isinstance(one, Unanswered):
                self.answered[one] += 1
            elif one.sent < signalled or one.begun:
                self.lost.append(
                    f"sent {one.sent - signalled:+.4f} s from SIGTERM, answer begun: {one.begun}: {one.why}"
                )
            else:
                self.port_closed += 1


def client(
    address: Address, requests: Sequence[bytes], seed: int, keeps: bool, signalled: threading.Event
) -> list[int | Unanswered]:
    """Sends requests until the server is gone: the status of each answer. keeps: whether it keeps its connection."""
    outcomes: list[int | Unanswered] = []
    randomness = random.Random(seed)
    while True:
        try:
            connection = Connection(address, 45)
        except OSError as error:
            if not signalled.is_set():
                outcomes.append(Unanswered(-math.inf, False, f"could not connect: {error!r}"))
            return outcomes
        with connection:
            usable = True
            while usable:
                outcome = exchange(connection, randomness.choice(requests))
                outcomes.append(outcome.status if isinstance(outcome, Reply) else outcome)
                if outcomes[-1] == 503:
                    time.sleep(_RETRY_SECONDS)
                usable = keeps and isinstance(outcome, Reply) and not outcome.closes


def exchange(connection: Connection, request: bytes) -> Reply | Unanswered:
    """Sends one request."""
    sent = math.inf
    try:
        connection.socket.sendall(request)
        sent = time.monotonic()
        return connection.receive()
    except OSError as error:
        return Unanswered(sent, isinstance(error, NoAnswerError) and error.begun, repr(error))


def one_round(given: argparse.Namespace, requests: Sequence[bytes], signal_after: float, seed: int) -> Round:
    """Starts a server, loads it for `signal_after` seconds, and ends it."""
    seen, signal = Round(signal_after), threading.Event()
    with ThreadPoolExecutor(_CLIENTS) as pool, served(given) as server:
        clients = [
            pool.submit(client, server.address, requests, seed + number, number % 2 == 0, signal)
            for number in range(_CLIENTS)
        ]
        time.sleep(signal_after)
        signalled = time.monotonic()
        signal.set()
        seen.exit_code = server.stop()
        seen.ended_within = time.monotonic() - signalled
        if seen.exit_code != 0:
            seen.last_lines = server.log_text().splitlines()[-3:]
    for one in clients:
        seen.count(one.result(), signalled)
    return seen


def main() -> int:
    given = script.parsed(parser(__doc__, rounds=(20, 2, "servers ended")))
    randomness = random.Random(given.seed)
    requests = sample_requests(100, randomness)
    rounds: list[Round] = []
    for turn in range(given.rounds):
        rounds.append(one_round(given, requests, randomness.uniform(0.2, 3.0), 1000 * turn))
        script.note(f"{turn + 1}: {vars(rounds[-1])}")

    answered = sum((one.answered for one in rounds), Counter[int]())
    rows = [
        results.figure("servers ended under load", len(rounds)),
        results.figure("requests answered with a verdict", answered[200]),
        results.figure("requests refused with 503", answered[503]),
        results.figure("later requests that found the port closed", sum(one.port_closed for one in rounds)),
        results.at_most("accepted requests lost", sum(len(one.lost) for one in rounds), 0),
        results.at_most("other answers", answered.total() - answered[200] - answered[503], 0),
        results.at_most("exit codes other than 0", sum(one.exit_code != 0 for one in rounds), 0),
        results.figure("slowest end", max(one.ended_within for one in rounds), "s"),
    ]
    return script.finish(given, rows, figures={"rounds": [vars(one) for one in rounds]})


if __name__ == "__main__":
    script.run(main)
