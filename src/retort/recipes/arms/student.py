"""Some layers of the teacher or of the base, trained further; by default distilled from the teacher."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

TITLE = "a student"
DESCRIPTION = "A BERT classifier that keeps some of another model's layers."
ROLE = "student"
LOADER = "transformers"
TRAINING = "student"
TAKES_TEACHER = True
SEEDED = True


def require(settings: "ExperimentSettings", name: str, base: "Base") -> None:
    """Requires nothing beyond `usable_models.require_models`."""


def fit(context: "Context", arm: "Arm") -> None:
    """Copies the layers and trains all of them."""
    from retort.recipes import steps

    start = steps.start_of(context, arm)
    student, indices = steps.copied(context, arm, start)
    steps.make_trainable(context, arm, student)
    steps.record_shape(arm, student, indices, start.layers)
    steps.train(context, arm, student, start.tokenizer_folder)
    steps.save(context, arm, student, start.tokenizer_folder)


def check(context: "Context", arm: "Arm") -> None:
    """Nothing to check."""
