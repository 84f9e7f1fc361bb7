"""Two processes train what one trains: the same sums, the same steps, the same models; and the first alone writes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from tests.command import QUICK, changed, retort, without_report

pytestmark = pytest.mark.slow

RETORT_WITHOUT_REPORT = """
from unittest import mock
from retort.cli import main
with mock.patch("retort.recipes.compare.write_report"):
    main()
"""
# 84 training rows: batches of 83 leave one row, so that one of two processes has none; batches of 9 leave three;
# and parts of a batch fall on the processes unequally.
SETTINGS = {
    "arms": '["tfidf","teacher","odd","lora","lora-odd"]',
    "teacher.batch_size": 83,
    "student.batch_size": 9,
    "student.accumulation_steps": 3,
    "lora_training.batch_size": 10,
    "lora_training.accumulation_steps": 2,
    "lora.dropout": 0,
    **{f"{table}.dropout": 0 for table in ("teacher", "student", "lora_training")},
    **{f"{table}.learning_rate": 1e-3 for table in ("teacher", "student", "lora_training")},
    **{f"{table}.epochs": 2 for table in ("teacher", "student", "lora_training")},
}


@pytest.fixture(scope="module")
def both(tiny_bert: Path, tiny_comments: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """The run of one process, that of two, and the stderr of the two."""
    folder = tmp_path_factory.mktemp("processes")
    script = folder / "retort_without_report.py"
    script.write_text(RETORT_WITHOUT_REPORT)

    def arguments(name: str) -> list[str]:
        chosen = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
        files = ["--base", str(tiny_bert), "--data", str(tiny_comments), "--out", str(folder / name)]
        return ["compare", "--json", *files, *QUICK, *chosen]

    with without_report():
        assert retort(*arguments("one")).code == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    ended = subprocess.run(
        [*torchrun, str(script), *arguments("two")], capture_output=True, text=True, timeout=120, env=changed({}),
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    # One process prints; two would print it twice.
    assert json.loads(ended.stdout)["schema"] == 3
    return folder / "one", folder / "two", ended.stderr


def test_there_really_were_two_processes(both: tuple[Path, Path, str]) -> None:
    one, two, _ = both
    assert [json.loads((run / "run.json").read_text())["processes"] for run in (one, two)] == [1, 2]


@pytest.mark.parametrize("arm", ["teacher", "odd", "lora", "lora-odd"])
def test_two_processes_learn_the_weights_of_one(both: tuple[Path, Path, str], arm: str) -> None:
    name = "adapter_model.safetensors" if arm.startswith("lora") else "model.safetensors"
    expected, found = (load_file(run / arm / name) for run in both[:2])
    assert expected.keys() == found.keys()
    for tensor, values in expected.items():
        np.testing.assert_allclose(found[tensor], values, atol=1e-4, err_msg=tensor)


@pytest.mark.parametrize("arm", ["teacher", "odd", "lora", "lora-odd"])
def test_two_processes_report_the_same_losses_and_keep_the_same_epoch(both: tuple[Path, Path, str], arm: str) -> None:
    one, two = (json.loads((run / "comparison.json").read_text())["arms"][arm] for run in both[:2])
    assert one["best_epoch"] == two["best_epoch"]
    for expected, found in zip(one["history"], two["history"], strict=True):
        assert found["validation_loss"] == pytest.approx(expected["validation_loss"], abs=1e-4)
        for term, value in expected["train_loss"].items():
            assert found["train_loss"][term] == pytest.approx(value, abs=1e-4), term


def test_two_processes_leave_the_predictions_and_files_of_one(both: tuple[Path, Path, str]) -> None:
    one, two, _ = both
    files = [{p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()} for run in (one, two)]
    assert files[0] == files[1]
    assert sorted(p.name for p in two.parent.iterdir()) == ["one", "retort_without_report.py", "two"]
    for arm in ("tfidf", "teacher", "odd", "lora", "lora-odd"):
        expected, found = (pd.read_parquet(run / arm / "predictions.parquet") for run in (one, two))
        assert list(expected["id"]) == list(found["id"])
        np.testing.assert_allclose(found["toxicity"], expected["toxicity"], atol=1e-4)


def test_one_of_two_processes_prints_the_progress(both: tuple[Path, Path, str]) -> None:
    assert both[2].count("train: 84 comments") == 1
    assert both[2].count("epoch 1:") == 4
