"""What the serving benchmarks share: a real `retort serve`, clients that cost little, and how a result is told.

The server is a process of its own, so that nothing measured here shares its interpreter.
"""

import argparse
import contextlib
import csv
import dataclasses
import json
import math
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from retort import runs
from retort.bench.bystanders import Bystanders

CLASSIFY = "/api/v1/classify"
ANALYZE = "/v1alpha1/comments:analyze"
SUGGEST = "/v1alpha1/comments:suggestscore"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

# As every command of retort: a goal was missed.
MISSED = 6
_READY = re.compile(r"http://([\d.]+):(\d+) answers with")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_START_SECONDS = 120.0
_END_SECONDS = 60.0

Address = tuple[str, int]


# ---------------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Check:
    """One line of a result; `met` is None for a figure that has no goal."""

    what: str
    goal: str
    measured: str
    met: bool | None


def at_most(what: str, value: float, limit: float, unit: str = "") -> Check:
    """A figure that must not be larger than `limit`; NaN never is."""
    return Check(what, f"<= {_number(limit)}{unit}", f"{_number(value)}{unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "") -> Check:
    """A figure that must not be smaller than `limit`; NaN always is."""
    return Check(what, f">= {_number(limit)}{unit}", f"{_number(value)}{unit}", value >= limit)


def figure(what: str, value: float | str, unit: str = "") -> Check:
    """A figure that is told, and that nothing hangs on."""
    return Check(what, "", value if isinstance(value, str) else f"{_number(value)}{unit}", None)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not pass; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def table(checks: Sequence[Check]) -> str:
    """`what | goal | measured | met`, in columns."""
    words = {True: "yes", False: "NO", None: ""}
    rows = [("what", "goal", "measured", "met")]
    rows += [(check.what, check.goal, check.measured, words[check.met]) for check in checks]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def verdict(checks: Sequence[Check]) -> int:
    """The exit code: 0 when every goal is met."""
    return MISSED if any(check.met is False for check in checks) else 0


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"


# ---------------------------------------------------------------------------------------- command line


def parser(about: str, quick: str) -> argparse.ArgumentParser:
    """The options of every script; `about` is its docstring, `quick` what --quick does less of."""
    first, _, rest = about.partition("\n")
    options = argparse.ArgumentParser(description=first, epilog=rest.strip())
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("model", metavar="MODEL", type=Path, help="a run or model folder, as for `retort serve`")
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--quick", action="store_true", help=f"a short try: {quick}")
    options.add_argument("--seed", type=int, default=0, metavar="N", help="of everything that is drawn [0]")
    options.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the server; repeatable"
    )
    return options


def server_options(given: argparse.Namespace) -> list[str]:
    """What of the command line `retort serve` gets."""
    return [part for one in given.set for part in ("--set", one)]


def tell(given: argparse.Namespace, checks: Sequence[Check], figures: Mapping[str, Any]) -> int:
    """Prints the result with where it comes from, and returns the exit code."""
    if given.json:
        told = {
            "benchmark": Path(sys.argv[0]).stem,
            "time": runs.utc_now(),
            "model": given.model.name,
            "quick": given.quick,
            "seed": given.seed,
            "settings": given.set,
            "checks": [dataclasses.asdict(check) for check in checks],
            "figures": figures,
            "provenance": runs.provenance(),
        }
        print(json.dumps(told, indent=1))
    else:
        print(table(checks))
    return verdict(checks)


def note(line: str) -> None:
    """Progress, to stderr."""
    print(line, file=sys.stderr, flush=True)


def sample_texts() -> list[str]:
    """The comments that come with the package: 1,000, of 21 to 853 characters."""
    with resources.files("retort.data").joinpath("sample", "comments.csv").open(encoding="utf-8") as file:
        return [row["text"] for row in csv.DictReader(file)]


# ------------------------------------------------------------------------------------------------ server


