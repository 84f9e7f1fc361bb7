"""The baseline that reads nothing: every comment gets each label's share among the training labels."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

TITLE = "the share of positives in training"
DESCRIPTION = "The baseline that reads nothing: it gives every comment the share of positives in training."
ROLE = "baseline"
LOADER = None
TRAINING = "teacher"
TAKES_TEACHER = False
SEEDED = False


def require(settings: "ExperimentSettings", name: str, base: "Base") -> None:
    """Requires nothing beyond `usable_models.require_models`."""


def fit(context: "Context", arm: "Arm") -> None:
    """Makes its predictions; there is nothing to train."""
    from retort.evaluation.predictions import as_saved
    from retort.models.baselines import majority_probabilities

    labels = context.inputs.train.labels
    arm.predictions = {
        "validation": as_saved(majority_probabilities(labels, len(context.inputs.validation.ids))),
        "test": as_saved(majority_probabilities(labels, len(context.inputs.test.ids))),
    }
    arm.parameters = {"total": labels.shape[1], "trainable": labels.shape[1]}
    arm.cost |= {"size_bytes": None, "why": "it looks at no comment: there is no model to store or to run"}


def check(context: "Context", arm: "Arm") -> None:
    """Nothing to check."""
