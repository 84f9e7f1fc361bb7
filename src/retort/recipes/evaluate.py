"""A trained model judged on a labelled file: what `retort evaluate` runs."""

from pathlib import Path
from typing import Any

from retort import runs
from retort.attributes import PRIMARY
from retort.config import ColumnNames, ExperimentSettings
from retort.data.sources import read_file
from retort.data.splits import labels
from retort.errors import DataError
from retort.evaluation.statistics import judge
from retort.inference.predictor import Classifier


def evaluate(model: Path, data: Path, columns: ColumnNames) -> tuple[list[str], dict[str, Any]]:
    """What was read (lines to print), and `{"rows": n, "test": {attribute: {metric: figure}}}`.

    Judged are the attributes that model and file share; raises DataError when toxicity is not one of them.
    """
    classifier = Classifier.load(model)
    comments = read_file(data, columns)
    shared = tuple(name for name in classifier.attributes if name in comments.attributes)
    if PRIMARY not in shared:
        raise DataError(f"{data}: no {PRIMARY} to compare with; name its column with --toxicity-column")
    settings = ExperimentSettings.model_fields
    evaluation = settings["evaluation"].default
    threshold = _label_threshold(model, settings["label_threshold"].default)
    wanted = [classifier.attributes.index(name) for name in shared]
    probabilities = classifier.probabilities(comments.frame["text"].tolist())[:, wanted]
    tests, _ = judge(
        labels(comments.frame, shared, threshold),
        {classifier.arm: probabilities},
        shared,
        {name: classifier.thresholds[name] for name in shared},
        samples=evaluation.bootstrap_samples,
        seed=settings["seed"].default,
        tie_margin=evaluation.tie_margin,
    )
    left_out = [name for name in comments.attributes if name not in shared]
    notes = [f"{name}: in the file, but the model does not rate it" for name in left_out]
    result = {"rows": len(comments.frame), "label_threshold": threshold, "test": tests[classifier.arm]}
    return [*comments.report.lines(), *notes], result


def _label_threshold(model: Path, default: float) -> float:
    path = model / runs.RETORT
    return float(runs.read_json(path, "an arm has one")["label_threshold"]) if path.is_file() else default
