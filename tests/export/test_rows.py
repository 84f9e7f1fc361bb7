"""Which comments an export is checked on, and which others int8 is calibrated with."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.errors import ConfigError, DataError, ModelError
from retort.export import rows as export_rows
from retort.export.rows import CalibrationTexts, ParityRows, read_rows
from retort.export.source import Source, read_source
from tests.conftest import tiny_rows


@pytest.fixture(scope="module")
def source(tiny_run: Path) -> Source:
    return read_source(tiny_run / "odd")


@pytest.fixture
def lone_arm(tiny_run: Path, tmp_path: Path) -> Path:
    """The odd arm outside of any run."""
    return shutil.copytree(tiny_run / "odd", tmp_path / "apart" / "from" / "odd")


def comments_file(folder: Path, rows: int = 40) -> Path:
    path = folder / "comments.csv"
    pd.DataFrame(tiny_rows()[:rows], columns=["id", "text", "toxicity", "insult"]).to_csv(path, index=False)
    return path


def texts_of(run: Path, split: str) -> list[str]:
    splits = pd.read_parquet(run / "splits.parquet")
    texts = pd.read_parquet(run / "comments.parquet").set_index("id")["text"]
    return texts[splits.loc[splits["split"] == split, "id"]].tolist()


def int8_rows(folder: Path, source: Source, data: Path | None) -> tuple[ParityRows, CalibrationTexts]:
    checked, calibration = read_rows(folder, source, data, {}, int8=True)
    assert calibration is not None
    assert not set(calibration.texts) & set(checked.texts)
    return checked, calibration


def test_an_arm_is_checked_on_the_validation_rows_of_its_run(tiny_run: Path, source: Source) -> None:
    checked, calibration = read_rows(tiny_run / "odd", source, None, {}, int8=False)
    assert sorted(checked.texts) == sorted(texts_of(tiny_run, "validation"))
    assert checked.origin == "validation rows of the run"
    assert calibration is None
    by_text = {text: [t >= 0.6, i >= 0.6] for _, text, t, i in tiny_rows()}
    np.testing.assert_array_equal(checked.labels, [by_text[text] for text in checked.texts])


def test_int8_is_calibrated_with_training_rows(tiny_run: Path, source: Source) -> None:
    checked, calibration = int8_rows(tiny_run / "odd", source, None)
    assert len(checked.texts) == len(texts_of(tiny_run, "validation"))
    assert len(calibration.texts) == 64
    assert set(calibration.texts) <= set(texts_of(tiny_run, "train"))
    assert calibration.origin == "training rows of the run"


def test_training_rows_that_are_checked_are_not_used_for_calibration(
    tiny_run: Path, tmp_path: Path, source: Source
) -> None:
    checked, calibration = int8_rows(tiny_run / "odd", source, comments_file(tmp_path, rows=100))
    assert len(checked.texts) == 100
    assert calibration.origin == "training rows of the run"
    # Only where none is left, rows of the file are set apart.
    checked, calibration = int8_rows(tiny_run / "odd", source, comments_file(tmp_path, rows=120))
    assert calibration.origin == "first comments of comments.csv"
    assert len(checked.texts) + len(calibration.texts) == 120


def test_without_a_run_the_first_rows_of_the_file_calibrate_and_the_others_check(
    lone_arm: Path, tmp_path: Path, source: Source
) -> None:
    checked, calibration = int8_rows(lone_arm, source, comments_file(tmp_path, rows=40))
    texts = [text for _, text, *_ in tiny_rows()]
    assert sorted(calibration.texts) == sorted(texts[:10])
    assert checked.texts == texts[10:40]
    checked, _ = read_rows(lone_arm, source, comments_file(tmp_path, rows=40), {}, int8=False)
    assert checked.texts == texts[:40]


def test_three_rows_are_too_few_for_int8(lone_arm: Path, tmp_path: Path, source: Source) -> None:
    data = comments_file(tmp_path, rows=3)
    assert len(read_rows(lone_arm, source, data, {}, int8=False)[0].texts) == 3
    with pytest.raises(DataError, match=r"comments of comments\.csv: only 3; int8 needs at least 4"):
        read_rows(lone_arm, source, data, {}, int8=True)


def test_of_a_large_file_evenly_spaced_rows_are_checked(
    tiny_run: Path, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "MOST_CHECKED", 10)
    checked, _ = read_rows(tiny_run / "odd", source, comments_file(tmp_path, rows=28), {}, int8=False)
    assert checked.texts == [tiny_rows()[place][1] for place in range(0, 28, 3)]


def test_labels_are_made_with_the_models_own_threshold(tiny_run: Path, tmp_path: Path, source: Source) -> None:
    strict = dataclasses.replace(source, about=source.about | {"label_threshold": 0.85})
    data = comments_file(tmp_path)
    usual, strictly = (read_rows(tiny_run / "odd", one, data, {}, int8=False)[0].labels for one in (source, strict))
    assert usual[:, 0].sum() > strictly[:, 0].sum() > 0
    assert strictly[:, 1].sum() == 0


def test_a_model_of_another_task_than_its_run_is_refused(tiny_run: Path, tmp_path: Path, source: Source) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    comparison = runs.read_comparison(run)
    runs.write_json(run / runs.COMPARISON, comparison | {"task": comparison["task"] | {"name": "rudeness"}})
    with pytest.raises(ModelError, match=r"odd: its task is not that of the run: .* not for 'rudeness'"):
        read_rows(run / "odd", source, None, {}, int8=False)


def test_without_comments_they_are_asked_for(tiny_run: Path, tmp_path: Path, lone_arm: Path, source: Source) -> None:
    with pytest.raises(ConfigError, match="name some with --data"):
        read_rows(lone_arm, source, None, {}, int8=False)
    run = tmp_path / "run"
    shutil.copytree(lone_arm, run / "odd")
    shutil.copy(tiny_run / "splits.parquet", run)
    with pytest.raises(ConfigError, match=r"keeps no texts \(--no-texts\)"):
        read_rows(run / "odd", source, None, {}, int8=False)
    # int8 is then calibrated with the file's.
    _, calibration = int8_rows(run / "odd", source, comments_file(tmp_path))
    assert calibration.origin == "first comments of comments.csv"
