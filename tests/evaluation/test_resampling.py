import numpy as np
import pytest
from sklearn import metrics as sk

from retort.evaluation import resampling
from retort.evaluation.metrics import METRICS, measure
from retort.evaluation.resampling import Ranking, resample


def drawn(rows: int, seed: int, *, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.3).astype(np.int64)
    labels[:2] = 0, 1
    scores = np.clip(rng.normal(0.3 + 0.3 * labels, 0.3), 0, 1)
    return labels, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_weighted_ranking_metrics_are_those_of_scikit_learn(ties, whole):
    for seed in range(25):
        labels, scores = drawn(60, seed, ties=ties)
        rng = np.random.default_rng(seed)
        weights = rng.integers(0, 4, (8, 60)).astype(np.float32) if whole else rng.random((8, 60)) + 0.01
        weights[:, :2] = 1
        found_ap, found_auc = Ranking(labels, scores).scores(weights)
        for row, ap, auc in zip(weights, found_ap, found_auc, strict=True):
            assert ap == pytest.approx(sk.average_precision_score(labels, scores, sample_weight=row), abs=1e-6)
            assert auc == pytest.approx(sk.roc_auc_score(labels, scores, sample_weight=row), abs=1e-6)


def test_metrics_of_a_resample_equal_those_of_its_comments_repeated(monkeypatch):
    labels, scores = drawn(40, 3, ties=True)
    kept = []

    def keep(*arguments):
        for counts in original(*arguments):
            kept.append(counts)
            yield counts

    original = resampling._draws
    monkeypatch.setattr(resampling, "_draws", keep)
    found = resample(labels, {"odd": scores}, 0.5, samples=30, seed=1)["odd"]
    for i, counts in enumerate(np.concatenate(kept)):
        assert counts.sum() == 40
        rows = np.repeat(np.arange(40), counts.astype(int))
        for metric, value in measure(labels[rows], scores[rows], 0.5).items():
            got = found[metric][i]
            assert np.isnan(got) if value is None else got == pytest.approx(value, abs=1e-5), metric


def test_every_arm_gets_the_same_resamples():
    labels, scores = drawn(100, 0, ties=False)
    found = resample(labels, {"odd": scores, "again": scores.copy(), "other": 1 - scores}, 0.5, samples=50, seed=0)
    for metric in METRICS:
        np.testing.assert_array_equal(found["odd"][metric], found["again"][metric])
    np.testing.assert_allclose(found["odd"]["roc_auc"], 1 - found["other"]["roc_auc"], atol=1e-9)


def test_resamples_without_a_positive_comment_give_no_ranking_metric():
    labels = np.array([1] + [0] * 19)
    found = resample(labels, {"odd": np.linspace(1, 0, 20)}, 0.5, samples=200, seed=0)["odd"]
    missing = np.isnan(found["average_precision"])
    assert 0.2 < missing.mean() < 0.5  # (19/20)**20 is 0.36
    np.testing.assert_array_equal(missing, np.isnan(found["recall"]))
    assert not np.isnan(found["accuracy"]).any()


def test_the_size_of_chunks_does_not_change_the_draws(monkeypatch):
    labels, scores = drawn(50, 0, ties=False)
    whole = resample(labels, {"odd": scores}, 0.5, samples=100, seed=0)["odd"]
    monkeypatch.setattr(resampling, "_CHUNK_ELEMENTS", 50 * 7)
    parts = resample(labels, {"odd": scores}, 0.5, samples=100, seed=0)["odd"]
    for metric in METRICS:
        np.testing.assert_allclose(whole[metric], parts[metric], rtol=1e-6)
