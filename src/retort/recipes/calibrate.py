"""A trained model's scores mapped to the scale of another scorer: what `retort calibrate` runs."""

from pathlib import Path
from typing import Any

import numpy as np

from retort.attributes import PRIMARY
from retort.config import ColumnNames, ExperimentSettings
from retort.data.sources import read_file
from retort.errors import DataError
from retort.evaluation.calibration import FEWEST_ROWS, Fitted, calibrate, write_calibration
from retort.inference.predictor import Classifier


def calibrate_model(model: Path, data: Path, columns: ColumnNames) -> tuple[list[str], dict[str, Fitted]]:
    """(lines to print, what was fitted by attribute); calibration.json is written into the model's folder.

    `data` holds comments and the other scorer's scores in the columns of the attributes. Raises DataError when
    toxicity has too few of them.
    """
    classifier = Classifier.load(model)
    comments = read_file(data, columns)
    shared = tuple(name for name in classifier.attributes if name in comments.attributes)
    if PRIMARY not in shared:
        raise DataError(f"{data}: no scores for {PRIMARY}; name their column with --toxicity-column")
    probabilities = classifier.probabilities(comments.frame["text"].tolist())
    lines = comments.report.lines()
    fitted: dict[str, Fitted] = {}
    for name in shared:
        wanted = comments.frame[name].to_numpy(np.float64)
        rated = ~np.isnan(wanted)
        if rated.sum() < FEWEST_ROWS and name != PRIMARY:
            lines.append(f"{name}: only {rated.sum()} scores, not calibrated; {FEWEST_ROWS} are needed")
            continue
        fitted[name] = _fitted(data, name, probabilities[rated, classifier.attributes.index(name)], wanted[rated])
    lines += [f"{name}: no scores in the file, not calibrated" for name in classifier.attributes if name not in shared]
    source: dict[str, Any] = {"sha256": comments.report.sha256, "rows": len(comments.frame)}
    write_calibration(model, fitted, source)
    return lines, fitted


def _fitted(data: Path, name: str, scores: np.ndarray, wanted: np.ndarray) -> Fitted:
    try:
        return calibrate(scores, wanted, seed=ExperimentSettings.model_fields["seed"].default)
    except DataError as error:
        raise DataError(f"{data}: {name}: {error}") from error
