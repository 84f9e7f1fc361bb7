"""What the benchmarks share: ratios and goals, turns, processes, comments and models."""

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from benchmarks.shared import comments, models, plot, processes, results, script
from benchmarks.shared.results import Row, Side

from retort.errors import DataError, RunError
from retort.models.classifier import load_classifier
from retort.tasks import default_task

ONE, TWO, FOUR, NONE = Side("one", (1.0,)), Side("two", (2.0,)), Side("four", (4.0,)), Side("none", ())


def test_a_ratio_is_that_of_medians_and_is_compared_in_the_right_direction() -> None:
    ours, theirs = Side("ours", (1.0, 2.0, 90.0)), Side("theirs", (9.0, 10.0, 11.0))
    for ratio, sides, goal, missed in (
        (results.times_faster, (ours, theirs), 5, 5.1),
        (results.times_the_rate, (theirs, ours), 5, 5.1),
        (results.share_of_the_time, (ours, theirs), 0.2, 0.19),
    ):
        row = ratio("x", *sides, goal)
        assert (row.value, row.met) == (goal, True)
        assert not ratio("x", *sides, missed).met
    assert results.times_faster("x", ours, theirs).met is None


def test_a_share_of_a_ceiling_is_that_of_its_highest_measurement() -> None:
    ours, ceiling = Side("ours", (1.0, 2.0, 90.0)), Side("matrices", (3.0, 10.0, 4.0), "GFLOP/s")
    row = results.share_of_the_rate("x", ours, ceiling, 0.2)
    assert (row.value, row.met, row.measured, row.goal) == (0.2, True, "20 %", ">= 20 %")
    assert row.medians == "ours 2 s, matrices, highest of 3 10 GFLOP/s"


def test_what_was_not_measured_misses_its_goal() -> None:
    for ratio in (results.times_faster, results.times_the_rate, results.share_of_the_rate, results.share_of_the_time):
        row = ratio("x", ONE, NONE, 1)
        assert (row.met, row.measured) == (False, "not measured")
    for compare in (results.at_most, results.at_least):
        assert compare("x", 1.0, 1.0).met
        assert not compare("x", math.nan, 1.0).met
    assert results.exit_code([results.at_most("x", 1.1, 1.0)]) == 6


def test_the_table_shows_goals_medians_and_what_is_missed() -> None:
    rows = [results.times_faster("first", TWO, FOUR, 2), results.figure("second", 1.5, "s")]
    assert results.exit_code(rows) == 0
    rows.append(results.times_faster("third", TWO, FOUR, 3))
    assert results.table(rows).splitlines() == [
        "what   | goal   | measured | medians           | met",
        "-------+--------+----------+-------------------+----",
        "first  | >= 2 x | 2 x      | two 2 s, four 4 s | yes",
        "second |        | 1.5 s    |                   |",
        "third  | >= 3 x | 2 x      | two 2 s, four 4 s | NO",
    ]


def test_a_row_read_from_its_json_is_the_same_row() -> None:
    for row in (results.share_of_the_time("x", TWO, FOUR, 0.5), results.figure("y", "words")):
        assert Row.from_json(json.loads(json.dumps(row.as_json(), allow_nan=False))) == row
    missing = results.times_faster("z", NONE, FOUR, 1).as_json()
    assert (missing["value"], missing["medians"]) == (None, [None, 4.0])


