"""`retort serve` as a process: ready, answering, and gone in good order."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.command import retort


def _served(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """The process and its address, once it says that it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "retort", "serve", *map(str, arguments), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        found = re.match(r"(http://\S+) answers with", line)
        if found:
            return process, found[1]
    raise AssertionError(f"ended with {process.wait()}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_end_and_ends_with_0(tiny_run: Path, number: signal.Signals) -> None:
    process, address = _served(tiny_run)
    try:
        body = json.dumps({"texts": ["the mayor is a fool!"]}).encode()
        request = urllib.request.Request(f"{address}/api/v1/classify", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["model"]["arm"] == "odd"
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()


def test_a_folder_that_is_no_model_is_refused_with_4(tmp_path: Path) -> None:
    ended = retort("serve", tmp_path)
    assert (ended.code, ended.err.count("\n")) == (4, 1)
    assert ended.err.startswith("error: ")


def test_an_unknown_setting_names_the_nearest_one(tiny_run: Path) -> None:
    ended = retort("serve", tiny_run, "--set", "que=3")
    assert ended.code == 2
    assert "did you mean 'queue'" in ended.err