class ServerProcess:
    """A running `retort serve`. Its output goes to the file `log`."""

    def __init__(self, process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
        self._process = process
        self._seen = psutil.Process(process.pid)
        self.address = address
        self.log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return int(self._seen.memory_info().rss)

    def peak_bytes(self) -> int:
        """The largest resident memory so far; NaN cannot be said, so 0 where the system does not tell."""
        with contextlib.suppress(OSError):
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
            return int(found[1]) * 1024 if found else 0
        return 0

    def cpu_seconds(self) -> float:
        """Processor time used so far, by all its threads."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def terminate(self) -> None:
        """Sends SIGTERM and does not wait."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = _END_SECONDS) -> int | None:
        """The exit code; None when it still runs after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> int | None:
        """Ends it, by force in the end; the exit code when it ended by itself."""
        if self.is_alive():
            self.terminate()
        code = self.wait()
        if code is None:
            self._process.kill()
            self._process.wait()
        return code


@contextlib.contextmanager
def serving(
    model: Path,
    options: Sequence[str] = (),
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServerProcess]:
    """`retort serve MODEL` on a free port of loopback, ready to answer; ended afterwards.

    folder: its working folder; a temporary one by default. Exits with what it said when it does not start.
    """
    with contextlib.ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retort-bench-")))
        log = logs / "serve.log"
        command = [sys.executable, "-m", "retort", "serve", str(model.resolve()), "--port", "0", *options]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder or logs,
                env=dict(environment) if environment is not None else _environment(),
            )
        try:
            server = ServerProcess(process, _ready(process, log), log)
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONUNBUFFERED": "1"}


def _ready(process: subprocess.Popen[bytes], log: Path) -> Address:
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        found = _READY.search(log.read_text("utf-8", "replace"))
        if found:
            return found[1], int(found[2])
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        process.wait()
    sys.exit(f"error: retort serve did not start:\n{log.read_text('utf-8', 'replace')}")


def statuses(server: ServerProcess) -> dict[int, int]:
    """How many answers of each status the server says it gave."""
    with Connection(server.address) as asked:
        text = asked.ask(get("/metrics")).body.decode()
    counted: dict[int, int] = {}
    for status, count in re.findall(r'^retort_requests_total\{.*status="(\d+)".*\} (\S+)$', text, re.MULTILINE):
        counted[int(status)] = counted.get(int(status), 0) + int(float(count))
    return counted


def model_of(server: ServerProcess) -> dict[str, Any]:
    """Arm, format and sha256 of what answers by default."""
    with Connection(server.address) as asked:
        arms = json.loads(asked.ask(get("/api/v1/arms")).body)
    found: dict[str, Any] = next(arm for arm in arms["arms"] if arm["arm"] == arms["default"])
    return found


def watched(server: ServerProcess) -> Bystanders:
    """How much of the machine neither this process nor the server uses."""
    return Bystanders(lambda: time.process_time() + server.cpu_seconds())


def bystanders(share: float) -> Check:
    """The line that says how quiet the machine was."""
    return figure("other programs' share of the machine", share * 100, " %")


# ------------------------------------------------------------------------------------------------ client


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    head: bytes
    body: bytes


class NoAnswerError(ConnectionError):
    """The connection ended before the answer did. `begun`: a part of it had come."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the connection ended before the answer did")
        self.begun = begun


class Connection:
    """A kept connection to the server: bytes out, one answer in."""

    def __init__(self, address: Address, timeout: float = 60.0) -> None:
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> Reply:
        """Raises NoAnswerError when the connection ends first, TimeoutError when nothing comes."""
        try:
            self.socket.sendall(request)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise NoAnswerError(begun=False) from error
        return self.receive()

    def receive(self) -> Reply:
        """The next answer on this connection."""
        got = self._rest
        while (end := complete(got)) == 0:
            try:
                piece = self.socket.recv(262_144)
            except ConnectionResetError as error:
                raise NoAnswerError(begun=bool(got)) from error
            if not piece:
                raise NoAnswerError(begun=bool(got))
            got += piece
        got, self._rest = got[:end], got[end:]
        head, _, body = got.partition(b"\r\n\r\n")
        return Reply(int(head[9:12]), head, body)


def complete(got: bytes) -> int:
    """Where the first answer in `got` ends, 0 while it does not. Answers are known to have a Content-Length."""
    head = got.find(b"\r\n\r\n")
    if head < 0:
        return 0
    length = _LENGTH.search(got, 0, head)
    end = head + 4 + (int(length[1]) if length else 0)
    return end if len(got) >= end else 0


def request(method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
    """A whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str) -> bytes:
    return request("GET", path)


def post_json(path: str, content: Any) -> bytes:
    return request("POST", path, json.dumps(content).encode(), JSON)


def classify(texts: Sequence[str], **more: Any) -> bytes:
    """A request to our own API."""
    return post_json(CLASSIFY, {"texts": list(texts), **more})


def analyze(text: str, attributes: Sequence[str] = ("TOXICITY",)) -> bytes:
    """A request as Perspective's clients send it."""
    content = {"comment": {"text": text}, "requestedAttributes": {name: {} for name in attributes}, "languages": ["en"]}
    return post_json(ANALYZE, content)


def upload(rows: Sequence[str], name: str = "comments.txt") -> bytes:
    """The page's form with a file of one comment per line."""
    edge = "----retort-bench"
    parts = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = (parts + "Content-Type: text/plain\r\n\r\n" + "\n".join(rows) + f"\r\n--{edge}--\r\n").encode()
    return request("POST", "/upload", body, f"multipart/form-data; boundary={edge}")


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds: p50, p95, p99, largest, and how many."""
    return {
        "p50_ms": percentile(seconds, 0.5) * 1000,
        "p95_ms": percentile(seconds, 0.95) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
        "largest_ms": max(seconds, default=math.nan) * 1000,
        "count": len(seconds),
    }


def middle(values: Sequence[float]) -> float:
    """The median; NaN of none."""
    return statistics.median(values) if values else math.nan
