"""The job of `retort calibrate`: a trained model's scores mapped to the scale of another scorer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retort.errors import DataError
from retort.evaluation.score_mapping import FEWEST_ROWS, FittedCurve, fit_mapping, write_mapping
from retort.inference.predictor import Classifier
from retort.recipes.rated_file import read_rated_file

# Draws the held-out rows: the same file gives the same curves.
_SEED = 0


def calibrate_model(model: Path, data: Path, columns: Mapping[str, str]) -> tuple[list[str], dict[str, FittedCurve]]:
    """Writes calibration.json into the model's folder; returns lines to print, and attribute -> what was fitted.

    data: comments with the other scorer's scores in the columns of the attributes. Raises DataError when the primary
    attribute has too few of them; other errors are those of `Classifier.load` and `read_rated_file`.
    """
    classifier = Classifier.load(model)
    comments, shared = read_rated_file(classifier, data, columns)
    probabilities = classifier.probabilities(comments.frame["text"].tolist())
    lines = comments.report.lines()
    fitted: dict[str, FittedCurve] = {}
    for name in shared:
        wanted = comments.frame[name].to_numpy(np.float64)
        rated = ~np.isnan(wanted)
        if rated.sum() < FEWEST_ROWS and name != classifier.primary:
            lines.append(f"{name}: only {rated.sum()} scores, not calibrated; {FEWEST_ROWS} are needed")
            continue
        fitted[name] = _fitted(data, name, probabilities[rated, classifier.attributes.index(name)], wanted[rated])
    lines += [f"{name}: no scores in the file, not calibrated" for name in classifier.attributes if name not in shared]
    source: dict[str, Any] = {"sha256": comments.report.sha256, "rows": len(comments.frame)}
    write_mapping(model, fitted, source)
    return lines, fitted


def _fitted(data: Path, name: str, scores: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> FittedCurve:
    try:
        return fit_mapping(scores, wanted, seed=_SEED)
    except DataError as error:
        raise DataError(f"{data}: {name}: {error}") from error
