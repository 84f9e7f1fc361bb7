"""The steps of fitting that kinds of arm share: start, copy, make trainable, describe, train, save."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import BertForSequenceClassification

from retort import runs
from retort.bench.cost import size_bytes
from retort.config import TrainingSettings
from retort.inference.devices import AUTO, CPU
from retort.models.classifier import classifier_from_base, count_parameters, save_classifier, set_dropout
from retort.models.layer_strategies import layer_indices
from retort.models.layers import Dropout, student_from_teacher
from retort.recipes import arm_checks
from retort.recipes.context import Arm, Context, TeacherModel
from retort.training.comment_weights import CommentWeights, Weights, weights_of
from retort.training.gradient import TeacherSide, TrainingSet
from retort.training.history import ValidationSet, tracked_values
from retort.training.loop import AfterEpoch, adamw, fit
from retort.training.objective import Objective
from retort.whole_folder import is_writer


@dataclass(frozen=True)
class Start:
    """The model whose layers an arm copies. name: what an adapter calls it; dropout: None keeps the model's own.

    load: makes the model, which is only needed while layers are copied from it. layers: how many it has. weights: the
    file that holds them.
    """

    name: str
    load: Callable[[], BertForSequenceClassification]
    layers: int
    weights: Path
    tokenizer_folder: Path
    dropout: Dropout | None
    provenance: Callable[[], dict[str, Any]]


def start_of(context: Context, arm: Arm) -> Start:
    """The model that the arm starts from: the base or the teacher, by its settings."""
    if context.settings.arm[arm.name].start == "base":
        base = context.base
        load = functools.partial(from_base, context, arm)
        described = base_provenance(context)
        return Start(base.hub_name, load, base.layers, base.weights, base.folder, None, described)
    teacher = fitted_teacher(context)
    weights = teacher.folder / runs.WEIGHTS

    def provenance() -> dict[str, Any]:
        return {"arm": teacher.arm, "sha256": runs.sha256(weights)}

    # The teacher may have been trained with another dropout; a student's default is that of the base.
    return Start(
        f"../{teacher.arm}", teacher.load, teacher.layers, weights, teacher.tokenizer_folder, teacher.own_dropout,
        provenance,
    )  # fmt: skip


def base_provenance(context: Context) -> Callable[[], dict[str, Any]]:
    """Which pre-trained model an arm was made of."""
    base = context.base
    return lambda: {"id": base.id, "revision": base.revision, "sha256": base.sha256}


def judging_device(context: Context) -> str:
    """Where saved arms are judged, for `Classifier.load`: the device that trains; the CPU for what only runs there."""
    return CPU if context.accelerator.device.type == CPU else AUTO


def fitted_teacher(context: Context) -> TeacherModel:
    """The run's teacher, which is fitted before any arm that needs it."""
    assert context.teacher is not None, "the teacher comes first"
    return context.teacher


def from_base(context: Context, arm: Arm) -> BertForSequenceClassification:
    """The whole base under a new head, its bias at the labels' training shares."""
    shares = np.nanmean(targets_of(context, arm.name).astype(np.float64), axis=0).tolist()
    return classifier_from_base(context.base, context.inputs.attributes, context.settings.seed, shares)


def copied(context: Context, arm: Arm, start: Start) -> tuple[BertForSequenceClassification, tuple[int, ...]]:
    """A model of the layers that the arm keeps, and their indices in the model that it starts from."""
    settings = context.settings.arm[arm.name]
    indices = layer_indices(settings.layers, start.layers)
    fresh = context.settings.seed if settings.start == "random" else None
    source = start.load()
    model = student_from_teacher(source, indices, random_layers_seed=fresh, dropout=start.dropout)
    if fresh is None:
        arm.findings += arm_checks.not_copied(model, source, indices)
    return model, indices


def make_trainable(context: Context, arm: Arm, model: BertForSequenceClassification) -> None:
    """Makes all weights trainable but those that the training settings freeze, and sets their dropout."""
    training = context.settings.training_of(arm.name)
    model.requires_grad_(True)
    model.bert.embeddings.word_embeddings.requires_grad_(not training.freeze_word_embeddings)
    if training.dropout is not None:
        set_dropout(model, training.dropout)


def record_shape(arm: Arm, model: Any, indices: tuple[int, ...], start_layers: int) -> None:
    """Records the layers kept, how many the model has that it starts from, and the number of parameters."""
    arm.layer_indices = indices
    arm.teacher_layers = start_layers
    arm.parameters = count_parameters(model)


