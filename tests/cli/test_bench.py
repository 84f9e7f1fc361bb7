"""`retort bench`: what it measures, writes and prints, and its errors."""

import dataclasses
import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retort.bench import ceilings
from retort.bench.ceilings import Rate
from retort.bench.resident import Resident
from retort.errors import ResourceError
from retort.recipes import bench as recipe
from retort.report.bench.drawing import write_drawings
from tests.command import retort

DRAWN = {"bench.json", "bench.svg", "bench.png", "bench-dark.png"}


@pytest.fixture(scope="module")
def run(tiny_run: Path, tiny_exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a bag of words, an arm with two exports, and LoRA. Copy it before changing anything in it."""
    folder = tmp_path_factory.mktemp("bench") / "run"
    folder.mkdir()
    for name in ("splits.parquet", "comments.parquet"):
        shutil.copy(tiny_run / name, folder)
    comparison = json.loads((tiny_run / "comparison.json").read_text("utf-8"))
    kept = ("majority", "tfidf", "odd", "lora")
    comparison["arms"] = {arm: facts for arm, facts in comparison["arms"].items() if arm in kept}
    (folder / "comparison.json").write_text(json.dumps(comparison), "utf-8")
    for arm in kept:
        shutil.copytree(tiny_run / arm, folder / arm)
    shutil.copytree(tiny_exports / "int8", folder / "odd" / "onnx")
    shutil.copytree(tiny_exports / "fp32", folder / "odd" / "exact")
    return folder


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle machine with known rates, measured in no time; without a drawing."""
    rates = {"fp32": 1e15, "bf16": 4e15, "int8": 8e15}
    monkeypatch.setattr(
        recipe, "measure_ceilings", lambda *_: {name: Rate(rate, "torch") for name, rate in rates.items()}
    )
    monkeypatch.setattr(recipe, "measure_resident", lambda *_: Resident(150_000_000, 160_000_000, 170_000_000))
    monkeypatch.setattr(recipe, "has_int8_instructions", lambda: True)
    monkeypatch.setattr(recipe, "OtherLoad", _Quiet)
    # Drawing takes seconds; tests/report/test_bench.py tests it.
    monkeypatch.setattr(recipe, "write_drawings", lambda *_: None)


class _Quiet:
    share = 0.0

    def __enter__(self) -> "_Quiet":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def bench(*arguments: str | Path) -> dict[str, Any]:
    ended = retort("bench", *arguments, "--json")
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


@pytest.mark.usefixtures("machine")
def test_every_arm_of_a_run_is_measured_in_every_format_it_has(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "write_drawings", write_drawings)
    ended = retort("bench", run, "--quick", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == DRAWN
    result = json.loads((tmp_path / "out" / "bench.json").read_text("utf-8"))
    assert [(row["arm"], row["format"]) for row in result["formats"]] == [
        ("tfidf", "tfidf"),
        ("odd", "torch"),
        ("odd", "onnx fp32"),
        ("odd", "onnx int8"),
        ("lora", "torch, adapter"),
        ("lora", "torch, merged"),
    ]
    assert result["comments"] == {"count": 16, "origin": "test comments of the run"}
    for row in result["formats"]:
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert row["comments_per_second"] > 0
        assert row["memory_bytes"]["peak"] == 170_000_000
    # People read the same figures.
    for text in (
        "16 test comments of the run",
        "onnx int8",
        "170 MB",
        "One comment at a time: ",
        "Many comments: ",
    ):
        assert text in ended.out
    assert str(tmp_path / "out" / "bench.json") in ended.out
    stages = [line for line in ended.err.splitlines() if not line.startswith("warning: ")]
    assert stages == [
        "starting", "measuring the machine", "loading", "measuring speed", "measuring memory", "drawing",
    ]  # fmt: skip


@pytest.mark.usefixtures("machine")
def test_the_share_of_the_ceiling_is_useful_work_by_time_over_rate(run: Path, tmp_path: Path) -> None:
    rows = {row["format"]: row for row in bench(run / "odd", "--quick", "--out", tmp_path / "out")["formats"]}
    assert rows.keys() == {"torch", "onnx fp32", "onnx int8"}
    # The same comments are the same work in every format.
    assert len({row["flop_per_comment"] for row in rows.values()}) == 1
    assert len({row["tokens_per_comment"] for row in rows.values()}) == 1
    for name, ceiling in (("torch", 1e15), ("onnx fp32", 1e15), ("onnx int8", 8e15)):
        many = rows[name]["useful"]["many"]
        assert many["flop_per_second"] == pytest.approx(
            rows[name]["flop_per_comment"] * rows[name]["comments_per_second"]
        )
        assert many["of_ceiling"] == pytest.approx(many["flop_per_second"] / ceiling)


@pytest.mark.usefixtures("machine")
def test_a_bag_of_words_has_no_share_and_a_reason(run: Path, tmp_path: Path) -> None:
    (row,) = bench(run / "tfidf", "--quick", "--out", tmp_path / "out")["formats"]
    assert (row["precision"], row["useful"], row["flop_per_comment"]) == (None, None, None)
    assert "no matrix products" in row["why"]


@pytest.mark.usefixtures("machine")
def test_the_gate_of_an_export_is_reported_with_its_rows(run: Path, tmp_path: Path) -> None:
    rows = {row["format"]: row["gate"] for row in bench(run / "odd", "--quick", "--out", tmp_path / "out")["formats"]}
    assert rows["torch"] is None
    assert rows["onnx int8"] == {"passed": True, "rows": 18, "weak": True}
    # Also without the exported model nearby.
    (row,) = bench(run / "odd" / "onnx", "--quick", "--out", tmp_path / "alone")["formats"]
    assert row["gate"]["passed"] is True


@pytest.mark.usefixtures("machine")
def test_an_export_of_a_model_that_has_changed_since_is_called_out_of_date(run: Path, tmp_path: Path) -> None:
    odd = shutil.copytree(run / "odd", tmp_path / "odd")
    manifest = odd / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8") + "\n", "utf-8")
    ended = retort("bench", odd, "--quick", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "out of date" in ended.out
    assert "The model has changed since the export, export again: odd (onnx fp32) and odd (onnx int8)." in ended.out
    assert "Passed the parity gate" not in ended.out


@pytest.mark.usefixtures("machine")
def test_comments_of_a_file_need_no_labels(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("body\na good bus\nwhat a rotten bank\nthe mayor\n", "utf-8")
    result = bench(
        run / "odd" / "onnx", "--data", tmp_path / "mine.csv", "--text-column", "body", "--out", tmp_path / "out"
    )
    assert result["comments"] == {"count": 3, "origin": "comments of mine.csv"}


@pytest.mark.usefixtures("machine")
def test_a_run_without_texts_is_measured_on_the_sample_and_reports_it(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "comments.parquet").unlink()
    ended = retort("bench", folder / "odd" / "onnx", "--comments", "4", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("4 comments of the embedded sample, ")


@pytest.mark.usefixtures("machine")
def test_chosen_comments_are_evenly_spaced(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    real = recipe.take_turns

    def watched(arms: Any, texts: Sequence[str], *rest: Any) -> Any:
        asked.append(texts)
        return real(arms, texts, *rest)

    monkeypatch.setattr(recipe, "take_turns", watched)
    bench(run / "odd" / "onnx", "--comments", "3", "--out", tmp_path / "out")
    splits, texts = (pd.read_parquet(run / name) for name in ("splits.parquet", "comments.parquet"))
    test = splits[splits["split"] == "test"].merge(texts, on="id")["text"].tolist()
    assert asked == [[test[0], test[round((len(test) - 1) / 2)], test[-1]]]


@pytest.mark.usefixtures("machine")
def test_load_of_other_programs_is_reported(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Quiet, "share", 0.31)
    ended = retort("bench", run / "odd" / "onnx", "--quick", "--out", tmp_path / "out")
    assert "warning: other programs used 31 % of the machine during the measurement" in ended.err
    assert json.loads((tmp_path / "out" / "bench.json").read_text())["other_programs"]["speed"] == 0.31


@pytest.mark.usefixtures("machine")
def test_without_vnni_the_faster_format_is_named_as_measured(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "has_int8_instructions", lambda: False)
    result = bench(run / "odd", "--quick", "--out", tmp_path / "out")
    fastest = max(result["formats"], key=lambda row: row["comments_per_second"])["format"]
    (warning,) = result["warnings"]
    assert warning.startswith("this processor has no VNNI")
    assert warning.endswith(f"; of odd, {fastest} was faster here")


@pytest.mark.usefixtures("machine")
def test_a_model_above_the_ceiling_is_a_warning(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        recipe, "measure_ceilings", lambda *_: {name: Rate(1.0, "torch") for name in ("fp32", "bf16", "int8")}
    )
    result = bench(run / "odd" / "onnx", "--quick", "--out", tmp_path / "out")
    assert "the machine was slower while the ceiling was measured" in result["warnings"][0]


@pytest.mark.usefixtures("machine")
def test_memory_that_could_not_be_measured_is_null_with_a_reason(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Resident:
        raise ResourceError("it was ended by the system")

    monkeypatch.setattr(recipe, "measure_resident", fails)
    ended = retort("bench", run / "odd" / "onnx", "--quick", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "[1] it was ended by the system" in ended.out
    (row,) = json.loads((tmp_path / "out" / "bench.json").read_text())["formats"]
    assert row["memory_bytes"] == {"loaded": None, "after": None, "peak": None, "why": "it was ended by the system"}


@pytest.mark.usefixtures("machine")
def test_damaged_arms_of_a_run_are_left_out_with_a_warning(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "odd" / "model.safetensors").write_bytes(b"not weights")
    shutil.rmtree(folder / "lora")
    ended = retort("bench", folder, "--quick", "--json", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert [row["format"] for row in json.loads(ended.out)["formats"]] == ["tfidf", "onnx fp32", "onnx int8"]
    warnings = [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2
    assert "lora is left out: no retort.json" in warnings[0]
    assert "odd, torch is left out: " in warnings[1]


@pytest.mark.usefixtures("machine")
def test_a_damaged_single_model_is_refused_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run / "odd" / "onnx", tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"not a model")
    ended = retort("bench", folder, "--quick", "--out", tmp_path / "out")
    assert ended.code == 4
    assert "changed since manifest.json was written" in ended.error
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_arm_of_another_task_than_its_run_is_refused(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    comparison = json.loads((copy / "comparison.json").read_text("utf-8"))
    comparison["task"]["name"] = "rudeness"
    (copy / "comparison.json").write_text(json.dumps(comparison), "utf-8")
    for folder in (copy, copy / "odd", copy / "odd" / "onnx"):
        ended = retort("bench", folder, "--out", tmp_path / "out")
        assert ended.code == 4
        assert "its task is not that of the run" in ended.error


def test_a_folder_that_is_neither_run_nor_model_is_refused(tmp_path: Path) -> None:
    ended = retort("bench", tmp_path, "--out", tmp_path / "out")
    assert (ended.code, ended.error) == (
        4, f"error: {tmp_path}: neither a run nor a model; give a run, or a folder such as RUN/odd",
    )  # fmt: skip
    assert retort("bench", tmp_path / "gone", "--out", tmp_path / "out").code == 4
    assert list(tmp_path.iterdir()) == []


def test_an_arm_that_gives_all_comments_the_same_scores_cannot_be_measured(run: Path, tmp_path: Path) -> None:
    ended = retort("bench", run / "majority", "--out", tmp_path / "out")
    assert ended.code == 4
    assert "no model to measure" in ended.error


def test_an_output_folder_that_is_there_is_refused_before_anything_is_measured(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    ended = retort("bench", run, "--out", tmp_path)
    assert ended.code == 2
    assert "is there already and not empty" in ended.error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_more_comments_than_there_are_is_a_usage_error(run: Path, tmp_path: Path) -> None:
    ended = retort("bench", run, "--comments", "1000", "--out", tmp_path / "out")
    assert ended.code == 2
    assert "--comments 1000: there are 18 test comments of the run" in ended.error
    assert retort("bench", run, "--comments", "0", "--out", tmp_path / "out").code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_data_file_that_is_missing_is_unusable_input(run: Path, tmp_path: Path) -> None:
    ended = retort("bench", run, "--data", tmp_path / "gone.csv", "--out", tmp_path / "out")
    assert ended.code == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("raised", "code"), [(None, 130), (OSError(28, "No space left on device"), 5)])
def test_an_interruption_or_a_full_disk_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Any, code: int
) -> None:
    def fails(*_: object) -> None:
        if raised is None:
            signal.raise_signal(signal.SIGINT)
        raise raised

    monkeypatch.setattr(recipe, "write_drawings", fails)
    ended = retort("bench", run / "odd" / "onnx", "--quick", "--out", tmp_path / "out")
    assert ended.code == code
    assert ended.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("machine")
def test_without_out_a_folder_named_by_the_time_is_made_in_the_current_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench(run / "odd" / "onnx", "--quick")
    (made,) = tmp_path.iterdir()
    assert made.name.startswith("bench-20")
    assert {path.name for path in made.iterdir()} == {"bench.json"}


def test_a_real_machine_is_measured_from_end_to_end(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "_SIDES", (32, 64))
    monkeypatch.setattr(recipe, "QUICK", dataclasses.replace(recipe.QUICK, comments=4, ceiling_seconds=0.02))
    result = bench(run / "odd" / "onnx", "--quick", "--out", tmp_path / "out")
    (row,) = result["formats"]
    assert row["memory_bytes"]["peak"] > 20_000_000
    assert {"fp32", "bf16", "int8", "threads"} <= result["ceilings"]["one"].keys()
    assert 0 <= result["other_programs"]["speed"] <= 1
    assert row["useful"]["one"]["of_ceiling"] > 0
