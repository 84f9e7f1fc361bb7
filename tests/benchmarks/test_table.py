"""The table of all benchmarks: sizes, failures, and what is written."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import table
from benchmarks.shared import results
from benchmarks.shared.results import Side

ROW = results.times_faster("good", Side("ours", (1.0,)), Side("theirs", (4.0,)), 2)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replaces all scripts by `good`, which prints a row, and `bad`, which fails; the commands that were run."""
    run: list[list[str]] = []

    def process(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        run.append(command)
        if command[2] == "benchmarks.bad":
            return subprocess.CompletedProcess(command, 4, "")
        content = {"rows": [ROW.as_json()], "notes": ["a note"], "figures": {}}
        return subprocess.CompletedProcess(command, 0, json.dumps(content))

    monkeypatch.setattr(table.subprocess, "run", process)
    good = table.Script("good", ("--base", "x"), quarter=("--comments", "5"))
    monkeypatch.setattr(table, "SCRIPTS", (good, table.Script("bad", shares_models=False)))
    monkeypatch.delenv("RETORT_REAL_DATA", raising=False)
    return run


def run(monkeypatch: pytest.MonkeyPatch, out: Path, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["table.py", "--out", str(out), *options])
    # Asking git for the commit is not what is tested.
    monkeypatch.setattr(table, "provenance", lambda: {"commit": None})
    return table.main()


def test_a_script_that_fails_is_reported_and_the_others_still_run(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path) == 6
    printed = capsys.readouterr().out
    assert "not measured" in printed
    assert "a note" in printed
    content = json.loads((tmp_path / "results.json").read_text())
    assert [one["failed"] for one in content["scripts"]] == [None, "ended with 4 and no result"]
    assert content["size"] == "quarter"
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json", "results.svg", "results.png", "results-dark.png",
    }  # fmt: skip
    assert run(monkeypatch, tmp_path, "--only", "good") == 0


@pytest.mark.parametrize(
    ("size", "options"), [((), ["--comments", "5"]), (("--full",), []), (("--quick",), ["--quick"])]
)
def test_a_script_gets_the_options_of_its_size(
    size: tuple[str, ...],
    options: list[str],
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(table, "write_results", lambda *_: None)
    run(monkeypatch, tmp_path, *size)
    assert commands[0][1:-2] == ["-m", "benchmarks.good", "--json", "--base", "x", *options]
    assert commands[0][-2] == "--folder"
    assert "--folder" not in commands[1]


def test_a_missed_goal_without_a_result_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ended = subprocess.CompletedProcess([], 6, "")
    monkeypatch.setattr(table.subprocess, "run", lambda *_, **__: ended)
    result = table.measured(table.Script("bad"), "full", tmp_path)
    assert "no result" in result["failed"]
    assert result["rows"][0]["met"] is False


def test_every_script_of_the_table_is_a_module() -> None:
    root = Path(table.__file__).parent
    assert all((root / f"{one.module.replace('.', '/')}.py").is_file() for one in table.SCRIPTS)


def test_the_published_results_are_readable_as_rows() -> None:
    content = json.loads((Path(table.__file__).with_name("results.json")).read_text("utf-8"))
    rows = [results.Row.from_json(row) for one in content["scripts"] for row in one["rows"]]
    assert len(rows) > 40
