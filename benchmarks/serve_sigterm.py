"""SIGTERM under load, twenty times: is every accepted request answered?

Each time the server is started, eight clients ask it without a pause (half of them keep their connection,
half connect anew for each request), and SIGTERM comes at a random moment. A request counts as accepted when it
was sent whole before the signal, or when any part of its answer came; it must be answered whole: with its
verdict, or with 503. Clients that get 503 ask again at once; what they send to the end may meet a closed door.

Example: python benchmarks/serve_sigterm.py runs/NAME
"""

import collections
import dataclasses
import math
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import serving

_CLIENTS = 8
_RETRY_SECONDS = 0.02


@dataclass
class Round:
    """What was seen of one server. answered: how many of each status; lost: what became of accepted requests."""

    signal_after: float
    exit_code: int | None = None
    ended_within: float = math.nan
    answered: dict[int, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    met_a_closed_door: int = 0
    last_lines: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Asks until there is no server any more."""

    def __init__(self, address: serving.Address, requests: Sequence[bytes], seed: int, *, keeps: bool) -> None:
        super().__init__()
        self._address = address
        self._requests = requests
        self._random = random.Random(seed)
        self._keeps = keeps
        self._connection: serving.Connection | None = None
        self.answered: collections.Counter[int] = collections.Counter()
        # When each request that got no answer was sent (infinity: not whole), whether an answer had begun, and why.
        self.unanswered: list[tuple[float, bool, str]] = []
        self.signalled = threading.Event()

    def run(self) -> None:
        """The thread."""
        while self._connected():
            self._ask()

    def _connected(self) -> bool:
        if self._connection is None:
            try:
                self._connection = serving.Connection(self._address, 45)
            except OSError as error:
                if not self.signalled.is_set():
                    self.unanswered.append((-math.inf, False, f"could not connect: {error!r}"))
                return False
        return True

    def _ask(self) -> None:
        assert self._connection is not None
        sent = math.inf
        try:
            self._connection.socket.sendall(self._random.choice(self._requests))
            sent = time.monotonic()
            reply = self._connection.receive()
        except OSError as error:
            self.unanswered.append((sent, isinstance(error, serving.NoAnswerError) and error.begun, repr(error)))
            self._disconnect()
            return
        self.answered[reply.status] += 1
        if not self._keeps or b"\r\nConnection: close" in reply.head:
            self._disconnect()
        if reply.status == 503:
            time.sleep(_RETRY_SECONDS)

    def _disconnect(self) -> None:
        assert self._connection is not None
        self._connection.close()
        self._connection = None


def one_round(model: Path, options: Sequence[str], requests: Sequence[bytes], signal_after: float, seed: int) -> Round:
    """Starts a server, loads it for `signal_after` seconds, and ends it."""
    seen = Round(signal_after)
    with serving.serving(model, options) as server:
        clients = [Client(server.address, requests, seed + number, keeps=number % 2 == 0) for number in range(_CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(signal_after)
        signalled = time.monotonic()
        for client in clients:
            client.signalled.set()
        server.terminate()
        seen.exit_code = server.wait()
        seen.ended_within = time.monotonic() - signalled
        for client in clients:
            client.join()
        if seen.exit_code != 0:
            seen.last_lines = server.log.read_text("utf-8", "replace").splitlines()[-3:]
    for client in clients:
        for status, count in client.answered.items():
            seen.answered[status] = seen.answered.get(status, 0) + count
        for sent, begun, why in client.unanswered:
            if sent < signalled or begun:
                seen.lost.append(f"sent {sent - signalled:+.4f} s from SIGTERM, answer begun: {begun}: {why}")
            else:
                seen.met_a_closed_door += 1
    return seen


def main() -> int:
    options = serving.parser(__doc__ or "", "2 rounds")
    options.add_argument("--rounds", type=int, default=20, metavar="N", help="servers started and ended [20]")
    given = options.parse_args()
    randomness = random.Random(given.seed)
    requests = [serving.classify([text]) for text in randomness.choices(serving.sample_texts(), k=100)]
    rounds: list[Round] = []
    for turn in range(2 if given.quick else given.rounds):
        after = randomness.uniform(0.2, 3.0)
        rounds.append(one_round(given.model, serving.server_options(given), requests, after, 1000 * turn))
        serving.note(f"{turn + 1}: {dataclasses.asdict(rounds[-1])}")

    answered = {status: sum(one.answered.get(status, 0) for one in rounds) for status in (200, 503)}
    others = sum(sum(one.answered.values()) for one in rounds) - sum(answered.values())
    checks = [
        serving.figure("servers ended under load", len(rounds)),
        serving.figure("requests answered with a verdict", answered[200]),
        serving.figure("requests refused with 503", answered[503]),
        serving.figure("later requests that met a closed door", sum(one.met_a_closed_door for one in rounds)),
        serving.at_most("accepted requests lost", sum(len(one.lost) for one in rounds), 0),
        serving.at_most("other answers", others, 0),
        serving.at_most("exit codes other than 0", sum(one.exit_code != 0 for one in rounds), 0),
        serving.figure("slowest end", max(one.ended_within for one in rounds), " s"),
    ]
    return serving.tell(given, checks, {"rounds": [dataclasses.asdict(one) for one in rounds]})


if __name__ == "__main__":
    sys.exit(main())
