"""What signals and a silent hub do to a comparison: it ends soon, says why, and leaves nothing behind."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import QUICK, changed, command, in_its_own_process


def _hears_ctrl_c() -> None:
    """A shell that starts the tests in the background has them ignore SIGINT, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("sent", "code", "telling"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_in_the_middle_of_training_ends_the_run_and_leaves_nothing(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, sent: signal.Signals, code: int, telling: str
) -> None:
    out = tmp_path / "runs" / "run"
    long = ("--set", "teacher.epochs=100000")
    with subprocess.Popen(
        command("compare", "--base", tiny_bert, "--data", tiny_comments, "--out", out, *QUICK, *long),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=changed({}), preexec_fn=_hears_ctrl_c,
    ) as process:  # fmt: skip
        # A run that did not hear the signal would go on for days.
        watchdog = threading.Timer(240, process.kill)
        watchdog.daemon = True
        watchdog.start()
        assert process.stdout
        assert process.stderr
        for line in process.stderr:
            if "epoch 2:" in line:
                break
        assert [p.name for p in out.parent.iterdir()] == ["run.partial"]
        process.send_signal(sent)
        said = process.stderr.read()
        assert process.wait(timeout=30) == code, said
        assert process.stdout.read() == ""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert errors == [f"error: {telling}; nothing was written"]
    assert "Traceback" not in said
    assert list(out.parent.iterdir()) == []


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


@pytest.mark.parametrize("port", ["closed_port", "silent_port"])
def test_a_hub_that_cannot_be_reached_is_told_within_five_seconds(
    port: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SEARCH],
        env=online(request.getfixturevalue(port), tmp_path), capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    seconds, _, message = told.partition(" ")
    assert float(seconds) < 7.5
    assert re.search(r"base someone/bert: the hub cannot be reached .*--base DIR.*quickstart", message), message


def online(endpoint: str, cache: Path) -> dict[str, str]:
    return changed({"HF_HUB_OFFLINE": None, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache)})


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