def test_a_percentile_is_one_of_the_values() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]
    assert [results.percentile(hundred, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert results.percentile([7.0], 0.01) == 7
    assert math.isnan(results.percentile([], 0.5))


def test_quick_makes_sizes_smaller_that_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, expected in (([], 3), (["--quick"], 1), (["--quick", "--rounds", "7"], 7)):
        monkeypatch.setattr(sys, "argv", ["script.py", *arguments])
        assert script.parsed(script.parser("About.", rounds=(3, 1, "of each side"))).rounds == expected


def test_the_json_has_the_settings_and_the_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["script.py", "--json", "--folder", "/home/somebody/x"]
    monkeypatch.setattr(sys, "argv", arguments)
    given = script.parsed(models.parser("About.", rounds=(3, 1, "of each side")))
    assert script.finish(given, [results.at_most("a", 2, 1)], figures={"p50": math.nan}) == 6
    content = json.loads(capsys.readouterr().out)
    assert (content["settings"]["folder"], content["settings"]["rounds"]) == ("x", 3)
    assert (content["rows"][0]["met"], content["figures"]) == (False, {"p50": None})
    assert content["provenance"]["machine"]["cores"] >= 1


def test_sides_take_turns_and_neither_always_goes_first() -> None:
    order: list[str] = []

    def side(name: str) -> Any:
        return lambda: order.append(name) or float(len(order))

    found = processes.alternated({"a": side("a"), "b": side("b")}, 4)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert found == {"a": [1.0, 4.0, 5.0, 8.0], "b": [2.0, 3.0, 6.0, 7.0]}


def test_every_call_has_a_call_of_the_other_side_for_the_same_text() -> None:
    order: list[tuple[str, str]] = []
    calls = [lambda text: order.append(("bare", text)), lambda text: order.append(("http", text))]
    texts = [str(number) for number in range(50)]
    bare, http = processes.in_turns(calls, texts, 0.0, random.Random(0))
    assert (len(bare), len(http)) == (50, 50)
    assert [text for _, text in order] == [text for text in texts for _ in range(2)]
    assert {way for way, _ in order[::2]} == {"bare", "http"}


def test_a_process_is_offline_and_its_failure_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    program = "import os, sys; print('began', os.environ['HF_HUB_OFFLINE']); sys.exit({})"
    assert processes.timed([sys.executable, "-c", program.format(0)], tmp_path / "log") > 0
    assert (tmp_path / "log").read_text() == "began 1\n"
    with pytest.raises(RunError, match=r"ended with 3: began 1"):
        processes.timed([sys.executable, "-c", program.format(3)], tmp_path / "log")


def test_a_busy_machine_is_reported() -> None:
    assert processes.load_row(0.01).measured == "1 %"
    assert "measure again" in processes.load_row(0.31).measured


def test_an_error_is_one_line_with_retorts_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The tests' own process keeps its cores and its handler of SIGTERM.
    monkeypatch.setattr(script, "limit_cores", lambda: None)
    monkeypatch.setattr(script.signal, "signal", lambda *_: None)

    def fails() -> int:
        raise DataError("here:\n nothing there; give something")

    with pytest.raises(SystemExit) as exit_code:
        script.run(fails)
    assert exit_code.value.code == 3
    assert capsys.readouterr().err == "error: here: nothing there; give something\n"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not report affinity")
def test_omp_num_threads_limits_the_cores_of_all_processes() -> None:
    child = "import os; print(len(os.sched_getaffinity(0)))"
    program = "from benchmarks.shared import script; import subprocess, sys; script.limit_cores(); "
    program += f"subprocess.call([sys.executable, '-c', {child!r}])"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program]
    assert (
        subprocess.run(command, capture_output=True, check=True, env=environment, cwd=processes.ROOT).stdout == b"1\n"
    )


def test_real_comments_are_read_where_named_and_never_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_comments: Path
) -> None:
    monkeypatch.delenv(comments.REAL_DATA, raising=False)
    assert "embedded sample" in comments.source().origin
    monkeypatch.setenv(comments.REAL_DATA, str(tmp_path))
    with pytest.raises(DataError, match=r"no civil_comments/train\.csv"):
        comments.source()
    (tmp_path / "civil_comments").mkdir()
    (tmp_path / "civil_comments" / "train.csv").write_bytes(tiny_comments.read_bytes())
    assert comments.source().origin.startswith("real comments")
    assert set(comments.drawn_texts(10, 0)) <= set(pd.read_csv(tiny_comments)["text"])


def test_drawn_comments_depend_on_the_seed_and_are_repeated_where_there_are_fewer(tiny_comments: Path) -> None:
    where = comments.Source(tiny_comments, "tiny")
    drawn = comments.drawn_texts(250, 1, where=where)
    assert drawn == comments.drawn_texts(250, 1, where=where) != comments.drawn_texts(250, 2, where=where)
    assert len(set(drawn[:120])) == 120
    assert drawn[120:240] == drawn[:120]


def test_the_files_of_both_sides_share_no_comment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_comments: Path
) -> None:
    monkeypatch.setattr(comments, "source", lambda: comments.Source(tiny_comments, "tiny comments"))
    parts = comments.write_parts(tmp_path, 100, 0)
    frames = {name: pd.read_csv(getattr(parts, name)) for name in ("train", "validation", "test")}
    assert {name: len(frame) for name, frame in frames.items()} == parts.rows == {
        "train": 70, "validation": 15, "test": 15,
    }  # fmt: skip
    assert len({text for frame in frames.values() for text in frame["text"]}) == 100
    assert str(parts) == "tiny comments: 70 train, 15 validation, 15 test"
    assert "all 120 (fewer than 500)" in str(comments.write_parts(tmp_path / "more", 500, 0))


def test_models_are_made_once_and_the_student_has_every_other_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = models.Models(tmp_path, models.Size("small", 4, 16, 2))
    teacher, student = load_classifier(made.teacher()), load_classifier(made.student())
    monkeypatch.setattr(models.Models, "_write_classifier", None)
    assert models.Models(tmp_path, made.size).student().is_dir()
    assert (teacher.config.num_hidden_layers, student.config.num_hidden_layers) == (4, 2)
    for own, copied in ((0, 0), (1, 2)):
        theirs = teacher.bert.encoder.layer[copied].state_dict()
        layer = student.bert.encoder.layer[own].state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in layer.items())


def test_the_label_is_the_primary_one_of_the_default_task() -> None:
    from benchmarks.training import usual_way

    assert comments.LABEL == default_task().primary == usual_way.LABEL


def test_a_bar_is_as_long_as_a_ratio_is_better_than_its_goal() -> None:
    assert plot.times_the_goal(results.times_faster("a", ONE, FOUR, 2)) == 2
    assert plot.times_the_goal(results.share_of_the_time("b", ONE, FOUR, 0.5)) == 2
    assert plot.times_the_goal(results.share_of_the_time("c", TWO, FOUR, 0.25)) == 0.5
    assert plot.times_the_goal(results.times_faster("d", NONE, FOUR, 2)) is None
    assert plot.times_the_goal(results.figure("e", 1.0)) is None


def test_the_plot_marks_missed_goals_and_needs_ratios() -> None:
    drawn = plot.draw([results.times_faster("a", ONE, FOUR, 2), results.times_faster("f", ONE, TWO, 3)])
    assert set(drawn) == {".svg", ".png", "-dark.png"}
    assert b"missed" in drawn[".svg"]
    assert plot.draw([results.figure("e", 1.0)]) == {}
