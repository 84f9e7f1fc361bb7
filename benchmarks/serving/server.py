"""A real `retort serve` in a process of its own, so that nothing measured shares its interpreter."""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.client import Address, Connection, classify, get
from benchmarks.shared import comments, script
from benchmarks.shared.results import Row, required
from retort.bench.other_load import OtherLoad
from retort.errors import RunError

_READY = re.compile(r"http://([\d.]+):(\d+) answers with")
_START_SECONDS, _END_SECONDS = 120.0, 60.0


class Server:
    """A running `retort serve`. log: the file with its output. model: that of its default model in /api/v1/models."""

    def __init__(self, process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
        self.process, self.address, self.log = process, address, log
        self._seen = psutil.Process(process.pid)
        with Connection(address) as connection:
            found = json.loads(connection.send(get("/api/v1/models")).body)
        self.model: dict[str, Any] = next(one for one in found["models"] if one["name"] == found["default"])

    def answers(self) -> bool:
        """Whether it scores a comment and is healthy."""
        with contextlib.suppress(OSError), Connection(self.address, 30) as connection:
            return all(connection.send(one).status == 200 for one in (classify(["a fine day"]), get("/healthz")))
        return False

    def alive_row(self) -> Row:
        """The row that requires the process to run."""
        lives = self.process.poll() is None
        return required("server lives", "yes" if lives else "NO", "yes", lives)

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return int(self._seen.memory_info().rss)

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def other_load(self) -> OtherLoad:
        """The load of programs other than this process and the server."""
        return OtherLoad(lambda: time.process_time() + self.cpu_seconds())

    def log_text(self) -> str:
        """Its output so far."""
        return self.log.read_text("utf-8", "replace")

    def stop(self) -> int | None:
        """Ends it with SIGTERM; its exit code, None when it had to be killed after a minute."""
        self.process.terminate()
        try:
            return self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


@contextlib.contextmanager
def served(
    given: argparse.Namespace, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """`retort serve MODEL` on a free port of loopback, with the settings of the command line; ended afterwards.

    folder: its working folder, by default a temporary one. Raises RunError with its output when it does not start.
    """
    settings = [part for one in given.set for part in ("--set", one)]
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as logs:
        log = Path(logs, "serve.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "retort", "serve", str(given.model.resolve()), "--port", "0", *settings],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder or logs,
                env={**(os.environ if environment is None else environment), "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        with process:
            try:
                server = Server(process, _address(process, log), log)
                yield server
                server.stop()
            finally:
                process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> Address:
    """Where it listens, as soon as it does."""
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        if found := _READY.search(log.read_text("utf-8", "replace")):
            return found[1], int(found[2])
        time.sleep(0.02)
    raise RunError(f"retort serve did not start: {log.read_text('utf-8', 'replace')}")


def sample_requests(count: int, randomness: Any) -> list[bytes]:
    """Requests for randomly drawn comments of the sample."""
    return [classify([text]) for text in randomness.choices(comments.sample_texts(), k=count)]


def in_words(statuses: Mapping[int, int]) -> str:
    """`400 x 200, 3 x 503`."""
    return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))


def parser(about: str | None, **sizes: script.Size) -> argparse.ArgumentParser:
    """The options of every serving script; see `script.parser`."""
    options = script.parser(about, **sizes)
    options.add_argument("model", metavar="MODEL", type=Path, help="a run or model folder, as for `retort serve`")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the server; repeatable")
    return options


def finish(given: argparse.Namespace, server: Server, rows: Sequence[Row], **figures: Any) -> int:
    """As `script.finish`, with the model among the figures."""
    return script.finish(given, rows, figures={"model": server.model, **figures})
