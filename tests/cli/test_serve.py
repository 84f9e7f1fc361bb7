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
from tests.web.conftest import SPAM, TASK
from tests.web.folders import write_word_model, write_word_run


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
def test_it_answers_until_a_signal_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    process, address = _served(write_word_run(tmp_path / "run", TASK))
    try:
        body = json.dumps({"texts": ["win money"]}).encode()
        request = urllib.request.Request(f"{address}/api/v1/classify", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["model"]["name"] == "words"
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()


def test_a_folder_that_is_no_model_is_refused_with_4(tmp_path: Path) -> None:
    ended = retort("serve", tmp_path)
    assert (ended.code, ended.err.count("\n")) == (4, 1)
    assert ended.err.startswith("error: ")


def test_an_unknown_setting_names_the_nearest_one(tmp_path: Path) -> None:
    ended = retort("serve", tmp_path, "--set", "que=3")
    assert ended.code == 2
    assert "did you mean 'queue'" in ended.err


@pytest.mark.parametrize("flag", ["--model", "--arm"])
def test_a_model_that_the_run_lacks_is_refused_with_2_by_the_flag_and_its_former_name(
    tmp_path: Path, flag: str
) -> None:
    ended = retort("serve", write_word_run(tmp_path / "run", SPAM), flag, "wrods")
    assert ended.code == 2
    assert ended.error.startswith("error: --model wrods: the run has no such model (did you mean 'words'?)")


def test_two_names_for_the_model_are_refused(tmp_path: Path) -> None:
    ended = retort("serve", tmp_path, "--model", "odd", "--arm", "even")
    assert ended.code == 2
    assert "give --model alone" in ended.error


def test_a_model_of_another_task_than_its_run_is_refused_with_4(tmp_path: Path) -> None:
    run = write_word_run(tmp_path / "run", SPAM)
    write_word_model(run / "other", TASK)
    ended = retort("serve", run)
    assert ended.code == 4
    assert "its task is not that of the run" in ended.error
