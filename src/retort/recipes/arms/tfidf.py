"""The baseline that knows words, but no order: TF-IDF with logistic regression."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

TITLE = "TF-IDF with logistic regression"
DESCRIPTION = "TF-IDF with logistic regression: the baseline that knows words, but no order."
ROLE = "baseline"
LOADER = "tfidf"
TRAINING = "teacher"
TAKES_TEACHER = False
SEEDED = False


def require(settings: "ExperimentSettings", name: str, base: "Base") -> None:
    """Requires nothing beyond `usable_models.require_models`; loads what fitting needs, which is no cost of the arm."""
    import retort.models.baselines  # noqa: F401


def fit(context: "Context", arm: "Arm") -> None:
    """Fits on the training comments; the strength of regularisation is chosen on validation."""
    from retort.bench.cost import size_bytes
    from retort.models.baselines import TfidfClassifier
    from retort.recipes import steps

    train, validation = context.inputs.train, context.inputs.validation
    weights = steps.label_weights(context, arm.name, train.labels)
    model = TfidfClassifier.fitted(train.texts, train.labels, validation.texts, validation.labels, weights)
    model.save(arm.folder)
    arm.parameters = {"total": model.parameters, "trainable": model.parameters}
    arm.cost["size_bytes"] = size_bytes(arm.folder)


def check(context: "Context", arm: "Arm") -> None:
    """Nothing to check."""
