"""Whom a model harms, by the groups that cases name: AUCs, errors and calibration, as `evaluation/bias.py` has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from retort.config import EvaluationSettings
from retort.data.suite import Suite
from retort.evaluation.bias import FEWEST, judge_bias
from retort.progress import StageProgress
from retort.recipes.audited import AuditedModel

POSITION = 15
OPTION = None

# Of the simulation behind the interval of ece: the same cases give the same intervals.
_SEED = 0


def why_not(models: Sequence[AuditedModel], suite: Suite) -> str | None:
    """Without groups, or with fewer cases of a kind than any group needs."""
    if not suite.groups():
        return "the suite does not say whom its cases name"
    least = min(int(suite.labels.sum()), int((~suite.labels).sum()))
    return None if least >= FEWEST else f"of one kind of case there are {least}, fewer than {FEWEST}"


def run(models: Sequence[AuditedModel], suite: Suite, progress: StageProgress) -> dict[str, Any]:
    """As `judge_bias` returns it, its arms under `models`; every other model is compared with the teacher, and where
    there is none with the first model."""
    teachers = [model.name for model in models if model.role == "teacher"]
    reference = (teachers or [models[0].name])[0] if len(models) > 1 else None
    found = judge_bias(
        suite.labels.astype(np.float64),
        {model.name: model.scores(suite.texts, progress)[np.newaxis] for model in models},
        {model.name: np.array([model.threshold]) for model in models},
        suite.groups(),
        samples=EvaluationSettings().ece_samples,
        seed=_SEED,
        reference=reference,
    )
    return {"models": found.pop("arms"), **found}
