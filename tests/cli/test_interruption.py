"""What signals and a silent hub do to a comparison: it ends soon, with its reason, and keeps finished arms alone."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import QUICK, changed, command, in_its_own_process, retort


@dataclass(frozen=True)
class Stopped:
    """How an interrupted command ended: its exit code and its error lines."""

    code: int
    errors: list[str]


def _default_sigint() -> None:
    """A shell that starts the tests in the background has them ignore SIGINT, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


LONG = ("--set", "teacher.epochs=100000")


def stopped_in_training(
    tiny_bert: Path,
    tiny_comments: Path,
    out: Path,
    arms: str,
    sent: signal.Signals,
    long: tuple[str, ...] = LONG,
    begun: str = "epoch 2:",
) -> Stopped:
    """A comparison that got a signal in the second epoch of its teacher, or when it printed `begun`."""
    chosen = (*long, "--set", f"arms=[{arms}]")
    with subprocess.Popen(
        command("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", out, *QUICK, *chosen),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=changed({}), preexec_fn=_default_sigint,
    ) as process:  # fmt: skip
        # A run that did not react to the signal would go on for days.
        watchdog = threading.Timer(240, process.kill)
        watchdog.daemon = True
        watchdog.start()
        assert process.stdout
        assert process.stderr
        for line in process.stderr:
            if begun in line:
                break
        assert [p.name for p in out.parent.iterdir()] == ["run.partial"]
        process.send_signal(sent)
        stderr = process.stderr.read()
        code = process.wait(timeout=30)
        assert process.stdout.read() == ""
        assert "Traceback" not in stderr
    return Stopped(code, [line for line in stderr.splitlines() if line.startswith("error: ")])


@pytest.mark.slow
def test_ctrl_c_before_any_arm_is_finished_leaves_nothing(tiny_bert: Path, tiny_comments: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "run"
    stopped = stopped_in_training(tiny_bert, tiny_comments, out, "teacher", signal.SIGINT)
    assert stopped == Stopped(130, ["error: interrupted; nothing was written"])
    assert list(out.parent.iterdir()) == []


@pytest.mark.slow
def test_sigterm_keeps_finished_arms_and_names_their_folder(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs" / "run"
    stopped = stopped_in_training(tiny_bert, tiny_comments, out, "majority,tfidf,teacher", signal.SIGTERM)
    kept = out.with_name("run.partial")
    assert stopped == Stopped(143, [f"error: terminated; finished and kept in {kept}: majority, tfidf"])
    assert {p.name for p in kept.iterdir() if p.is_dir()} == {"majority", "tfidf"}
    assert json.loads((kept / "partial.json").read_text())["state"] == "not whole"
    assert retort("predict", "--model", kept / "tfidf", "a lovely bridge").code == 0


@pytest.mark.slow
def test_ctrl_c_in_a_trial_of_a_search_keeps_finished_arms_alone(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs" / "run"
    searching = ("--tune", "100000")
    stopped = stopped_in_training(
        tiny_bert, tiny_comments, out, "majority,teacher", signal.SIGINT, searching, "trial 1 of 100000"
    )
    kept = out.with_name("run.partial")
    assert stopped == Stopped(130, [f"error: interrupted; finished and kept in {kept}: majority"])
    files = {"experiment.toml", "splits.parquet", "comments.parquet", "partial.json", "majority"}
    assert {path.name for path in kept.iterdir()} == files


SLOW_END = """
import sys, time, weakref
import retort.cli

def command(*arguments, **settings):
    print("begun", file=sys.stderr, flush=True)
    try:
        time.sleep(60)
    finally:
        time.sleep(0.2)

retort.cli.app = command
weakref.finalize(command, time.sleep, 0.2)
retort.cli.main()
"""


@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_after_the_first_do_not_disturb_the_end(first: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_END], stderr=subprocess.PIPE, text=True, preexec_fn=_default_sigint
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == "begun\n"
        process.send_signal(first)
        while process.poll() is None:
            time.sleep(0.01)
            process.send_signal(signal.SIGINT)
        word = "interrupted" if first == signal.SIGINT else "terminated"
        assert (process.returncode, process.stderr.read()) == (code, f"error: {word}; nothing was written\n")


@pytest.fixture
def closed_port() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silent_port() -> Iterator[str]:
    """An address of this machine that takes calls and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


SEARCH = """
import sys, time
import retort.models.bases
from huggingface_hub import HfApi, errors, snapshot_download
from retort.errors import ModelError
began = time.monotonic()
try:
    retort.models.bases.resolve_base("someone/bert")
except ModelError as error:
    print(f"{time.monotonic() - began:.1f} {error}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("port", ["closed_port", "silent_port"])
def test_an_unreachable_hub_is_reported_within_five_seconds(
    port: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    output = subprocess.run(
        [sys.executable, "-c", SEARCH],
        env=online(request.getfixturevalue(port), tmp_path), capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    seconds, _, message = output.partition(" ")
    assert float(seconds) < 7.5
    assert re.search(r"base someone/bert: the hub cannot be reached .*--base DIR.*quickstart", message), message


def online(endpoint: str, cache: Path) -> dict[str, str]:
    return changed({"HF_HUB_OFFLINE": None, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache)})


@pytest.mark.slow
def test_the_seed_preset_without_a_network_is_refused_with_a_way_out(
    tiny_bert: Path, tmp_path: Path, closed_port: str
) -> None:
    away: dict[str, str | None] = {"HF_HUB_OFFLINE": None, "HF_ENDPOINT": closed_port, "HF_HOME": str(tmp_path)}
    out = tmp_path / "runs" / "run"
    began = time.monotonic()
    base = in_its_own_process("compare", "--preset", "seed", "--out", out, environment=away)
    assert base.code == 4
    assert "--base DIR" in base.error
    data = in_its_own_process("compare", "--preset", "seed", "--base", tiny_bert, "--out", out, environment=away)
    assert data.code == 3
    assert "google/civil_comments" in data.error
    assert "--data FILE" in data.error
    assert "quickstart" in data.error
    assert not out.parent.exists() or not list(out.parent.iterdir())
    assert time.monotonic() - began < 60
