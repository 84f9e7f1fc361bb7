"""The record of an epoch: train losses by term, validation loss and metrics."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from retort.data.batches import Tokens
from retort.errors import RunError
from retort.evaluation.metrics import measure
from retort.evaluation.probability import sigmoid
from retort.models.forward import logits
from retort.training.cross_entropy import mean_cross_entropy
from retort.training.gradient import LABEL_LOSS, Step
from retort.training.objective import Objective
from retort.training.terms import all_terms

EPOCH_METRICS = ("accuracy", "f1", "average_precision", "roc_auc")


@dataclass(frozen=True)
class ValidationSet:
    """The comments that epochs are chosen on. labels: (n, n_attributes), 0/1 or NaN; primary first."""

    tokens: Tokens
    labels: npt.NDArray[np.float32]
    decision_threshold: float


@dataclass
class TrainLosses:
    """The sums of an epoch so far."""

    objective: Objective
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, step: Step, arm: str, epoch: int, number: int) -> float:
        """One more step; returns its loss. Raises RunError, naming the place, for a sum that is not finite."""
        for term, value in step.sums.items():
            if not math.isfinite(value):
                raise RunError(
                    f"arm {arm}: epoch {epoch}, step {number}: the {term} term is {value}; "
                    "lower its learning rate or set precision=fp32"
                )
            self.sums[term] += value
            self.counts[term] += step.counts[term]
        return sum(one.weight * step.sums[one.name] / max(1, step.counts[one.name]) for one in self.objective.terms)

    def mean(self, term: str) -> float | None:
        """The mean over the comments that the term counts; None when there was none."""
        return self.sums[term] / self.counts[term] if self.counts[term] else None

    def as_dict(self) -> dict[str, float | None]:
        """`total`, weighted, and every term's unweighted mean, None for one that is no part of the objective."""
        means = {term: self.mean(term) for term in all_terms()}
        weighted = [one.weight * mean for one in self.objective.terms if (mean := means[one.name]) is not None]
        return {"total": sum(weighted), **means}


def epoch_row(
    arm: str, epoch: int, losses: TrainLosses, model: torch.nn.Module, validation: ValidationSet
) -> dict[str, Any]:
    """One line of history.jsonl, but for its seconds.

    `label_loss` (train) and `validation_loss` are the same quantity, see `retort.training.cross_entropy`. Raises
    RunError when the epoch's last steps left a model whose outputs are not finite.
    """
    validation_logits = logits(model, validation.tokens)
    if not np.isfinite(validation_logits).all():
        raise RunError(
            f"arm {arm}: epoch {epoch}: the outputs for validation comments are not finite; "
            "lower its learning rate or set precision=fp32"
        )
    primary = validation.labels[:, 0]
    rated = ~np.isnan(primary)
    found = measure(primary[rated], sigmoid(validation_logits[rated, 0]), validation.decision_threshold)
    return {
        "epoch": epoch,
        "label_loss": losses.mean(LABEL_LOSS),
        "train_loss": losses.as_dict(),
        "validation_loss": mean_cross_entropy(validation_logits, validation.labels),
        "validation": {name: found[name] for name in EPOCH_METRICS},
    }


def tracked_values(arm: str, row: dict[str, Any]) -> dict[str, float]:
    """An epoch's row as flat names and numbers, for a tracker."""
    values = {f"{arm}/train_loss/{k}": v for k, v in row["train_loss"].items() if v is not None}
    values |= {f"{arm}/validation/{k}": v for k, v in row["validation"].items() if v is not None}
    return values | {f"{arm}/validation/loss": row["validation_loss"]}
