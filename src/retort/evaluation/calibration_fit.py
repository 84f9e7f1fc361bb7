"""Fits and chooses the calibration of one label on validation comments.

Every method is fitted, and the one with the lowest cross-fitted log loss is taken. "none" is a candidate, so that
calibration is kept only where it helps on comments that it was not fitted on; isotonic regression is one where there
are many comments.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from retort.evaluation.calibration import LogitLine, Map, Method, as_record
from retort.evaluation.curve import Array, Curve
from retort.evaluation.intervals import FEW
from retort.evaluation.probability import logit, sigmoid

METHODS: tuple[Method, ...] = get_args(Method)
FOLDS = 5
# Positives, and negatives, from which isotonic regression is a candidate. With fewer it wins by chance: on 1,500 real
# comments it was worse than a line on further ones each time (in general: Niculescu-Mizil and Caruana 2005,
# doi:10.1145/1102351.1102430).
ENOUGH_FOR_ISOTONIC = 1000
_WITHOUT_ISOTONIC = tuple(method for method in METHODS if method != "isotonic")

# In float64 a probability can reach 0 and 1, whose log-odds and log losses are infinite.
_MARGIN = 1e-12
# Steeper lines would round different probabilities to 1.
_SCALES = (0.05, 20.0)
# As in score_mapping.py: the share of the model's own probability, beyond the outermost knots of isotonic regression.
_SLOPE = 1e-3
# A difference of 1e-6 between two processors must not become one of 1e-4.
_STEEPEST = 50.0
# Knots that are closer could not be strictly rising in floating point.
_NARROWEST = 1e-9


@dataclass(frozen=True)
class FittedCalibration:
    """What was chosen for one label, and from what.

    found: the map, None for "none". log_loss: method -> cross-fitted mean log loss in nats, empty where none was
    computed. why: the reason for no calibration, None where there is none.
    """

    method: Method
    found: Map
    rows: int
    positives: int
    log_loss: dict[Method, float]
    why: str | None = None

    def __call__(self, probabilities: Array) -> Array:
        """Calibrated probabilities, (n,)."""
        return probabilities if self.found is None else self.found(probabilities)

    def as_json(self) -> dict[str, Any]:
        """The label's record in retort.json."""
        return {
            **as_record(self.method, self.found),
            "rows": self.rows,
            "positives": self.positives,
            "log_loss": dict(self.log_loss),
            "why": self.why,
        }


def fit_calibration(
    labels: Array, probabilities: Array, choice: Method | Literal["auto"] = "auto"
) -> FittedCalibration:
    """The calibration of one label: the best candidate by cross-fitted log loss, or the method that `choice` names.

    labels: (n,) of 0 and 1; probabilities: (n,), the model's own. With fewer than 10 comments on either side there is
    none, with the reason in `why`.
    """
    rows, positives = len(labels), int(labels.sum())
    if choice == "none":
        return FittedCalibration("none", None, rows, positives, {})
    why = too_few(rows, positives)
    if why is not None:
        return FittedCalibration("none", None, rows, positives, {}, f"not calibrated: {why}")
    losses = {method: cross_fitted_log_loss(labels, probabilities, method) for method in METHODS}
    candidates = METHODS if min(positives, rows - positives) >= ENOUGH_FOR_ISOTONIC else _WITHOUT_ISOTONIC
    # Of equal ones the first, which has the fewest parameters.
    method = min(candidates, key=losses.__getitem__) if choice == "auto" else choice
    return FittedCalibration(method, fit(labels, probabilities, method), rows, positives, losses)


def too_few(rows: int, positives: int) -> str | None:
    """Why nothing can be chosen on so few comments; None where there are enough."""
    for number, what in ((positives, "positive"), (rows - positives, "negative")):
        if number < FEW:
            return f"validation has {number} {what} comments of {rows:,}, fewer than {FEW}"
    return None


def fit(labels: Array, probabilities: Array, method: Method) -> Map:
    """One method fitted to all rows: labels (n,) of 0 and 1, probabilities (n,)."""
    match method:
        case "temperature":
            return fit_line(labels, probabilities, shifted=False)
        case "platt":
            return fit_line(labels, probabilities, shifted=True)
        case "isotonic":
            return fit_isotonic(labels, probabilities)
        case _:
            return None