def train(
    context: Context,
    arm: Arm,
    model: Any,
    tokenizer_folder: Path,
    make_optimizer: Callable[[Any, TrainingSettings], Any] = adamw,
) -> None:
    """Fits the model and records history, the epoch kept and the seconds.

    Unlabelled comments are used where a term of the loss compares with the teacher.
    """
    settings = context.settings.training_of(arm.name)
    objective = Objective.of(context.settings.distillation_of(arm.name))
    training_tokens, validation_tokens = context.tokens.of(tokenizer_folder)
    targets, labels = targets_of(context, arm.name), context.inputs.train.labels
    teacher = None
    if objective.uses_teacher:
        teacher = _teacher_side(context, arm, objective)
        unrated = np.full((len(context.inputs.unlabelled), targets.shape[1]), np.nan, np.float32)
        targets, labels = np.concatenate([targets, unrated]), np.concatenate([labels, unrated])
    else:
        training_tokens = training_tokens.of(range(len(targets)))
    before = arm_checks.Weights.of(model)
    fitted = fit(
        model,
        arm.name,
        objective,
        TrainingSet(training_tokens, targets, labels, _weights(context, arm.name, objective, targets)),
        ValidationSet(validation_tokens, context.inputs.validation.labels, context.settings.decision_threshold),
        settings,
        context.accelerator,
        seed=context.settings.seed,
        teacher=teacher,
        progress=context.progress,
        make_optimizer=make_optimizer,
        after_epoch=context.after_epoch or _tracked(context, arm.name),
    )
    arm.findings += arm_checks.not_moved(before, arm_checks.Weights.of(model))
    arm.trained = arm_checks.Sample.of(model, validation_tokens)
    arm.history, arm.best_epoch = fitted.history, fitted.best_epoch
    arm.cost["train_seconds"] = fitted.seconds


def _weights(context: Context, name: str, objective: Objective, targets: npt.NDArray[np.float32]) -> CommentWeights:
    """How much each comment counts in the terms of an arm; targets: (n, n_attributes), unlabelled comments last."""
    if not objective.uses_teacher:
        return CommentWeights(label_weights(context, name, targets))
    inputs, share = context.inputs, objective.augmented_weight
    if share is None:
        share = 1.0 if context.settings.teacher_folder is None else 0.0
    everyone = np.ones(len(targets), np.bool_)
    with_teacher = weights_of(
        inputs.mentions, objective.identity_weight, everyone, added=inputs.added, added_weight=share
    )
    return CommentWeights(label_weights(context, name, targets), with_teacher)


def label_weights(context: Context, name: str, targets: npt.NDArray[np.float32]) -> Weights | None:
    """How much each comment counts where an arm compares it with its labels; None when all count the same.

    targets: (n, n_attributes), NaN where there is none: of the training comments, and of the unlabelled ones after them
    where the arm reads those.
    """
    labelled = np.asarray((~np.isnan(targets)).any(axis=1), np.bool_)
    mentions = context.inputs.mentions[: len(targets)]
    return weights_of(mentions, context.settings.training_of(name).identity_weight, labelled)


def _tracked(context: Context, name: str) -> AfterEpoch:
    """Sends the epochs of an arm to the tracker, where there is one."""

    def log(row: dict[str, Any], _kept: int) -> None:
        context.accelerator.log(tracked_values(name, row), step=row["epoch"])

    return log


def _teacher_side(context: Context, arm: Arm, objective: Objective) -> TeacherSide:
    teacher = fitted_teacher(context)
    assert teacher.outputs is not None, "the teacher's outputs are computed before the first arm that uses them"
    layers = arm.layer_indices or ()
    copied_layers = teacher_indices(context, arm.name, layers)
    return TeacherSide.of(teacher.outputs, objective, len(layers), copied_layers, teacher.layers)


def teacher_indices(context: Context, name: str, indices: tuple[int, ...]) -> tuple[int, ...] | None:
    """The teacher's layers that an arm's layers come from; None when they do not come from the teacher's own base."""
    settings = context.settings
    foreign = settings.arm[name].start == "base" and settings.teacher_folder is not None
    return None if foreign else indices


def save(
    context: Context,
    arm: Arm,
    model: BertForSequenceClassification,
    tokenizer_folder: Path,
    *,
    by_every_process: bool = False,
) -> None:
    """Writes the model as plain Hugging Face files.

    by_every_process: also by those that are not the writer, in their temporary folders, where a later arm loads it.
    """
    if is_writer() or by_every_process:
        save_classifier(model, tokenizer_folder, context.settings.max_length, arm.folder)
        arm.cost["size_bytes"] = size_bytes(arm.folder)


def targets_of(context: Context, name: str) -> npt.NDArray[np.float32]:
    """What the hard term of an arm learns, (n, n_attributes): labels, or shares of raters."""
    train = context.inputs.train
    return train.labels if context.settings.training_of(name).targets == "labels" else train.fractions
