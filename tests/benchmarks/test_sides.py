"""What the side-by-side benchmarks share: turns, medians, goals, and where the comments come from."""

import importlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import BertForSequenceClassification

from retort.errors import DataError, RunError

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module as a script beside it would."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in ("sides", "side_comments", "side_models", "side_script", "serving"):
        sys.modules.pop(name, None)


@pytest.fixture
def sides(imported: Any) -> Any:
    return imported("sides")


@pytest.fixture
def side_comments(imported: Any) -> Any:
    return imported("side_comments")


@pytest.fixture
def side_models(imported: Any) -> Any:
    return imported("side_models")


@pytest.fixture
def side_script(imported: Any) -> Any:
    return imported("side_script")


def test_both_sides_are_measured_in_turns_and_neither_always_goes_first(sides: Any) -> None:
    order: list[str] = []

    def side(name: str) -> Any:
        def measure() -> float:
            order.append(name)
            return float(len(order))

        return measure

    found = sides.alternated({"a": side("a"), "b": side("b")}, 4)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert found == {"a": [1.0, 4.0, 5.0, 8.0], "b": [2.0, 3.0, 6.0, 7.0]}


def test_a_ratio_is_that_of_medians_and_knows_which_way_its_goal_lies(sides: Any) -> None:
    ours, theirs = sides.Side("ours", (1.0, 2.0, 90.0)), sides.Side("theirs", (9.0, 10.0, 11.0))
    faster = sides.times_faster("training", ours, theirs, 5)
    assert (faster.value, faster.met, faster.at_least) == (5.0, True, True)
    assert not sides.times_faster("training", ours, theirs, 5.1).met
    latency = sides.share_of_the_time("latency", ours, theirs, 0.2)
    assert (latency.value, latency.met, latency.at_least) == (0.2, True, False)
    assert not sides.share_of_the_time("latency", ours, theirs, 0.19).met
    rate = sides.times_the_rate("scoring", theirs, ours, 5)
    assert (rate.value, rate.met) == (5.0, True)
    assert not sides.times_the_rate("scoring", ours, theirs, 5).met


def test_a_ceiling_is_the_highest_rate_that_was_reached_because_what_disturbs_it_only_lowers_it(sides: Any) -> None:
    ours, ceiling = sides.Side("ours", (1.0, 2.0, 90.0)), sides.Side("matrices", (3.0, 10.0, 4.0), "GFLOP/s")
    share = sides.share_of_the_rate("of the ceiling", ours, ceiling, 0.2)
    assert (share.value, share.met, share.measured, share.goal) == (0.2, True, "20 %", ">= 20 %")
    assert share.medians == "ours 2 s, matrices, highest of 3 10 GFLOP/s"


def test_a_machine_that_was_not_quiet_is_said_to_be(sides: Any) -> None:
    assert sides.bystanders(0.01).measured == "1 %"
    assert "measure again" in sides.bystanders(0.31).measured


def test_what_was_not_measured_meets_no_goal(sides: Any) -> None:
    nothing, something = sides.Side("ours", ()), sides.Side("theirs", (1.0,))
    for compare in (sides.times_faster, sides.times_the_rate, sides.share_of_the_rate, sides.share_of_the_time):
        for pair in ((nothing, something), (something, nothing), (something, sides.Side("zero", (0.0,)))):
            row = compare("x", *pair, 1)
            if row.value is None or not math.isfinite(row.value):
                assert row.met is False
                assert row.measured == "not measured"
    assert sides.verdict([sides.times_faster("x", nothing, something, 1)]) == 6


def test_one_goal_missed_is_the_exit_code_and_stands_out_in_the_table(sides: Any) -> None:
    ours, theirs = sides.Side("ours", (2.0,)), sides.Side("theirs", (4.0,))
    rows = [sides.times_faster("first", ours, theirs, 2), sides.figure("second", 1.5, "s")]
    assert sides.verdict(rows) == 0
    rows.append(sides.times_faster("third", ours, theirs, 3))
    assert sides.verdict(rows) == 6
    assert sides.table(rows).splitlines() == [
        "what   | goal   | measured | medians              | met",
        "-------+--------+----------+----------------------+----",
        "first  | >= 2 x | 2 x      | ours 2 s, theirs 4 s | yes",
        "second |        | 1.5 s    |                      |",
        "third  | >= 3 x | 2 x      | ours 2 s, theirs 4 s | NO",
    ]


def test_a_row_told_as_json_and_read_again_is_the_same_row(sides: Any) -> None:
    ours, theirs = sides.Side("ours", (2.0, 3.0), "ms"), sides.Side("theirs", (4.0,), "ms")
    for row in (sides.share_of_the_time("x", ours, theirs, 0.5), sides.figure("y", "words")):
        assert sides.Row.from_json(json.loads(json.dumps(row.as_json(), allow_nan=False))) == row
    missing = sides.times_faster("z", sides.Side("ours", ()), theirs, 1).as_json()
    assert missing["value"] is None
    assert missing["medians"] == [None, 4.0]
    json.dumps(missing, allow_nan=False)


