"""The one loop: exact accumulation, a fresh schedule for every arm, and an honest history."""

import copy
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import BertForSequenceClassification

from retort.config import TrainingSettings
from retort.data.batches import encode
from retort.errors import RunError
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.forward import logits
from retort.models.layers import student_from_teacher
from retort.training.cross_entropy import mean_cross_entropy
from retort.training.engine import make_accelerator
from retort.training.gradient import GradientComputer, TeacherSide, TrainingSet
from retort.training.history import ValidationSet
from retort.training.loop import adamw, fit
from retort.training.objective import Objective, distillation_settings, labels_alone
from retort.training.teacher_outputs import teacher_outputs
from tests.conftest import tiny_rows

HARD = Objective.of(labels_alone())
ALL_TERMS = Objective.of(distillation_settings()(hard=0.5, soft=0.5, hidden=1.0, attention=0.5))
ODD = (0, 2)


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True, mixed_precision="no")


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    return classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0)


@pytest.fixture(scope="module")
def train(tiny_bert: Path) -> TrainingSet:
    rows = tiny_rows()[:80]
    tokens = encode([text for _, text, *_ in rows], load_tokenizer(tiny_bert), 32)
    labels = np.array([[t >= 0.6, i >= 0.6] for *_, t, i in rows], np.float32)
    return TrainingSet(tokens, labels, labels)


@pytest.fixture(scope="module")
def validation(tiny_bert: Path) -> ValidationSet:
    rows = tiny_rows()[80:]
    tokens = encode([text for _, text, *_ in rows], load_tokenizer(tiny_bert), 32)
    return ValidationSet(tokens, np.array([[t >= 0.6, i >= 0.6] for *_, t, i in rows], np.float32), 0.5)


def without_dropout(model: BertForSequenceClassification) -> BertForSequenceClassification:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
    return model


def gradient_of_one_batch(
    model: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator, parts: int
) -> dict[str, torch.Tensor]:
    teacher = copy.deepcopy(model).eval()
    student = without_dropout(student_from_teacher(teacher, ODD)).train()
    side = teacher_side(teacher, train, live=True)
    GradientComputer(student, ALL_TERMS, train, side, accelerator, heads=2).add(np.arange(8), parts)
    return {name: p.grad for name, p in student.named_parameters() if p.grad is not None}


def teacher_side(teacher: BertForSequenceClassification, train: TrainingSet, *, live: bool = False) -> TeacherSide:
    """What a student of the layers ODD is compared with; `live`: computed for each batch instead of cached."""
    pairs = ALL_TERMS.pairs(len(ODD), ODD, 4)
    with tempfile.TemporaryDirectory() as folder:
        cache = None if live else Path(folder) / "cache.npy"
        outputs = teacher_outputs(teacher, train.tokens, [target for _, target in pairs], cache)
    return TeacherSide.of(outputs, ALL_TERMS, len(ODD), ODD, 4)


def test_one_batch_of_eight_has_the_gradient_of_four_of_two(
    model: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator
) -> None:
    # Ratings are missing here and there: the parts then hold unequal numbers of labelled comments.
    targets = train.targets.copy()
    targets[1] = np.nan
    targets[2, 1] = np.nan
    ragged = TrainingSet(train.tokens, targets, train.labels)
    whole = gradient_of_one_batch(model, ragged, accelerator, parts=1)
    parts = gradient_of_one_batch(model, ragged, accelerator, parts=4)
    assert whole.keys() == parts.keys()
    for name, expected in whole.items():
        torch.testing.assert_close(parts[name], expected, rtol=1e-4, atol=1e-6, msg=name)


