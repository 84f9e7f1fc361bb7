"""`--device`: what the commands say of it, and the error for one that is not here."""

import json
from pathlib import Path

import pytest
import torch

from tests.command import retort


@pytest.fixture(autouse=True)
def _no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)


@pytest.mark.parametrize("command", ["predict", "evaluate", "score"])
def test_a_device_that_is_not_here_is_a_usage_error_that_names_those_that_are(
    tiny_run: Path, tiny_comments: Path, tmp_path: Path, command: str
) -> None:
    others = {
        "predict": ["a good bus"],
        "evaluate": ["--data", tiny_comments],
        "score": [tiny_comments, tmp_path / "scores.csv"],
    }
    ended = retort(command, *others[command], "--model", tiny_run / "odd", "--device", "cuda")
    assert (ended.code, ended.out) == (2, "")
    assert ended.error == "error: device 'cuda': not on this machine, which has cpu; name one, or auto"


def test_an_export_runs_on_the_cpu_only(tiny_exports: Path) -> None:
    ended = retort("predict", "a good bus", "--model", tiny_exports / "fp32", "--device", "cuda")
    assert ended.code == 2
    assert "is an export, which runs on the CPU" in ended.error


def test_evaluate_and_score_say_which_device_they_used(tiny_run: Path, tiny_comments: Path, tmp_path: Path) -> None:
    judged = retort("evaluate", "--model", tiny_run / "odd", "--data", tiny_comments, "--json")
    assert judged.err.splitlines()[-1] == "device: cpu"
    scored = retort("score", tiny_comments, tmp_path / "s.csv", "--model", tiny_run / "tfidf", "--json")
    assert scored.err == "device: cpu\n"
    assert json.loads(scored.out)["device"] == "cpu"


def test_predict_says_nothing_of_the_cpu(tiny_run: Path) -> None:
    for flags in ([], ["--device", "cpu"]):
        assert retort("predict", "a good bus", "--model", tiny_run / "odd", "--json", *flags).err == ""
