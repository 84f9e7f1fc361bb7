"""The whole base, fine-tuned, or a ready-made classifier. Students are distilled from it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

TITLE = "the fine-tuned teacher"
DESCRIPTION = "A BERT classifier, fine-tuned on all layers. The students of its run were distilled from it."
ROLE = "teacher"
LOADER = "transformers"
TRAINING = "teacher"
TAKES_TEACHER = False
SEEDED = True


def require(settings: "ExperimentSettings", name: str, base: "Base") -> None:
    """Requires nothing beyond `usable_models.require_models`."""


def fit(context: "Context", arm: "Arm") -> None:
    """Fine-tunes the base (or takes the given teacher as it is) and keeps its folder for the others."""
    from retort.models.layers import Dropout
    from retort.recipes import steps
    from retort.recipes.context import TeacherModel
    from retort.recipes.usable_models import load_teacher

    given = context.settings.teacher_folder
    model = steps.from_base(context, arm) if given is None else load_teacher(context.settings)
    tokenizer_folder = given or context.base.folder
    own_dropout = Dropout.of(model.config)
    steps.make_trainable(context, arm, model)
    layers = model.config.num_hidden_layers
    steps.record_shape(arm, model, tuple(range(layers)), layers)
    if given is None:
        steps.train(context, arm, model, tokenizer_folder)
    else:
        arm.cost |= {"train_seconds": None, "why": "it was given ready-made with --teacher"}
    steps.save(context, arm, model, tokenizer_folder, by_every_process=True)
    arm.teacher = TeacherModel(arm.name, arm.folder, tokenizer_folder, layers, own_dropout)


def check(context: "Context", arm: "Arm") -> None:
    """Nothing to check."""