def test_the_gradient_is_that_of_the_weighted_mean_written_out(
    model: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator
) -> None:
    without_dropout(model).train()
    reference = copy.deepcopy(model)
    GradientComputer(model, HARD, train, None, accelerator, heads=2).add(np.arange(8), 1)
    ids, mask = (torch.from_numpy(a) for a in train.tokens.padded(np.arange(8)))
    expected = reference(input_ids=ids, attention_mask=mask).logits
    torch.nn.functional.binary_cross_entropy_with_logits(expected, torch.from_numpy(train.targets[:8])).backward()
    for (name, ours), theirs in zip(model.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_a_tiny_model_learns_and_its_history_shows_it(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    settings = TrainingSettings(epochs=8, learning_rate=3e-3, batch_size=8)
    fitted = fit(model, "teacher", HARD, train, validation, settings, accelerator, seed=0)
    assert [row["epoch"] for row in fitted.history] == list(range(1, 9))
    assert fitted.history[-1]["train_loss"]["hard"] < fitted.history[0]["train_loss"]["hard"] / 2
    best = fitted.history[fitted.best_epoch - 1]
    assert best["validation"]["average_precision"] > 0.95
    assert best["train_loss"]["soft"] is None


def test_train_and_validation_loss_are_the_same_quantity(
    model: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator
) -> None:
    """Validated on its own training rows, without dropout or learning, an arm's two losses are one number."""
    without_dropout(model)
    same = ValidationSet(train.tokens, train.targets, 0.5)
    settings = TrainingSettings(epochs=1, learning_rate=1e-12, batch_size=7, weight_decay=0)
    row = fit(model, "teacher", HARD, train, same, settings, accelerator, seed=0).history[0]
    assert math.isclose(row["label_loss"], row["validation_loss"], rel_tol=1e-4)


def test_validation_loss_of_a_distilled_arm_is_the_label_loss_not_the_sum_of_terms(
    model: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator
) -> None:
    teacher = model.eval()
    student = without_dropout(student_from_teacher(teacher, ODD))
    side = teacher_side(teacher, train)
    same = ValidationSet(train.tokens, train.targets, 0.5)
    settings = TrainingSettings(epochs=1, learning_rate=1e-12, batch_size=8, weight_decay=0)
    row = fit(student, "odd", ALL_TERMS, train, same, settings, accelerator, seed=0, teacher=side).history[0]
    assert math.isclose(row["label_loss"], row["validation_loss"], rel_tol=1e-4)
    expected = sum(one.weight * row["train_loss"][one.name] for one in ALL_TERMS.terms)
    assert math.isclose(row["train_loss"]["total"], expected, rel_tol=1e-9)
    assert abs(row["train_loss"]["total"] - row["validation_loss"]) > 0.1


def test_every_arm_gets_a_schedule_of_its_own(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    """The second student's first steps have the rates of the first one's, not what that one left over."""
    settings = TrainingSettings(epochs=2, learning_rate=1e-3, batch_size=16)
    rates: list[list[float]] = []

    def watched(which: torch.nn.Module, chosen: TrainingSettings) -> torch.optim.Optimizer:
        optimizer = adamw(which, chosen)
        mine: list[float] = []
        rates.append(mine)
        optimizer.register_step_pre_hook(lambda o, *_: mine.append(o.param_groups[0]["lr"]))
        return optimizer

    for arm in ("odd", "even"):
        student = student_from_teacher(model, ODD)
        fit(student, arm, HARD, train, validation, settings, accelerator, seed=0, make_optimizer=watched)
    assert rates[0] == rates[1]
    assert max(rates[0]) == pytest.approx(1e-3)


def test_fitting_twice_with_one_seed_gives_the_same_weights(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    settings = TrainingSettings(epochs=1, learning_rate=1e-3, batch_size=16)
    twins = [copy.deepcopy(model), copy.deepcopy(model)]
    for twin in twins:
        fit(twin, "teacher", HARD, train, validation, settings, accelerator, seed=5)
    first, second = (twin.state_dict() for twin in twins)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_model_ends_with_the_weights_of_the_epoch_it_reports(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    # A rate that wrecks the model after a while: the last epoch is not the best.
    settings = TrainingSettings(epochs=6, learning_rate=0.05, batch_size=8, warmup=0.5)
    fitted = fit(model, "teacher", HARD, train, validation, settings, accelerator, seed=0)
    now = mean_cross_entropy(logits(model, validation.tokens), validation.labels)
    assert math.isclose(now, fitted.history[fitted.best_epoch - 1]["validation_loss"], rel_tol=1e-5)
    scores = [row["validation"]["average_precision"] for row in fitted.history]
    assert scores[fitted.best_epoch - 1] == max(scores)


def test_distilling_leaves_the_teacher_unchanged(
    model: BertForSequenceClassification,
    train: TrainingSet,
    validation: ValidationSet,
    accelerator: Accelerator,
) -> None:
    teacher = model.eval().requires_grad_(False)
    before = copy.deepcopy(teacher.state_dict())
    side = teacher_side(teacher, train)
    student = student_from_teacher(teacher, ODD)
    settings = TrainingSettings(epochs=1, learning_rate=1e-3, batch_size=16)
    fit(student, "odd", ALL_TERMS, train, validation, settings, accelerator, seed=0, teacher=side)
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert any(p.requires_grad for p in student.parameters())


def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_and_term(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    with torch.no_grad():
        model.classifier.weight.fill_(float("inf"))
    settings = TrainingSettings(epochs=1, batch_size=16)
    with pytest.raises(RunError, match=r"arm odd: epoch 1, step 1: the hard term is (nan|inf)"):
        fit(model, "odd", HARD, train, validation, settings, accelerator, seed=0)


def test_outputs_that_are_not_finite_after_the_last_step_stop_the_run(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    def ruining(which: torch.nn.Module, chosen: TrainingSettings) -> torch.optim.Optimizer:
        optimizer = adamw(which, chosen)
        optimizer.register_step_post_hook(lambda *_: model.classifier.bias.data.fill_(float("nan")))
        return optimizer

    settings = TrainingSettings(epochs=2, batch_size=len(train.tokens))
    with pytest.raises(RunError, match="arm odd: epoch 1: the outputs for validation comments are not finite; lower"):
        fit(model, "odd", HARD, train, validation, settings, accelerator, seed=0, make_optimizer=ruining)


def test_each_epoch_is_reported_with_the_one_kept_so_far(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    seen: list[tuple[dict[str, Any], int]] = []
    settings = TrainingSettings(epochs=3, learning_rate=0.05, batch_size=16)
    fitted = fit(
        model, "odd", HARD, train, validation, settings, accelerator, seed=0,
        after_epoch=lambda row, kept: seen.append((row, kept)),
    )  # fmt: skip
    assert [row for row, _ in seen] == fitted.history
    scores = [row["validation"]["average_precision"] for row in fitted.history]
    assert [scores[kept - 1] for _, kept in seen] == [max(scores[:epoch]) for epoch in (1, 2, 3)]


def test_an_exception_after_an_epoch_ends_the_training_and_frees_the_engine(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet, accelerator: Accelerator
) -> None:
    def end(row: dict[str, Any], kept: int) -> None:
        if row["epoch"] == 2:
            raise StopIteration

    words, forward = model.bert.embeddings.word_embeddings, model.forward
    settings = TrainingSettings(epochs=5, batch_size=16)
    with pytest.raises(StopIteration):
        fit(model, "odd", HARD, train, validation, settings, accelerator, seed=0, after_epoch=end)
    assert model.bert.embeddings.word_embeddings is words
    assert model.forward == forward
    assert accelerator._models == accelerator._optimizers == []


def test_an_arm_that_learns_fractions_reports_its_train_loss_against_the_labels(
    model: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator
) -> None:
    """Cross-entropy against fractions is another quantity: it cannot be compared with validation loss."""
    without_dropout(model)
    same = ValidationSet(train.tokens, train.targets, 0.5)
    fractions = TrainingSet(train.tokens, np.full_like(train.targets, 0.3), train.labels)
    settings = TrainingSettings(epochs=1, learning_rate=1e-12, batch_size=7, weight_decay=0)
    row = fit(model, "teacher", HARD, fractions, same, settings, accelerator, seed=0).history[0]
    assert math.isclose(row["label_loss"], row["validation_loss"], rel_tol=1e-4)
    assert row["train_loss"]["total"] == row["train_loss"]["hard"] != row["label_loss"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_equals_eager(
    model: BertForSequenceClassification, train: TrainingSet, validation: ValidationSet
) -> None:
    """Two epochs of two batch shapes with all terms of the loss; fp32, so that rounding alone may differ."""
    histories, weights = [], []
    for compiled in (False, True):
        teacher = copy.deepcopy(model).eval().requires_grad_(False)
        student = without_dropout(student_from_teacher(teacher, ODD))
        side = teacher_side(teacher, train, live=True)
        settings = TrainingSettings(epochs=2, batch_size=32, learning_rate=1e-3, keep="last")
        engine = make_accelerator("fp32", compiled=compiled)
        fitted = fit(student, "odd", ALL_TERMS, train, validation, settings, engine, seed=0, teacher=side)
        histories.append(
            [loss for row in fitted.history for loss in (row["train_loss"]["total"], row["validation_loss"])]
        )
        weights.append({name: tensor.clone() for name, tensor in student.state_dict().items()})
    assert histories[1] == pytest.approx(histories[0], rel=1e-4)
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-4, msg=name)
