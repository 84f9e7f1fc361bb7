"""Predictions of every seed, from the folders where a run keeps them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.errors import ModelError
from retort.evaluation.predictions import uncalibrated
from retort.report.run_folder import read_run


@pytest.fixture(scope="module")
def run(seeded):
    return read_run(seeded)


def test_predictions_are_those_of_every_seed_the_first_from_the_arms_own_folder(run, seeded) -> None:
    scores = run.judged().scores
    assert {arm: p.shape for arm, p in scores.items()} == {
        arm: (1 if arm == "majority" else 3, 300) for arm in run.comparison.arms
    }
    places = [seeded / "odd", seeded / runs.SEEDS / "1" / "odd", seeded / runs.SEEDS / "2" / "odd"]
    for place, of_seed in zip(places, scores["odd"], strict=True):
        frame = pd.read_parquet(place / runs.PREDICTIONS).set_index("id").loc[run.judged().ids]
        assert np.array_equal(of_seed, frame["toxicity"].to_numpy())
    assert np.array_equal(run.judged().first("odd"), scores["odd"][0])


def test_probabilities_before_calibration_have_columns_of_their_own_and_equal_the_others_without(run) -> None:
    judged = run.judged()
    frame = run.predictions["odd"][1].loc[judged.ids]
    assert np.array_equal(judged.uncalibrated["odd"][1], uncalibrated(frame, "toxicity"))
    assert not np.array_equal(judged.uncalibrated["odd"], judged.scores["odd"])
    assert np.array_equal(judged.uncalibrated["majority"], judged.scores["majority"])


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_without_calibration_beside_calibrated_ones_has_its_own_probabilities(make_run, tmp_path, seed) -> None:
    """Each seed chooses its method by itself, and `none` leaves no second column."""
    folder = make_run(tmp_path / "run", arms=("teacher", "odd"), seeds=(0, 1), calibrated=True)
    path = (folder / "odd" if seed == 0 else folder / runs.SEEDS / "1" / "odd") / runs.PREDICTIONS
    frame = pd.read_parquet(path)
    frame[[name for name in frame if "__" not in name]].to_parquet(path, index=False)
    judged = read_run(folder).judged()
    for number, (own, final) in enumerate(zip(judged.uncalibrated["odd"], judged.scores["odd"], strict=True)):
        assert np.array_equal(own, final) == (number == seed)


def test_a_missing_seed_is_named(seeded, tmp_path) -> None:
    folder = shutil.copytree(seeded, tmp_path / "run")
    (folder / runs.SEEDS / "2" / "odd" / runs.PREDICTIONS).unlink()
    with pytest.raises(ModelError, match=r"seeds.2.odd.predictions\.parquet"):
        read_run(folder)
