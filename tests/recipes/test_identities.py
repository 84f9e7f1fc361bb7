"""Bias by identity: from the columns of the data, in comparison.json and in `retort evaluate`."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.recipes.evaluate import evaluate
from retort.recipes.further import settings_of_run
from retort.recipes.identities import bias_by_identity
from retort.recipes.judgement import comparison_of

OPTIONS = {"samples": 20, "seed": 0}


def with_identities(frame: pd.DataFrame) -> pd.DataFrame:
    """Every other comment mentions `female`, one nobody does, `black` was asked about for some."""
    shares = np.where(np.arange(len(frame)) % 2, 0.5, 0.49)
    asked = np.where(np.arange(len(frame)) < 30, 1.0, np.nan)
    return frame.assign(female=shares, black=asked, hindu=0.0)


def test_without_identity_columns_or_mentions_there_is_a_reason_in_place_of_figures():
    frame = pd.DataFrame({"female": [0.2, np.nan]})
    arguments = (np.array([0.0, 1.0]), {"odd": np.array([[0.1, 0.9]])}, {"odd": np.array([0.5])})
    assert bias_by_identity(frame, (), *arguments, **OPTIONS)["why"] == "the data has no identity columns"
    found = bias_by_identity(frame, ("female",), *arguments, **OPTIONS)
    assert found == {"arms": None, "pairs": [], "why": "no comment mentions an identity"}


def test_a_comparison_has_every_arm_less_the_teacher_by_identity(tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    with_identities(pd.read_parquet(run / runs.SPLITS)).to_parquet(run / runs.SPLITS, index=False)
    bias = comparison_of(run, settings_of_run(run, {}))["bias"]
    arms = list(runs.read_comparison(run)["arms"])
    assert list(bias["arms"]) == arms
    assert {(pair["a"], pair["b"]) for pair in bias["pairs"]} == {(a, "teacher") for a in arms if a != "teacher"}
    # In the task's order; the test split has 9 negatives and 9 positives, too few for any answer.
    assert list(bias["groups"]) == ["female", "hindu", "black"]
    assert bias["left_out"].keys() == bias["groups"].keys()
    assert bias["arms"]["odd"]["final"]["value"] is None


def test_evaluate_has_the_figures_of_groups_with_enough_comments(
    tiny_run: Path, tiny_comments: Path, tmp_path: Path
) -> None:
    path = tmp_path / "identities.csv"
    with_identities(pd.read_csv(tiny_comments)).to_csv(path, index=False)
    bias = evaluate(tiny_run / "tfidf", path, {})[1]["bias"]
    found = bias["arms"]["tfidf"]
    assert bias["in_final"] == ["female", "black"]
    assert bias["groups"]["black"]["rows"] == 30
    assert found["groups"]["female"]["subgroup_auc"]["value"] == pytest.approx(1.0, abs=0.3)
    assert found["groups"]["hindu"]["subgroup_auc"]["value"] is None
    assert evaluate(tiny_run / "tfidf", tiny_comments, {})[1]["bias"]["arms"] is None
