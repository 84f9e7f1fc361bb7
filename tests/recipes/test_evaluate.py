"""A model judged on a file: with the threshold and the task that its folder records."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retort import runs
from retort.errors import DataError, ModelError
from retort.recipes.calibrate import calibrate_model
from retort.recipes.evaluate import evaluate
from tests.inference.foreign_folder import write_foreign


def rewritten_tfidf(tiny_run: Path, folder: Path, change: dict[str, Any], drop: tuple[str, ...] = ()) -> Path:
    """The tfidf arm with other keys in its retort.json."""
    shutil.copytree(tiny_run / "tfidf", folder)
    about = runs.read_json(folder / runs.RETORT, "") | change
    runs.write_json(folder / runs.RETORT, {key: value for key, value in about.items() if key not in drop})
    runs.write_manifest(folder)
    return folder


def test_labels_are_made_with_the_threshold_of_the_folder(tiny_run: Path, tiny_comments: Path, tmp_path: Path) -> None:
    """0.7 ratings are positive at 0.6 and negative at 0.8."""
    usual = evaluate(tiny_run / "tfidf", tiny_comments, {})[1]
    strict = evaluate(rewritten_tfidf(tiny_run, tmp_path / "strict", {"label_threshold": 0.8}), tiny_comments, {})[1]
    assert (usual["label_threshold"], strict["label_threshold"]) == (0.6, 0.8)
    precision = [found["test"]["toxicity"]["precision"]["value"] for found in (usual, strict)]
    assert precision[0] > precision[1]


def test_a_folder_of_schema_1_is_judged_as_before(tiny_run: Path, tiny_comments: Path, tmp_path: Path) -> None:
    former = rewritten_tfidf(
        tiny_run, tmp_path / "old", {"schema": 1, "kind": "tfidf"}, drop=("task", "role", "loader")
    )
    assert evaluate(former, tiny_comments, {}) == evaluate(tiny_run / "tfidf", tiny_comments, {})


def test_a_foreign_classifier_is_judged_with_the_threshold_of_the_task(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    folder = write_foreign(tmp_path / "theirs", tiny_bert, {0: "insult", 1: "toxicity"})
    result = evaluate(folder, tiny_comments, {})[1]
    assert result["label_threshold"] == 0.6
    assert list(result["test"]) == ["toxicity", "insult"]


@pytest.mark.parametrize("run", [evaluate, calibrate_model])
def test_a_file_without_the_primary_label_is_refused_with_the_flag_that_names_it(
    tiny_run: Path, tiny_comments: Path, tmp_path: Path, run: Any
) -> None:
    path = tmp_path / "other.csv"
    pd.read_csv(tiny_comments).rename(columns={"toxicity": "theirs"}).to_csv(path, index=False)
    model = shutil.copytree(tiny_run / "tfidf", tmp_path / "tfidf")
    with pytest.raises(DataError, match="--column toxicity="):
        run(model, path, {})
    run(model, path, {"toxicity": "theirs"})


@pytest.mark.parametrize("run", [evaluate, calibrate_model])
def test_a_foreign_label_that_the_task_lacks_is_refused(
    tiny_bert: Path, tiny_comments: Path, tmp_path: Path, run: Any
) -> None:
    folder = write_foreign(tmp_path / "theirs", tiny_bert, num_labels=1)
    with pytest.raises(ModelError, match="its label 'label_0' is none of the task's"):
        run(folder, tiny_comments, {})
