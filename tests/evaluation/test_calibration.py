"""Calibrated probabilities keep their order, come nearer to what was observed, and are applied as they were fitted."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import _SigmoidCalibration  # type: ignore[attr-defined]
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from retort.evaluation.calibration import Calibration, LogitLine, Method, as_record, read_map
from retort.evaluation.calibration_fit import (
    METHODS,
    cross_fitted_log_loss,
    fit,
    fit_calibration,
    fit_isotonic,
    fit_line,
    log_loss,
)
from retort.evaluation.curve import Curve
from retort.evaluation.metrics import expected_calibration_error
from retort.evaluation.probability import logit, sigmoid

FITTED: tuple[Method, ...] = ("temperature", "platt", "isotonic")


def drawn(rows: int, *, scale: float = 1.0, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities of a model whose log-odds would be right after `scale * logit + shift`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-1.5, 2, rows)
    labels = (generator.random(rows) < sigmoid(scale * logits + shift)).astype(np.float64)
    return labels, sigmoid(logits)


# --- applying ---


@settings(deadline=None)
@given(st.floats(0.25, 20), st.integers(0, 2**32 - 1))
def test_temperature_never_changes_roc_auc(temperature: float, seed: int) -> None:
    labels, probabilities = drawn(200, seed=seed)
    scaled = LogitLine(1 / temperature, 0.0)(probabilities)
    assert roc_auc_score(labels, scaled) == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)


@pytest.mark.parametrize("method", FITTED)
def test_no_fitted_map_changes_roc_auc(method: Method) -> None:
    labels, probabilities = drawn(2000, scale=0.5, shift=0.3)
    found = fit(labels, probabilities, method)
    assert found is not None
    assert roc_auc_score(labels, found(probabilities)) == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)


def test_temperature_two_halves_the_log_odds_and_keeps_zero_half_and_one() -> None:
    halved = LogitLine(0.5, 0.0)(np.array([0.0, sigmoid(np.array([3.0]))[0], 0.5, 1.0]))
    assert halved == pytest.approx([0, sigmoid(np.array([1.5]))[0], 0.5, 1], abs=1e-15)


def test_each_label_has_its_own_map_and_one_without_a_record_keeps_its_probability() -> None:
    about = {"calibration": {"insult": {"method": "platt", "scale": 2.0, "shift": -1.0}, "threat": {"method": "none"}}}
    given_ones = np.random.default_rng(0).random((5, 3))
    calibrated = Calibration.of(about, ("toxicity", "insult", "threat"))(given_ones)
    assert (calibrated[:, [0, 2]] == given_ones[:, [0, 2]]).all()
    assert calibrated[:, 1] == pytest.approx(sigmoid(2 * logit(given_ones[:, 1]) - 1))


@pytest.mark.parametrize("about", [{}, {"calibration": None}, {"calibration": {"toxicity": {"method": "none"}}}])
def test_a_folder_without_a_calibration_keeps_its_very_probabilities(about: dict[str, Any]) -> None:
    probabilities = np.random.default_rng(0).random((4, 1))
    assert Calibration.of(about, ("toxicity",))(probabilities) is probabilities
    assert Calibration()(probabilities) is probabilities


@pytest.mark.parametrize("method", METHODS)
def test_what_is_read_from_a_record_is_what_was_fitted(method: Method) -> None:
    labels, probabilities = drawn(300, scale=0.4)
    found = fit(labels, probabilities, method)
    again = read_map(as_record(method, found))
    if found is None:
        assert again is None
    else:
        assert again is not None
        np.testing.assert_allclose(again(probabilities), found(probabilities), rtol=1e-14)


@pytest.mark.parametrize(
    "record",
    [
        {"method": "beta"},
        {"method": "temperature", "temperature": 0},
        {"method": "temperature", "temperature": -1},
        {"method": "temperature", "temperature": float("nan")},
        {"method": "platt", "scale": 1.0},
        {"method": "platt", "scale": -1.0, "shift": 0.0},
        {"method": "platt", "scale": 1.0, "shift": float("inf")},
        {"method": "isotonic", "scores": [0, 1], "calibrated": [0.5, 0.5]},
        {},
    ],
)
def test_a_record_that_retort_did_not_write_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, ZeroDivisionError)):
        read_map(record)


# --- fitting ---


def test_platt_scaling_equals_scikit_learn() -> None:
    labels, probabilities = drawn(400, scale=0.6, shift=0.5)
    theirs = _SigmoidCalibration().fit(logit(probabilities), labels)
    ours = fit_line(labels, probabilities, shifted=True)
    assert (ours.scale, ours.shift) == pytest.approx((-theirs.a_, -theirs.b_), rel=1e-4)


def test_the_temperature_has_the_lowest_log_loss_of_all() -> None:
    labels, probabilities = drawn(400, scale=0.6)
    positives = labels.sum()
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))
    best = minimize_scalar(
        lambda scale: log_loss(targets, LogitLine(scale, 0.0)(probabilities)), bounds=(0.01, 10), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    found = fit_line(labels, probabilities, shifted=False)
    assert (found.scale, found.shift) == (pytest.approx(best.x, rel=1e-5), 0.0)


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.0), (2.0, 0.7), (1.0, -1.0)])
def test_fits_find_the_line_that_the_labels_were_drawn_from(scale: float, shift: float) -> None:
    found = fit_line(*drawn(200_000, scale=scale, shift=shift), shifted=True)
    assert (found.scale, found.shift) == pytest.approx((scale, shift), abs=0.03)


def test_the_pieces_of_isotonic_regression_are_scikit_learns() -> None:
    labels, probabilities = drawn(400, scale=0.5)
    found = fit_isotonic(labels, probabilities)
    scores = np.concatenate([[probabilities.min()], probabilities, [probabilities.max()]])
    fitted = IsotonicRegression().fit_transform(scores, np.concatenate([[1], labels, [0]]))
    pieces = [(scores[fitted == value].mean(), value) for value in np.unique(fitted)]
    ours = {round(score, 9): value for score, value in zip(found.scores, found.calibrated, strict=True)}
    kept = [(score, value) for score, value in pieces if round(score, 9) in ours]
    assert len(kept) > 0.8 * len(pieces)  # the others are too near to a neighbour
    for score, value in kept:
        assert ours[round(score, 9)] == pytest.approx(0.999 * value + 0.001 * score)


shares = st.floats(0, 1)


@settings(deadline=None)
@example([(0.0, False), (0.9999999999999999, False), (1.0, False)])
@example([(0.5, False)] * 20 + [(0.5001, True)] * 20)
@given(st.lists(st.tuples(shares, st.booleans()), min_size=2, max_size=60))
def test_isotonic_regression_creates_no_ties_no_certainty_and_no_cliff(rows: list[tuple[float, bool]]) -> None:
    probabilities, labels = np.array([p for p, _ in rows]), np.array([float(label) for _, label in rows])
    found = fit_isotonic(labels, probabilities)
    Curve.of(found.as_json())  # refuses one that does not rise
    points = np.arange(10_001) / 10_000
    rises = np.diff(found(points))
    assert (rises > 0).all()
    assert rises.max() <= 50.1 / 10_000
    assert 0 < found(probabilities).min() <= found(probabilities).max() < 1


def test_comments_that_a_threshold_separates_get_no_infinite_scale() -> None:
    labels = np.repeat([0.0, 1.0], 50)
    probabilities = np.linspace(0.1, 0.9, 100)
    for method in FITTED:
        found = fit(labels, probabilities, method)
        assert found is not None
        calibrated = found(probabilities)
        assert 0.5 < calibrated.max() < 1 - 1e-7


def test_probabilities_of_zero_and_one_can_be_fitted() -> None:
    labels, probabilities = drawn(200)
    probabilities[:20], probabilities[20:40] = 0.0, 1.0
    assert np.isfinite(fit_calibration(labels, probabilities).log_loss["none"])


# --- choosing ---


@pytest.mark.parametrize("method", FITTED)
def test_the_log_loss_is_that_of_rows_which_were_not_fitted(method: Method) -> None:
    labels, probabilities = drawn(120, scale=0.4)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    losses = np.empty(120)
    for kept, held in folds.split(probabilities, labels):
        found = fit(labels[kept], probabilities[kept], method)
        assert found is not None
        for row in held:
            losses[row] = sklearn_log_loss([labels[row]], [found(probabilities[[row]])[0]], labels=[0, 1])
    assert cross_fitted_log_loss(labels, probabilities, method) == pytest.approx(losses.mean(), abs=1e-9)
    assert cross_fitted_log_loss(labels, probabilities, "none") == pytest.approx(
        sklearn_log_loss(labels, probabilities), abs=1e-9
    )


@pytest.mark.parametrize(
    ("expected", "scale", "shift"), [("none", 1.0, 0.0), ("temperature", 0.4, 0.0), ("platt", 0.7, 1.0)]
)
def test_the_method_that_fits_the_models_fault_is_chosen_most_often(
    expected: Method, scale: float, shift: float
) -> None:
    chosen = Counter(fit_calibration(*drawn(600, scale=scale, shift=shift, seed=seed)).method for seed in range(15))
    assert chosen.most_common(1)[0][0] == expected
    assert chosen[expected] >= 8


def test_the_method_of_the_lowest_log_loss_is_chosen() -> None:
    for seed in range(5):
        found = fit_calibration(*drawn(200, scale=0.8, seed=seed))
        others = {method: loss for method, loss in found.log_loss.items() if method != "isotonic"}
        assert found.log_loss[found.method] == min(others.values())


def test_a_fault_that_no_line_can_mend_takes_isotonic_regression() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.random(4000)
    labels = (generator.random(4000) < np.where(probabilities < 0.5, 0.1, 0.6)).astype(np.float64)
    assert fit_calibration(labels, probabilities).method == "isotonic"
    # 1,000 positives are needed, and 1,000 negatives.
    few = fit_calibration(labels[:2000], probabilities[:2000])
    assert few.log_loss["isotonic"] == min(few.log_loss.values())
    assert few.method != "isotonic"
    assert fit_calibration(labels[:2000], probabilities[:2000], "isotonic").method == "isotonic"


@pytest.mark.parametrize("method", FITTED)
def test_calibration_brings_probabilities_nearer_to_what_is_observed(method: Method) -> None:
    labels, probabilities = drawn(3000, scale=0.4)
    fresh_labels, fresh = drawn(20_000, scale=0.4, seed=1)
    found = fit_calibration(labels, probabilities, method)
    assert found.method == method
    before = expected_calibration_error(fresh_labels.astype(int), fresh)
    assert before > 0.1
    assert expected_calibration_error(fresh_labels.astype(int), found(fresh)) < 0.03


@pytest.mark.parametrize(("positives", "side"), [(9, "9 positive"), (91, "9 negative")])
def test_fewer_than_ten_comments_on_a_side_give_no_calibration_and_the_reason(positives: int, side: str) -> None:
    labels = (np.arange(100) < positives).astype(np.float64)
    probabilities = np.random.default_rng(0).random(100)
    for choice in ("auto", "temperature"):
        found = fit_calibration(labels, probabilities, choice)  # type: ignore[arg-type]
        assert (found.method, found.log_loss) == ("none", {})
        assert found.why == f"not calibrated: validation has {side} comments of 100, fewer than 10"
        assert (found(probabilities) == probabilities).all()


def test_the_record_says_what_was_compared() -> None:
    labels, probabilities = drawn(500, scale=0.4)
    record = fit_calibration(labels, probabilities).as_json()
    assert record["rows"] == 500
    assert record["positives"] == labels.sum()
    assert set(record["log_loss"]) == set(METHODS)
    assert record["why"] is None
    assert fit_calibration(labels, probabilities, "none").as_json() == {
        "method": "none", "rows": 500, "positives": labels.sum(), "log_loss": {}, "why": None,
    }  # fmt: skip
