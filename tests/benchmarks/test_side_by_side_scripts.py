"""The side-by-side scripts and the table of them all: that each can be asked what it does, and computes rightly."""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retort.errors import ResourceError
from retort.inference.onnx_predictor import onnx_model

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"
SHARED = ("sides", "side_comments", "side_models", "side_script")
NAMES = (
    "train_compare",
    "train_flops",
    "score_file",
    "int8_rate",
    "one_comment",
    "cold_start",
    "gpu",
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script as one started beside it would."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in (*NAMES, "table", "benchmark_plot", "serve_latency", *SHARED, "serving"):
        sys.modules.pop(name, None)


def test_every_script_stands_in_the_readme_and_in_the_table_or_is_for_a_gpu(script: Any) -> None:
    readme = (SCRIPTS / "README.md").read_text("utf-8")
    assert [name for name in (*NAMES, "usual_way", "table") if f"{name}.py" not in readme] == []
    assert {one.name for one in script("table").SCRIPTS} == {*NAMES, "score_memory"} - {"gpu"}


@pytest.mark.parametrize("name", [*NAMES, "table"])
def test_every_script_says_what_it_does_and_how_to_call_it(name: str) -> None:
    asked = subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py", "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    shared = ("--full", "--out") if name == "table" else ("--json", "--seed", "--rounds")
    for expected in (*shared, "--quick", "--folder", f"Example: python benchmarks/{name}.py"):
        assert expected in asked.stdout


# ---------------------------------------------------------------------------------------------- training


def test_an_epochs_time_leaves_validation_and_the_measuring_of_the_ceiling_out(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flops = script("train_flops")
    now = [0.0]
    monkeypatch.setattr(flops.time, "perf_counter", lambda: now[0])

    def ceiling() -> float:
        now[0] += 1000
        return 5.0

    watch = flops.Stopwatch(ceiling)
    for epoch in (1, 2, 3):
        for step in (1, 2):
            now[0] += epoch
            watch.step("teacher", epoch, 3, step, 2, 0.5)
        now[0] += 100
        watch.epoch({"epoch": epoch})
    assert watch.seconds == [2, 4, 6]
    assert watch.ceilings == [5.0, 5.0]


def test_a_comparison_is_told_to_its_end_without_a_folder_to_keep(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare = script("train_compare")

    def side(seconds: float, parts: Any) -> dict[str, Any]:
        said = np.linspace(0, 1, parts.rows["test"]).tolist()
        by_arm = dict.fromkeys(compare.ARMS, seconds / 8)
        test = dict.fromkeys(compare.ARMS, said)
        return {"seconds": seconds, "train_seconds": by_arm, "test": test, "precision": "bf16"}

    monkeypatch.setattr(compare, "our_way", lambda *given: side(2.0, given[2]))
    monkeypatch.setattr(compare, "usual_way", lambda *given: side(8.0, given[3]))
    monkeypatch.setattr(sys, "argv", ["train_compare.py", "--quick", "--json"])
    monkeypatch.delenv("RETORT_REAL_DATA", raising=False)
    assert compare.main() == 6
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["whole comparison, minilm"]["value"] == pytest.approx(4)
    same = rows["  average precision of lora on 18 test rows"]
    assert same["met"]
    assert same["measured"].startswith("+0.000")


def test_padding_is_told_as_tokens_computed_for_each_real_one(script: Any) -> None:
    lengths = np.array([16] * 8)
    assert script("train_flops")._padding(lengths, 4, 0) == 1
    assert script("train_flops")._padding(np.array([12] * 8), 4, 0) == pytest.approx(16 / 12)


# --------------------------------------------------------------------------------------------- scoring


def test_only_comments_that_both_sides_read_alike_are_compared(script: Any) -> None:
    read_alike = script("score_file").read_alike
    # Long ones are read by their beginning on both sides.
    assert read_alike(["the mayor", "the " * 127, "m\u200bayor", "a bank."]) == [0, 1, 3]


def test_the_start_is_counted_in_the_goals_and_taken_off_beside_them(script: Any) -> None:
    scoring, side_models = script("score_file"), script("side_models")
    files = scoring.Files(Path("once"), Path("many"), Path("single"), ["a"] * 101, 1)
    seconds = scoring.Seconds(
        {"onnx int8": [12.0], "onnx fp32": [20.0]},
        {"onnx int8": [2.0], "onnx fp32": [3.0]},
        [15.0],
        {"teacher": [101.0], "student": [50.5]},
    )
    batches = {"teacher": 1, "student": 32}
    models = argparse.Namespace(shape=side_models.BERT_BASE)
    teacher, same = scoring.speed(seconds, batches, "onnx int8", files, models)
    assert teacher.value == pytest.approx(101 / 12)
    assert same.value == pytest.approx(101 / 12 / 2)
    assert (teacher.limit, same.limit) == (10, 5)
    assert "12 layers, batch 1 " in teacher.medians
    assert "6 layers, batch 32 " in same.medians
    beside = scoring.steady("onnx int8", seconds, files)
    assert beside.sides[0].median == pytest.approx(100 / 10)
    unabridged = scoring.to_the_end(seconds, files)
    assert unabridged.sides[0].median == pytest.approx(101 / 15)
    assert beside.met is unabridged.met is None


def test_fp32_is_held_to_its_probabilities_and_int8_to_its_verdicts(script: Any) -> None:
    quality = script("score_file").quality
    theirs = np.linspace(0.1, 0.9, 50)
    near = theirs + 0.003
    assert quality("onnx int8", near, theirs, range(50)).met
    assert not quality("onnx fp32", near, theirs, range(50)).met
    assert quality("onnx fp32", theirs + 5e-5, theirs, range(50)).met
    assert not quality("onnx int8", 1 - theirs, theirs, range(50)).met
    # Rows that the sides read differently do not count, and none at all is no agreement.
    far = np.where(np.arange(50) == 7, 1 - theirs, theirs)
    assert quality("onnx fp32", far, theirs, [n for n in range(50) if n != 7]).met
    assert quality("onnx fp32", far, theirs, []).met is None


def test_a_text_of_64_tokens_has_64_tokens(script: Any, tiny_exports: Path) -> None:
    about = json.loads((tiny_exports / "int8" / "retort.json").read_text())
    model = onnx_model(tiny_exports / "int8", about | {"max_length": 128}, 1)
    texts = script("one_comment").texts_of(64, ["the mayor opened a bridge, gladly", "what is xyz"] * 40, model)
    assert len(texts) > 1
    assert model.reader.read(texts).windows.lengths.tolist() == [64] * len(texts)


def test_what_two_cold_programs_said_is_read_from_what_they_printed(script: Any, tmp_path: Path) -> None:
    cold, log = script("cold_start"), tmp_path / "log"
    log.write_text('warning: x\n{"text_index": 0, "verdict": "non-toxic", "probabilities": {"toxicity": 0.25}}\n')
    assert cold.predicted(log) == 0.25
    for printed in ("[[{'label': 'toxicity', 'score': 0.5}]]", "[{'label': 'toxicity', 'score': 0.5}]"):
        log.write_text(f"Device set to use cpu\n{printed}\n")
        assert cold.judged(log) == 0.5


def test_the_program_of_the_other_side_of_a_cold_start_runs_as_it_stands(script: Any) -> None:
    compile(script("cold_start")._PROGRAM, "program", "exec")


def test_without_a_gpu_its_script_says_so_and_ends_with_5(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = script("gpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ResourceError, match=r"no CUDA device here; .*--device cpu --quick") as refused:
        gpu.chosen_device("cuda")
    assert refused.value.exit_code == 5
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert gpu.chosen_device("cpu").type == "cpu"


# ---------------------------------------------------------------------------------------------- the table

_GOOD = """
import json, sys
import sides
row = sides.times_faster("good", sides.Side("ours", (1.0,)), sides.Side("theirs", (float(len(sys.argv)),)), 2)
print(json.dumps({"rows": [row.as_json()], "notes": ["a note"], "figures": {"argv": sys.argv[1:]}}))
"""
_CHECKS = """
import json
check = {"what": "memory", "goal": "<= 1.1 x", "measured": "1.02 x", "met": True}
told = {"what": "rows", "goal": "", "measured": "1,000,000", "met": None}
print(json.dumps({"checks": [told, check], "figures": {}}))
"""


@pytest.fixture
def table(script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The table over three scripts of our own, of which one fails."""
    module = script("table")
    for name, content in (("good", _GOOD), ("checks", _CHECKS), ("bad", "import sys; sys.exit(4)")):
        (tmp_path / f"{name}.py").write_text(f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{content}")
    monkeypatch.setattr(module, "HERE", tmp_path)
    scripts = (
        module.Script("good", ("--base", "x"), quarter=("--comments", "5")),
        module.Script("bad"),
        module.Script("checks", shares_models=False),
    )
    monkeypatch.setattr(module, "SCRIPTS", scripts)
    return module


def _asked(table: Any, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["table.py", *options])
    code: int = table.main()
    return code


def test_a_script_that_fails_is_told_and_the_others_go_on(
    table: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _asked(table, monkeypatch, "--out", str(out)) == 6
    printed = capsys.readouterr().out
    assert "good " in printed
    assert "memory" in printed
    assert "bad.py" in printed
    assert "not measured" in printed
    told = json.loads((out / "results.json").read_text())
    assert [one["failed"] for one in told["scripts"]] == [None, "ended with 4", None]
    assert told["size"] == "quarter"
    assert told["provenance"]["machine"]["cores"] >= 1
    assert {path.name for path in out.iterdir()} == {"results.json", "results.svg", "results.png", "results-dark.png"}
    assert _asked(table, monkeypatch, "--out", str(out), "--only", "good", "--only", "checks") == 0


def test_a_script_is_asked_for_the_size_that_was_asked_for(
    table: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def asked(*options: str) -> list[str]:
        _asked(table, monkeypatch, "--out", str(tmp_path / "out"), "--only", "good", *options)
        told = json.loads((tmp_path / "out" / "results.json").read_text())
        arguments: list[str] = told["scripts"][0]["figures"]["argv"]
        return arguments[: arguments.index("--folder")]

    assert asked() == ["--json", "--base", "x", "--comments", "5"]
    assert asked("--full") == ["--json", "--base", "x"]
    assert asked("--quick") == ["--json", "--base", "x", "--quick"]


def test_a_script_that_ends_as_if_a_goal_was_missed_but_says_nothing_has_failed(table: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import sys; sys.exit(6)")
    result = table.measured(table.Script("bad"), [], tmp_path)
    assert "no result" in result.failed
    assert result.rows[0].met is False
    assert table.measured(table.Script("missing"), [], tmp_path).rows[0].met is False


def test_goal_and_figure_of_the_other_scripts_are_read_from_their_words(table: Any) -> None:
    check = {"what": "memory", "goal": "<= 1.1 x", "measured": "1.02 x", "met": True}
    told = {"what": "rows", "goal": "", "measured": "1,000,000", "met": None}
    figure, row = table.rows_of({"checks": [told, check]})
    assert (row.value, row.limit, row.at_least, row.met) == (1.02, 1.1, False, True)
    assert (figure.value, figure.limit, figure.met) == (None, None, None)


def test_a_bar_says_how_many_times_better_than_its_goal_a_ratio_is(script: Any) -> None:
    plot, sides = script("benchmark_plot"), script("sides")
    one, two, four = (sides.Side("x", (value,)) for value in (1.0, 2.0, 4.0))
    assert plot.times_the_goal(sides.times_faster("a", one, four, 2)) == 2
    assert plot.times_the_goal(sides.share_of_the_time("b", one, four, 0.5)) == 2
    assert plot.times_the_goal(sides.share_of_the_time("c", two, four, 0.25)) == 0.5
    assert plot.times_the_goal(sides.times_faster("d", sides.Side("x", ()), four, 2)) is None
    assert plot.times_the_goal(sides.figure("e", 1.0)) is None
    rows = [sides.times_faster("a", one, four, 2), sides.times_faster("f", one, two, 3), sides.figure("e", 1.0)]
    drawn = plot.draw(rows)
    assert set(drawn) == {".svg", ".png", "-dark.png"}
    assert b"missed" in drawn[".svg"]
    assert drawn == plot.draw(rows)
    assert plot.draw([sides.figure("e", 1.0)]) == {}
