"""The job of `retort evaluate`: a trained model judged on a labelled file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs
from retort.config import EvaluationSettings
from retort.data.comments import Comments
from retort.data.splits import labels
from retort.evaluation.metrics import Array
from retort.evaluation.statistics import judge
from retort.inference.predictor import Classifier
from retort.recipes.identities import bias_by_identity
from retort.recipes.rated_file import read_rated_file

# Of the simulation behind the interval of ece: the same file gives the same intervals.
_SEED = 0


def evaluate(
    model: Path, data: Path, columns: Mapping[str, str], device: str = "auto"
) -> tuple[list[str], dict[str, Any]]:
    """What was read, and the device (lines to print), and
    `{"rows": n, "label_threshold": x, "test": {attribute: {metric: figure}}, "bias": BIAS}`.

    BIAS: of the primary label, as `bias_by_identity` returns it. Judged are the attributes that both model and file
    have. Errors are those of `Classifier.load` and `read_rated_file`.
    """
    classifier = Classifier.load(model, device=device)
    comments, shared = read_rated_file(classifier, data, columns)
    settings, threshold = EvaluationSettings(), _label_threshold(model, classifier)
    wanted = [classifier.attributes.index(name) for name in shared]
    probabilities = classifier.probabilities(comments.frame["text"].tolist())[:, wanted]
    truth, arm = labels(comments.frame, shared, threshold), classifier.arm
    limits = np.array([[classifier.thresholds[name] for name in shared]])
    tests, _ = judge(
        truth,
        {arm: probabilities[np.newaxis]},
        shared,
        {arm: limits},
        samples=settings.ece_samples,
        seed=_SEED,
        margin=settings.margin,
    )
    left_out = [name for name in comments.attributes if name not in shared]
    notes = [f"{name}: in the file, but the model does not rate it" for name in left_out]
    result = {"rows": len(comments.frame), "label_threshold": threshold, "test": tests[arm]}
    result["bias"] = _bias(comments, truth, probabilities, limits, shared, classifier)
    return [*comments.report.lines(), *notes, f"device: {classifier.device}"], result


def _bias(
    comments: Comments, truth: Array, probabilities: Array, limits: Array, shared: Sequence[str], classifier: Classifier
) -> dict[str, Any]:
    """By identity, on the label that decides the model's verdict; a foreign model may have one that the file lacks."""
    if classifier.primary not in shared:
        return {"arms": None, "pairs": [], "why": f"the file does not rate {classifier.primary}"}
    column, arm = shared.index(classifier.primary), classifier.arm
    return bias_by_identity(
        comments.frame,
        comments.identities,
        truth[:, column],
        {arm: probabilities[np.newaxis, :, column]},
        {arm: limits[:, column]},
        samples=EvaluationSettings().ece_samples,
        seed=_SEED,
    )


def _label_threshold(folder: Path, classifier: Classifier) -> float:
    """The one that the model was trained with; the task's for a model folder that records none."""
    if not (folder / runs.RETORT).is_file():
        return classifier.task.label_threshold
    return float(runs.read_about(folder)["label_threshold"])
