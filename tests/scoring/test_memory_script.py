"""The benchmark of memory: that it can be asked what it does, and that it measures what it says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "score_memory.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False, timeout=600
    )


def test_it_says_what_it_does_and_how_to_call_it() -> None:
    told = run("--help").stdout
    for expected in ("--json", "--quick", "--rows", "Example: python benchmarks/score_memory.py"):
        assert expected in told


def test_both_sides_are_scored_whole_and_their_peaks_compared() -> None:
    ended = run("--json", "--rows", "1000", "--ending", ".parquet")
    # So few rows show nothing of memory, so that the goal may be missed.
    assert ended.returncode in (0, 6), ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["sizes"] == [100, 1000]
    few, many = told["figures"]["peak_bytes"]["100"], told["figures"]["peak_bytes"]["1000"]
    assert 10_000_000 < few < 2_000_000_000
    ratio, *peaks = told["checks"]
    assert ratio["goal"] == "<= 1.1 x"
    assert ratio["met"] == (many / few <= 1.1) == (ended.returncode == 0)
    assert [check["met"] for check in peaks] == [None, None]


def test_what_was_not_scored_whole_is_no_measurement(tmp_path: Path) -> None:
    ended = run("--score", str(tmp_path / "gone.csv"), str(tmp_path / "out"))
    assert ended.returncode != 0
    assert ended.stdout == ""
