"""The band that people review holds the share asked for, lies around the threshold, and gains what it promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retort.evaluation.probability import sigmoid
from retort.evaluation.review import in_band, review_band, review_bands, reviewed

SCORES = np.random.default_rng(0).beta(0.4, 2, 1000)


@pytest.mark.parametrize("threshold", [0.1, 0.37, 0.5, 0.9])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 1.0])
def test_the_share_asked_for_is_in_the_band_around_the_threshold(threshold: float, share: float) -> None:
    band = review_band(SCORES, threshold, share)
    assert band is not None
    assert in_band(SCORES, band).sum() == 1000 * share
    assert 0 <= band[0] < threshold < band[1] <= 1


# Closer to 0 than the rounding of 1 - p, a score and its opposite cannot be told apart.
MILLIONTHS = st.integers(0, 10**6).map(lambda number: number / 10**6)


@given(st.floats(0.01, 0.99), st.lists(MILLIONTHS, min_size=1, max_size=50), st.floats(0.001, 1))
def test_no_band_holds_more_than_its_share(threshold: float, scores: list[float], share: float) -> None:
    band = review_band(np.array(scores), threshold, share)
    if band is not None:
        assert 1 <= in_band(np.array(scores), band).sum() <= share * len(scores) + 0.5 + 1e-9


def test_no_comment_outside_the_band_is_at_a_higher_risk_than_one_inside() -> None:
    threshold = 0.3
    band = review_band(SCORES, threshold, 0.1)
    assert band is not None
    # What a wrong verdict costs, when the threshold is the best one for these costs.
    missed, false_alarm = 1 - threshold, threshold
    risks = np.where(threshold <= SCORES, (1 - SCORES) * false_alarm, SCORES * missed)
    assert risks[in_band(SCORES, band)].min() > risks[~in_band(SCORES, band)].max()


def test_a_larger_shares_band_holds_a_smaller_ones() -> None:
    bands = review_bands(SCORES, 0.4, (0.01, 0.05, 0.1))
    assert list(bands) == ["0.01", "0.05", "0.1"]
    (a, b), (c, d), (e, f) = bands.values()
    assert e < c < a < b < d < f


def test_a_share_of_less_than_half_a_comment_has_no_band() -> None:
    assert review_bands(SCORES[:40], 0.4, (0.01, 0.05)).keys() == {"0.05"}
    assert review_band(np.full(100, 0.3), 0.5, 0.05) is None


def test_reviewed_comments_count_as_decided_rightly() -> None:
    labels = np.array([1, 0, 1, 0, 1, np.nan])
    scores = np.array([0.9, 0.6, 0.4, 0.3, 0.1, 0.5])
    assert reviewed(labels, scores, 0.5, (0.35, 0.65)) == {
        "share": 0.4,
        "accuracy": 0.8,
        "recall": pytest.approx(2 / 3),
    }
    assert reviewed(labels, scores, 0.5, (0, 1)) == {"share": 1.0, "accuracy": 1.0, "recall": 1.0}
    nobody = reviewed(labels, scores, 0.5, (0.5, 0.5))
    assert nobody == {"share": 0.0, "accuracy": 0.4, "recall": pytest.approx(1 / 3)}


def test_recall_without_positives_does_not_exist() -> None:
    found = reviewed(np.zeros(4), np.full(4, 0.2), 0.5, (0.1, 0.3))
    assert found == {"share": 1.0, "accuracy": 1.0, "recall": None, "why": "no comment is positive"}
    assert reviewed(np.full(4, np.nan), np.full(4, 0.2), 0.5, (0.1, 0.3))["accuracy"] is None


def test_reviewing_gains_more_than_reviewing_at_random() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(-1.5, 2, 20_000)
    scores, labels = sigmoid(logits), (generator.random(20_000) < sigmoid(logits)).astype(np.float64)
    band = review_band(scores, 0.5, 0.1)
    assert band is not None
    alone = ((scores >= 0.5) == (labels == 1)).mean()
    found = reviewed(labels, scores, 0.5, band)
    assert found["accuracy"] > alone + 2 * 0.1 * (1 - alone)
