"""A student without transformer layers: token vectors of the teacher, trained further under a linear head."""

import time
from typing import TYPE_CHECKING

from retort.errors import ConfigError

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

TITLE = "a static student"
DESCRIPTION = "A classifier of token vectors without transformer layers: it knows words, but hardly their order."
ROLE = "student"
LOADER = "static"
TRAINING = "static_training"
TAKES_TEACHER = True
SEEDED = True


def require(settings: "ExperimentSettings", name: str, base: "Base") -> None:
    """Raises ConfigError for an arm that names layers, or whose loss compares them."""
    from retort.training.objective import Objective

    if settings.arm[name].layers != "all":
        raise ConfigError(f"arm {name}: a static student has no layers to choose; leave out `layers`")
    # Layers of any number are compared by the same terms.
    if Objective.of(settings.distillation_of(name)).pairs(1, (0,), 1):
        raise ConfigError(
            f"arm {name}: a static student has no layers to compare with the teacher's; "
            f"set arm.{name}.distillation.hidden and arm.{name}.distillation.attention to 0"
        )


def fit(context: "Context", arm: "Arm") -> None:
    """Takes the token vectors from the model that the arm starts from, and trains them and the head."""
    import numpy as np

    from retort.bench.cost import size_bytes
    from retort.models.classifier import count_parameters, load_tokenizer, save_tokenizer
    from retort.models.static import random_vectors, static_classifier, token_vectors
    from retort.recipes import steps
    from retort.whole_folder import is_writer

    settings, training = context.settings, context.settings.training_of(arm.name)
    began = time.perf_counter()
    start, width = steps.start_of(context, arm), settings.static_of(arm.name).width
    if settings.arm[arm.name].start == "random":
        vectors = random_vectors(start.load().config.vocab_size, width, settings.seed)
    else:
        vectors = token_vectors(start.load(), load_tokenizer(start.tokenizer_folder), width)
    reading_seconds = time.perf_counter() - began
    shares = np.nanmean(steps.targets_of(context, arm.name).astype(np.float64), axis=0).tolist()
    model = static_classifier(vectors, context.inputs.attributes, settings.seed, shares, training.dropout or 0.0)
    model.word_embeddings.requires_grad_(not training.freeze_word_embeddings)
    arm.parameters = count_parameters(model)
    steps.train(context, arm, model, start.tokenizer_folder)
    arm.cost["train_seconds"] += reading_seconds
    if is_writer():
        model.weights().save(context.inputs.attributes, arm.folder)
        save_tokenizer(start.tokenizer_folder, settings.max_length, arm.folder)
        arm.cost["size_bytes"] = size_bytes(arm.folder)


def check(context: "Context", arm: "Arm") -> None:
    """Nothing to check."""