def test_real_comments_are_read_where_they_are_named_and_nothing_takes_their_place(
    side_comments: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_comments: Path
) -> None:
    monkeypatch.delenv("RETORT_REAL_DATA", raising=False)
    assert "embedded sample" in side_comments.source().origin
    monkeypatch.setenv("RETORT_REAL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no civil_comments/train\.csv"):
        side_comments.source()
    (tmp_path / "civil_comments").mkdir()
    (tmp_path / "civil_comments" / "train.csv").write_bytes(tiny_comments.read_bytes())
    assert side_comments.source().origin.startswith("real comments")
    assert set(side_comments.drawn_texts(10, 0)) <= set(pd.read_csv(tiny_comments)["text"])


def test_drawn_comments_are_the_same_for_one_seed_and_begin_again_where_there_are_fewer(
    side_comments: Any, tiny_comments: Path
) -> None:
    where = side_comments.Source(tiny_comments, "tiny")
    drawn = side_comments.drawn_texts(250, 1, where=where)
    assert drawn == side_comments.drawn_texts(250, 1, where=where) != side_comments.drawn_texts(250, 2, where=where)
    assert len(set(drawn[:120])) == 120
    assert drawn[120:240] == drawn[:120]


def test_the_two_sides_files_share_no_comment_and_say_how_many_there_are(
    side_comments: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_comments: Path
) -> None:
    monkeypatch.setattr(side_comments, "source", lambda: side_comments.Source(tiny_comments, "tiny comments"))
    parts = side_comments.write_parts(tmp_path / "parts", 100, 0)
    frames = {name: pd.read_csv(getattr(parts, name)) for name in ("train", "validation", "test")}
    assert {name: len(frame) for name, frame in frames.items()} == parts.rows == {
        "train": 70, "validation": 15, "test": 15,
    }  # fmt: skip
    assert len({text for frame in frames.values() for text in frame["text"]}) == 100
    assert all(0 < (frame["toxicity"] >= parts.label_threshold).mean() < 1 for frame in frames.values())
    assert str(parts) == "tiny comments: 70 train, 15 validation, 15 test"
    assert "all 120, for 500 are not there" in str(side_comments.write_parts(tmp_path / "more", 500, 0))


def test_a_side_that_fails_is_told_by_its_last_words(sides: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "import os, sys; print('began', os.environ['HF_HUB_OFFLINE']); sys.exit({})"
    assert sides.timed([sys.executable, "-c", program.format(0)], log) > 0
    assert log.read_text() == "began 1\n"
    with pytest.raises(RunError, match=r"ended with 3: began 1"):
        sides.timed([sys.executable, "-c", program.format(3)], log)


def test_models_with_random_weights_are_made_once_and_the_student_has_every_other_layer(
    side_models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = side_models.Models(tmp_path, side_models.Shape("small", 4, 16, 2))
    teacher, student = models.teacher(), models.student()
    stamp = (student / "model.safetensors").stat().st_mtime_ns
    monkeypatch.setattr(side_models.Models, "_write_classifier", None)
    assert side_models.Models(tmp_path, side_models.Shape("small", 4, 16, 2)).student() == student
    assert (student / "model.safetensors").stat().st_mtime_ns == stamp
    loaded = [BertForSequenceClassification.from_pretrained(folder) for folder in (teacher, student)]
    assert [model.config.num_hidden_layers for model in loaded] == [4, 2]
    for own, copied in ((0, 0), (1, 2)):
        theirs = loaded[0].bert.encoder.layer[copied].state_dict()
        assert all(
            torch.equal(value, theirs[name]) for name, value in loaded[1].bert.encoder.layer[own].state_dict().items()
        )


def test_an_error_is_one_line_with_retorts_exit_code(
    side_script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The tests' own process keeps its cores and its answer to SIGTERM.
    monkeypatch.setattr(side_script, "keep_to_same_cores", lambda: None)
    monkeypatch.setattr(side_script.signal, "signal", lambda *_: None)

    def fails() -> int:
        raise DataError("here:\n nothing there; give something")

    with pytest.raises(SystemExit) as exit_code:
        side_script.ended(fails)
    assert exit_code.value.code == 3
    assert capsys.readouterr().err == "error: here: nothing there; give something\n"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell cores")
def test_with_one_thread_asked_for_no_side_gets_a_second_core() -> None:
    child = "import os; print(len(os.sched_getaffinity(0)))"
    call = f"subprocess.call([sys.executable, '-c', {child!r}])"
    program = f"import subprocess, sys, side_script; side_script.ended(lambda: {call})"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    for asked, expected in (("1", 1), ("999", len(os.sched_getaffinity(0)))):
        found = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120,
            env=environment | {"OMP_NUM_THREADS": asked},
        )  # fmt: skip
        assert int(found.stdout) == expected
