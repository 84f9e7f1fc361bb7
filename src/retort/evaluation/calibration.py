"""A model's probabilities on the scale of another scorer, so that thresholds tuned on that one carry over.

One monotone mapping per attribute: isotonic regression of the other scorer's scores on the model's (Zadrozny and
Elkan 2002, doi:10.1145/775047.775151), read as straight lines between its knots. Ranking stays exactly as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retort import runs
from retort.errors import DataError, ModelError

Array = NDArray[np.float64]

FEWEST_ROWS = 50
HELD_OUT = 0.25
# The share of the model's own score in a calibrated one. Isotonic regression has flat pieces, on which different
# comments would become equal.
_SLOPE = 1e-3
# Knots nearer than this are one; it keeps the curve rising in floating point too.
_KNOT_DECIMALS = 6
_SCHEMA = 1


@dataclass(frozen=True)
class Curve:
    """A strictly rising map of [0, 1] into itself: straight lines between its knots.

    scores: what the model says, (n_knots,), from 0 to 1 and rising. calibrated: what becomes of it, (n_knots,), rising.
    """

    scores: Array
    calibrated: Array

    def __call__(self, probabilities: Array) -> Array:
        """Calibrated scores, in the shape of the given ones."""
        return np.interp(probabilities, self.scores, self.calibrated)


@dataclass(frozen=True)
class Calibration:
    """One curve for each attribute that the other scorer rated."""

    curves: Mapping[str, Curve]

    def apply(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """By attribute; one without a curve keeps the model's own probability."""
        return {
            name: float(self.curves[name](np.asarray([value]))[0]) if name in self.curves else value
            for name, value in probabilities.items()
        }


@dataclass(frozen=True)
class Quality:
    """How near two scorers are on the same rows.

    mean_absolute_difference: 0 to 1, also the share of rows that a threshold drawn at random puts on different
    sides. spearman: -1 to 1; None when one of the two says the same of every row.
    """

    mean_absolute_difference: float
    spearman: float | None

    def as_json(self) -> dict[str, float | None]:
        return {"mean_absolute_difference": self.mean_absolute_difference, "spearman": self.spearman}


@dataclass(frozen=True)
class Fitted:
    """A curve, and how near both scorers are before and after it on rows that it was not fitted on.

    rows: how many it was fitted on; held_out: how many it was judged on.
    """

    curve: Curve
    rows: int
    held_out: int
    before: Quality
    after: Quality

    def as_json(self) -> dict[str, Any]:
        """How well it fits; the curve itself stands in calibration.json."""
        return {
            "rows": self.rows,
            "held_out": self.held_out,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
        }


def calibrate(scores: Array, wanted: Array, *, seed: int) -> Fitted:
    """Fits on three quarters of the rows, drawn with the seed, and judges on the others.

    scores: the model's, wanted: the other scorer's, both (n,) in [0, 1]. Raises DataError for fewer than 50 rows.
    """
    scores, wanted = np.asarray(scores, np.float64), np.asarray(wanted, np.float64)
    if len(scores) < FEWEST_ROWS:
        raise DataError(f"{len(scores)} rows with a score; give at least {FEWEST_ROWS}, better a thousand")
    order = np.random.default_rng(seed).permutation(len(scores))
    judged = round(HELD_OUT * len(scores))
    kept, held = order[judged:], order[:judged]
    curve = fit_curve(scores[kept], wanted[kept])
    before = quality(scores[held], wanted[held])
    return Fitted(curve, len(kept), judged, before, quality(curve(scores[held]), wanted[held]))


def fit_curve(scores: Array, wanted: Array) -> Curve:
    """The strictly rising curve nearest to `wanted` in squares; both (n,) in [0, 1], n >= 1."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, wanted)
    knots = np.unique(np.round([0.0, *np.asarray(found.X_thresholds_, np.float64), 1.0], _KNOT_DECIMALS))
    return Curve(knots, (1 - _SLOPE) * np.asarray(found.predict(knots), np.float64) + _SLOPE * knots)


def quality(scores: Array, wanted: Array) -> Quality:
    """Both (n,) in [0, 1], n >= 1."""
    from scipy import stats

    constant = len(np.unique(scores)) < 2 or len(np.unique(wanted)) < 2
    spearman = None if constant else float(stats.spearmanr(scores, wanted).statistic)
    return Quality(float(np.abs(scores - wanted).mean()), spearman)


def write_calibration(folder: Path, fitted: Mapping[str, Fitted], source: Mapping[str, Any]) -> None:
    """Writes calibration.json, and notes it in the folder's manifest where there is one.

    source: what it was fitted on, for those who read the file.
    """
    path = folder / runs.CALIBRATION
    attributes = {
        name: {"scores": one.curve.scores.tolist(), "calibrated": one.curve.calibrated.tolist(), **one.as_json()}
        for name, one in fitted.items()
    }
    runs.write_json(path, {"schema": _SCHEMA, "source": dict(source), "attributes": attributes})
    manifest = folder / runs.MANIFEST
    if manifest.is_file():
        # Only this entry: an export below the folder has a manifest of its own, and may be made anew.
        runs.write_json(manifest, runs.read_json(manifest, "it was there") | {runs.CALIBRATION: runs.sha256(path)})


def read_calibration(path: Path) -> Calibration:
    """Raises ModelError for a file that is not as `write_calibration` leaves it."""
    content = runs.read_json(path, "retort calibrate writes it")
    try:
        if content["schema"] != _SCHEMA:
            raise ModelError(f"{path}: of schema {content['schema']}, this retort reads {_SCHEMA}; calibrate again")
        return Calibration({str(name): _curve(one) for name, one in content["attributes"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: not as retort writes it ({error!r}); calibrate again") from error


def _curve(content: Mapping[str, Any]) -> Curve:
    scores, calibrated = (np.asarray(content[key], np.float64) for key in ("scores", "calibrated"))
    if scores.ndim != 1 or scores.shape != calibrated.shape or len(scores) < 2:
        raise ValueError(f"knots of shapes {scores.shape} and {calibrated.shape}")
    within = ((calibrated >= 0) & (calibrated <= 1)).all()  # NaN is not
    if (scores[0], scores[-1]) != (0, 1) or not ((np.diff(scores) > 0) & (np.diff(calibrated) > 0)).all() or not within:
        raise ValueError("knots that do not rise from 0 to 1")
    return Curve(scores, calibrated)
