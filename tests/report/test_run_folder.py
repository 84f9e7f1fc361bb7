"""Predictions of every seed, from the folders where a run keeps them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.errors import ModelError
from retort.report.run_folder import SEEDS, UNCALIBRATED, read_run


@pytest.fixture(scope="module")
def run(seeded):
    return read_run(seeded)


def test_predictions_are_those_of_every_seed_the_first_from_the_arms_own_folder(run, seeded) -> None:
    scores = run.judged().scores
    assert {arm: p.shape for arm, p in scores.items()} == {
        arm: (1 if arm == "majority" else 3, 300) for arm in run.comparison.arms
    }
    places = [seeded / "odd", seeded / SEEDS / "1" / "odd", seeded / SEEDS / "2" / "odd"]
    for place, of_seed in zip(places, scores["odd"], strict=True):
        frame = pd.read_parquet(place / runs.PREDICTIONS).set_index("id").loc[run.judged().ids]
        assert np.array_equal(of_seed, frame["toxicity"].to_numpy())
    assert np.array_equal(run.judged().first("odd"), scores["odd"][0])


def test_probabilities_before_calibration_have_columns_of_their_own_and_equal_the_others_without(run) -> None:
    judged = run.judged()
    frame = run.predictions["odd"][1].loc[judged.ids]
    assert np.array_equal(judged.uncalibrated["odd"][1], frame["toxicity" + UNCALIBRATED].to_numpy())
    assert not np.array_equal(judged.uncalibrated["odd"], judged.scores["odd"])
    assert np.array_equal(judged.uncalibrated["majority"], judged.scores["majority"])


def test_a_missing_seed_is_named(seeded, tmp_path) -> None:
    folder = shutil.copytree(seeded, tmp_path / "run")
    (folder / SEEDS / "2" / "odd" / runs.PREDICTIONS).unlink()
    with pytest.raises(ModelError, match=r"seeds.2.odd.predictions\.parquet"):
        read_run(folder)
