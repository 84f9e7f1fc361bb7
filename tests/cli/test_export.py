"""`retort export`: what is printed, where it goes, and how refusals end."""

import json
import shutil
from pathlib import Path

import pytest

from retort.export import parity as gate
from tests.command import retort
from tests.export.cached_graph import cached_graph as cached_graph


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """The odd arm in a run of its own, to be written into."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("splits.parquet", "comments.parquet"):
        shutil.copy(tiny_run / name, folder)
    shutil.copytree(tiny_run / "odd", folder / "odd")
    return folder


@pytest.mark.usefixtures("cached_graph")
def test_by_default_it_goes_into_the_arms_own_folder(run: Path) -> None:
    ended = retort("export", run / "odd", "--int8")
    assert ended.code == 0, ended.err
    assert (run / "odd" / "onnx" / "model.onnx").is_file()
    expected = [
        f"{run / 'odd' / 'onnx'}: onnx int8",
        "size: 0.1 MB before, ",
        "calibrated with 64 training rows of the run",
        "model and export on 18 validation rows of the run:",
        "  largest difference of a probability ",
        "  toxicity: flipped verdicts 0, average precision 1.0000 before, 1.0000 now",
        "  insult: flipped verdicts 0, average precision 0.",
    ]
    for line, begin in zip(ended.out.splitlines(), expected, strict=True):
        assert line.startswith(begin)
    warnings = [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    stages = [line for line in ended.err.splitlines() if line not in warnings]
    assert stages == ["loading", "exporting", "scoring with the model", "scoring with the export"]
    weak, rare = warnings
    assert weak.startswith("warning: The gate is weak: fewer than 500 rows (here 18)")
    assert rare.endswith("insult.")
    # The arm is as whole as before.
    assert retort("predict", "--model", run / "odd", "a good bus").code == 0


@pytest.mark.usefixtures("cached_graph")
def test_json_is_one_object_with_all_figures(run: Path) -> None:
    ended = retort("export", run / "odd", "--json", "--out", run / "elsewhere")
    report = json.loads(ended.out)
    assert report.keys() == {"model", "out", "format", "bytes", "parity"}
    assert report["out"] == str(run / "elsewhere")
    assert report["parity"].keys() == {
        "rows", "origin", "largest_difference", "flipped", "most_flipped", "average_precision", "labels",
        "calibration", "weak",
    }  # fmt: skip
    assert report["parity"]["largest_difference"] <= 1e-4
    assert report["parity"]["labels"].keys() == {"toxicity", "insult"}


def test_predict_takes_the_export(tiny_run: Path, tiny_exports: Path) -> None:
    arm, exported = (
        [json.loads(line) for line in retort("predict", "--model", model, "--json", "a bus", "a fool").out.splitlines()]
        for model in (tiny_run / "odd", tiny_exports / "fp32")
    )
    for ours, theirs in zip(exported, arm, strict=True):
        assert ours["verdict"] == theirs["verdict"]
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=1e-5)


def test_evaluate_takes_the_export(tiny_run: Path, tiny_exports: Path, tiny_comments: Path) -> None:
    arm, exported = (
        json.loads(retort("evaluate", "--model", model, "--data", tiny_comments, "--json").out)
        for model in (tiny_run / "odd", tiny_exports / "fp32")
    )
    assert exported["rows"] == arm["rows"] == 120
    assert exported["label_threshold"] == arm["label_threshold"]
    ours, theirs = (found["test"]["toxicity"]["brier"]["value"] for found in (exported, arm))
    assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.usefixtures("cached_graph")
def test_a_missed_gate_is_a_failure_and_leaves_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LARGEST_DIFFERENCE", -1.0)
    ended = retort("export", run / "odd")
    assert ended.code == 6
    assert "onnx fp32 differs by up to" in ended.error
    assert "nothing was written" in ended.error
    assert ended.out == ""
    assert not list((run / "odd").glob("onnx*"))


@pytest.mark.parametrize(
    ("arguments", "code", "telling"),
    [
        (("gone",), 4, "no such folder"),
        (("{run}",), 4, "not a BERT"),
        (("{run}/odd", "--out", "{run}/odd"), 2, "not empty"),
        (("{run}/odd", "--out", "{run}/comments.parquet/x"), 2, "cannot be a folder"),
        (("{run}/odd", "--data", "gone.csv"), 3, "gone.csv"),
        (("{run}/odd", "--data", "{run}/odd/README.md"), 3, "README.md"),
        ((), 2, "MODEL"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(
    run: Path, arguments: tuple[str, ...], code: int, telling: str
) -> None:
    if telling == "not a BERT":
        (run / "config.json").write_text('{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}')
    before = sorted(run.rglob("*"))
    ended = retort("export", *(argument.format(run=run) for argument in arguments))
    assert ended.code == code
    assert telling in ended.error
    assert sorted(run.rglob("*")) == before


@pytest.mark.usefixtures("cached_graph")
def test_a_run_without_texts_is_exported_with_comments_from_elsewhere(run: Path, tiny_comments: Path) -> None:
    (run / "comments.parquet").unlink()
    ended = retort("export", run / "odd")
    assert ended.code == 2
    assert "--data" in ended.error
    ended = retort("export", run / "odd", "--data", tiny_comments, "--json")
    assert json.loads(ended.out)["parity"]["rows"] == 120
