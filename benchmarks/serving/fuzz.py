"""20,000 bad requests: every answer must be a plain refusal.

Three kinds: what schemathesis generates from the server's OpenAPI document (valid and invalid, with all its checks);
well-formed requests with spoilt bodies; and bytes on raw sockets (both from bad_requests.py).
"""

import contextlib
import json
import random
import re
import socket
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.serving import bad_requests, client
from benchmarks.serving.server import Server, finish, in_words, parser, served
from benchmarks.shared import comments, results, script
from retort.errors import RunError

GROWTH_MB = 50.0
REQUESTS = 20_000
_WAIT_SECONDS = 30.0
_SHOWN = 20
# A body that is both invalid and too large may be refused for its size. Whether a form or a file of a page is accepted
# depends on what is in it, which no schema describes. Perspective requests are refused by Google's rules.
_SCHEMATHESIS_SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 404, 405, 406, 411, 413, 415, 422, 429]

[[operations]]
include-tag = "pages"
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false

[[operations]]
include-tag = "perspective"
checks.positive_data_acceptance.enabled = false
"""


@dataclass
class Seen:
    """The answers to one kind of requests. failures: a line for each that must not occur, with its request."""

    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    failures: list[str] = field(default_factory=list)

    def answer(self, status: int, request: bytes) -> None:
        """Adds one answer."""
        self.statuses[status] += 1
        if status >= 500:
            self.failures.append(f"{status} for {request[:600]!r}")

    def no_answer(self, why: object, request: bytes) -> None:
        """Adds one missing answer."""
        self.unanswered += 1
        self.failures.append(f"{why} for {request[:300]!r}")


def server_errors(statuses: Counter[int]) -> int:
    """The number of 5xx."""
    return sum(count for status, count in statuses.items() if status >= 500)


def send_bodies(address: client.Address, count: int, seed: int) -> Seen:
    """`count` well-formed requests; each must be answered."""
    seen, randomness = Seen(), random.Random(seed)
    with client.Connection(address, _WAIT_SECONDS) as connection:
        for _ in range(count):
            whole = bad_requests.spoilt(randomness)
            try:
                seen.answer(connection.send(whole).status, whole)
            except OSError as error:
                seen.no_answer(repr(error), whole)
    script.note(f"spoilt bodies: {in_words(seen.statuses)}")
    return seen


def send_raw_bytes(address: client.Address, count: int, seed: int) -> Seen:
    """`count` connections; each must be answered or closed, except where this side leaves first."""
    seen, randomness = Seen(), random.Random(seed)
    for number in range(count):
        whole = bad_requests.RAW[number % len(bad_requests.RAW)](randomness)
        with contextlib.suppress(ConnectionError), socket.create_connection(address, _WAIT_SECONDS) as sent:
            sent.sendall(whole)
            if randomness.random() < 0.2:
                # Leaves with a reset, while the server may be reading, working or writing.
                sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                _read_answers(sent, whole, seen)
    script.note(f"raw sockets: {in_words(seen.statuses)}")
    return seen


def _read_answers(sent: socket.socket, whole: bytes, seen: Seen) -> None:
    sent.shutdown(socket.SHUT_WR)
    got = b""
    try:
        while piece := sent.recv(65_536):
            got += piece
    except TimeoutError:
        seen.no_answer("neither answered nor closed", whole)
    reply, got = client.first_answer(got)
    while reply:
        seen.answer(reply.status, whole)
        reply, got = client.first_answer(got)


def run_schemathesis(address: client.Address, count: int, seed: int) -> dict[str, Any]:
    """Runs schemathesis against /api/openapi.json with all its checks; its report."""
    with script.scratch_dir() as folder:
        (folder / "schemathesis.toml").write_text(_SCHEMATHESIS_SETTINGS, "utf-8")
        report = folder / "report.json"
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"http://{address[0]}:{address[1]}/api/openapi.json",
            "--mode", "all", "--max-examples", str(count), "--seed", str(seed), "--no-shrink",
            "--continue-on-failure", "--generation-database", "none", "--suppress-health-check", "all",
            "--report", "json", "--report-json-path", str(report), "--no-color", "--max-response-time", "15",
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not report.is_file():
            raise RunError(f"schemathesis wrote no report: {ended.stdout[-3000:]}{ended.stderr[-3000:]}")
        found: dict[str, Any] = json.loads(report.read_text("utf-8"))
    for failure in found["failures"]:
        script.note(f"schemathesis: {failure['title']} ({failure['count']} x {', '.join(failure['operations'])})")
    if found["failures"]:
        script.note(ended.stdout.partition("= FAILURES =")[2].partition("= SUMMARY =")[0][:4000])
    return found


def warmed_up(server: Server) -> int:
    """Resident bytes after every part of the server has worked."""
    requests = (
        client.classify([" ".join(comments.sample_texts()[:200])[:20_000]]),
        client.classify(["a fine day"] * 32, explain=True),
        client.analyze("a fine day"),
        client.upload(["a fine day"] * 50),
        client.request("POST", "/", b"text=a+fine+day", client.FORM),
        client.get("/api/docs"),
        client.request("POST", client.CLASSIFY, b"[" * 200_000, client.JSON),
    )
    with client.Connection(server.address) as kept:
        for whole in requests * 3:
            kept.send(whole)
    return server.resident_bytes()


def counted(server: Server) -> Counter[int]:
    """The number of answers by status, from the server's metrics."""
    with client.Connection(server.address) as connection:
        families = text_string_to_metric_families(connection.send(client.get("/metrics")).body.decode())
    counts = Counter[int]()
    for sample in (one for family in families for one in family.samples if one.name == "retort_requests_total"):
        counts[int(sample.labels["status"])] += int(sample.value)
    return counts