def fit_line(labels: Array, probabilities: Array, *, shifted: bool) -> LogitLine:
    """Temperature scaling, or with a shift Platt scaling: the minimum of a convex log loss.

    Instead of 1 and 0 the targets are Platt's (n_pos + 1) / (n_pos + 2) and 1 / (n_neg + 2), so that comments which a
    threshold separates entirely do not get an infinite scale.
    """
    from scipy.optimize import minimize

    logits = logit(np.clip(probabilities, _MARGIN, 1 - _MARGIN))
    positives = labels.sum()
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))

    def loss_and_gradient(line: Array) -> tuple[float, Array]:
        scaled = line[0] * logits + line[1]
        errors = sigmoid(scaled) - targets
        return float((np.logaddexp(0, scaled) - targets * scaled).mean()), np.array(
            [(errors * logits).mean(), errors.mean()]
        )

    bounds = [_SCALES, (None, None) if shifted else (0.0, 0.0)]
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
    found = minimize(loss_and_gradient, [1.0, 0.0], jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return LogitLine(float(found.x[0]), float(found.x[1]))


def fit_isotonic(labels: Array, probabilities: Array) -> Curve:
    """Isotonic regression (Zadrozny and Elkan 2002, doi:10.1145/775047.775151), made strictly rising.

    Each of its flat pieces becomes one knot at the piece's mean score, and the curve is linear between knots (centered
    isotonic regression: Oron and Flournoy 2017, doi:10.1080/19466315.2017.1286256). One positive is added at the lowest
    score and one negative at the highest, as Platt's targets do, so that no comment gets 0 or 1.
    """
    from sklearn.isotonic import IsotonicRegression

    scores = np.concatenate([[probabilities.min()], probabilities, [probabilities.max()]])
    truths = np.concatenate([[1.0], labels, [0.0]])
    fitted = np.asarray(IsotonicRegression(out_of_bounds="clip").fit_transform(scores, truths), np.float64)
    values, piece, weights = np.unique(fitted, return_inverse=True, return_counts=True)
    centres, values = _pooled(np.bincount(piece, scores) / weights, values, weights.astype(np.float64))
    inside = (centres > _NARROWEST) & (centres < 1 - _NARROWEST)
    knots = np.concatenate([[0.0], centres[inside], [1.0]])
    return Curve(knots, (1 - _SLOPE) * np.interp(knots, centres, values) + _SLOPE * knots)


def _pooled(centres: Array, values: Array, weights: Array) -> tuple[Array, Array]:
    """Knots with no piece steeper than `_STEEPEST`: neighbours that are too close are replaced by their mean."""
    pieces: list[Array] = []
    for knot in np.stack([centres, values, weights], axis=1):
        while pieces and _too_close(pieces[-1], knot):
            before = pieces.pop()
            total = before[2] + knot[2]
            knot = np.append((before[2] * before[:2] + knot[2] * knot[:2]) / total, total)
        pieces.append(knot)
    kept = np.stack(pieces)
    return kept[:, 0], kept[:, 1]


def _too_close(left: Array, right: Array) -> bool:
    run, rise = right[:2] - left[:2]
    return bool(run < _NARROWEST or rise > _STEEPEST * run)


def cross_fitted_log_loss(labels: Array, probabilities: Array, method: Method) -> float:
    """The mean log loss of rows that the method was not fitted on: five folds, the same for every method."""
    if method == "none":
        return log_loss(labels, probabilities)
    from sklearn.model_selection import StratifiedKFold

    calibrated = np.empty(len(labels))
    for kept, held in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(probabilities, labels):
        found = fit(labels[kept], probabilities[kept], method)
        assert found is not None, "every method but none has a map"
        calibrated[held] = found(probabilities[held])
    return log_loss(labels, calibrated)


def log_loss(labels: Array, probabilities: Array) -> float:
    """The mean negative log likelihood of labels (n,) of 0 and 1, in nats."""
    clipped = np.clip(probabilities, _MARGIN, 1 - _MARGIN)
    return float(-(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped)).mean())
