"""A model's probabilities mapped to the scale of another scorer, so that thresholds tuned on that scorer still work.

One monotone mapping for each label: isotonic regression of the other scorer's scores on the model's (Zadrozny and
Elkan 2002, doi:10.1145/775047.775151), interpolated linearly between its knots. Rankings do not change. A model's own
calibration, to the shares of positives observed at its probabilities, is in calibration.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs
from retort.errors import DataError, ModelError
from retort.evaluation.curve import Array, Curve

FEWEST_ROWS = 50
HELD_OUT = 0.25
# The share of the model's own score in a calibrated one. Isotonic regression has flat pieces, where different
# comments would get equal scores.
_SLOPE = 1e-3
# Knots are rounded to this many decimals, which keeps the curve strictly rising in floating point.
_KNOT_DECIMALS = 6
_SCHEMA = 1


@dataclass(frozen=True)
class ScoreMapping:
    """One curve for each label that the other scorer rated; applied to calibrated probabilities (calibration.py)."""

    curves: Mapping[str, Curve]

    def apply(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Calibrated probabilities by label; a label without a curve keeps the model's own."""
        return {
            name: float(self.curves[name](np.asarray([value]))[0]) if name in self.curves else value
            for name, value in probabilities.items()
        }


@dataclass(frozen=True)
class Agreement:
    """How close two scorers are on the same rows.

    mean_absolute_difference: 0 to 1; also the share of rows that a threshold drawn at random puts on different sides.
    spearman: rank correlation, -1 to 1; None when one of the two scorers gives every row the same score.
    """

    mean_absolute_difference: float
    spearman: float | None

    def as_json(self) -> dict[str, float | None]:
        """Both figures by name."""
        return {"mean_absolute_difference": self.mean_absolute_difference, "spearman": self.spearman}


@dataclass(frozen=True)
class FittedCurve:
    """A curve, and how close both scorers are without and with it on held-out rows.

    rows: how many it was fitted on; held_out: how many `before` and `after` are computed on.
    """

    curve: Curve
    rows: int
    held_out: int
    before: Agreement
    after: Agreement

    def as_json(self) -> dict[str, Any]:
        """How well it fits, without the curve."""
        return {
            "rows": self.rows,
            "held_out": self.held_out,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
        }


def fit_mapping(scores: Array, wanted: Array, *, seed: int) -> FittedCurve:
    """Fits on three quarters of the rows, drawn with the seed, and evaluates on the others.

    scores: the model's, wanted: the other scorer's, both (n,) in [0, 1]. Raises DataError for fewer than 50 rows.
    """
    scores, wanted = np.asarray(scores, np.float64), np.asarray(wanted, np.float64)
    if len(scores) < FEWEST_ROWS:
        raise DataError(f"{len(scores)} rows with a score; give at least {FEWEST_ROWS}, better a thousand")
    order = np.random.default_rng(seed).permutation(len(scores))
    count = round(HELD_OUT * len(scores))
    kept, held = order[count:], order[:count]
    curve = fit_curve(scores[kept], wanted[kept])
    before, after = agreement(scores[held], wanted[held]), agreement(curve(scores[held]), wanted[held])
    return FittedCurve(curve, len(kept), count, before, after)


def fit_curve(scores: Array, wanted: Array) -> Curve:
    """The strictly rising curve closest to `wanted` in least squares; both (n,) in [0, 1], n >= 1."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, wanted)
    knots = np.unique(np.round([0.0, *np.asarray(found.X_thresholds_, np.float64), 1.0], _KNOT_DECIMALS))
    return Curve(knots, (1 - _SLOPE) * np.asarray(found.predict(knots), np.float64) + _SLOPE * knots)


def agreement(scores: Array, wanted: Array) -> Agreement:
    """Of two scorers on the same rows; both (n,) in [0, 1], n >= 1."""
    from scipy import stats

    constant = len(np.unique(scores)) < 2 or len(np.unique(wanted)) < 2
    spearman = None if constant else float(stats.spearmanr(scores, wanted).statistic)
    return Agreement(float(np.abs(scores - wanted).mean()), spearman)


def write_mapping(folder: Path, fitted: Mapping[str, FittedCurve], source: Mapping[str, Any]) -> None:
    """Writes calibration.json, and adds it to the folder's manifest if there is one.

    fitted: by label. source: what it was fitted on, as a record in the file.
    """
    path = folder / runs.CALIBRATION
    curves = {name: one.curve.as_json() | one.as_json() for name, one in fitted.items()}
    runs.write_json(path, {"schema": _SCHEMA, "source": dict(source), "attributes": curves})
    manifest = folder / runs.MANIFEST
    if manifest.is_file():
        # Only this entry: an export in a subfolder has a manifest of its own.
        runs.write_json(
            manifest, runs.read_json(manifest, "a model folder has one") | {runs.CALIBRATION: runs.sha256(path)}
        )


def read_mapping(path: Path) -> ScoreMapping:
    """Reads calibration.json. Raises ModelError for a file that `write_mapping` did not write."""
    content = runs.read_json(path, "retort calibrate writes it")
    try:
        if content["schema"] != _SCHEMA:
            raise ModelError(f"{path}: schema {content['schema']}, this retort reads {_SCHEMA}; calibrate again")
        return ScoreMapping({str(name): Curve.of(one) for name, one in content["attributes"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: not a mapping of scores ({error!r}); calibrate again") from error