def main() -> int:
    given = script.parsed(
        parser(
            __doc__, schemathesis=(4000, 30, "from the OpenAPI document, of each operation"),
            bodies=(10_000, 300, "spoilt bodies"), raw=(6500, 200, "raw connections"),
        )
    )  # fmt: skip
    with served(given) as server:
        before = warmed_up(server)
        bodies = send_bodies(server.address, given.bodies, given.seed)
        raw = send_raw_bytes(server.address, given.raw, given.seed)
        report = run_schemathesis(server.address, given.schemathesis, given.seed)
        answers = server.answers()
        grown = server.resident_bytes() - before if answers else 0
        counts = counted(server) if answers else Counter[int]()
        log = server.log_text()

    requests = {"OpenAPI": report["test_cases"]["generated"], "bodies": given.bodies, "raw": given.raw}
    total = sum(requests.values())
    failures = [*bodies.failures, *raw.failures][:_SHOWN]
    for line in [*re.findall(r"Traceback \(most.*?\n(?=\S)[^\n]*", log, re.DOTALL)[:_SHOWN], *failures]:
        script.note(line)
    traces = len(re.findall(r"Traceback \(most|unforeseen |Exception while serving", log))
    rows = [
        results.figure("bad requests", total) if given.quick else results.at_least("bad requests", total, REQUESTS),
        results.at_most("5xx that clients saw", server_errors(bodies.statuses + raw.statuses), 0),
        results.at_most("5xx that the server counted", server_errors(counts), 0),
        results.at_most("well-formed requests without an answer", bodies.unanswered, 0),
        results.at_most("raw connections neither answered nor closed", raw.unanswered, 0),
        results.at_most("tracebacks in the log", traces, 0),
        results.at_most("other findings of schemathesis", sum(one["count"] for one in report["failures"]), 0),
        results.required("server lives and answers", "yes" if answers else "NO", "yes", answers),
        results.at_most("memory grown", grown / 1e6, GROWTH_MB, "MB"),
        results.figure("answers", in_words(counts)),
    ]
    return finish(given, server, rows, requests=requests, failures=failures, schemathesis=report["failures"])


if __name__ == "__main__":
    script.run(main)
