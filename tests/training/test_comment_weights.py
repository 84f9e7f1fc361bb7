"""Comments that count more: the loss keeps its scale, and the gradient is exact however a batch is computed."""

import copy
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import BertForSequenceClassification

from retort.config import TrainingSettings
from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.layers import student_from_teacher
from retort.training.comment_weights import CommentWeights, weights_of
from retort.training.gradient import GradientComputer, TeacherSide, TrainingSet
from retort.training.history import ValidationSet
from retort.training.loop import fit
from retort.training.objective import Objective, distillation_settings, labels_alone
from retort.training.teacher_outputs import TeacherOutputs, teacher_outputs
from tests.conftest import tiny_rows

ALL_TERMS = Objective.of(distillation_settings()(hard=0.5, soft=0.5, hidden=1.0, attention=0.5))
ODD = (0, 2)
BATCH = np.arange(8)
MENTIONS = np.array([1, 0, 0, 1, 0, 0, 0, 0], np.bool_)
EVERYONE = np.ones(8, np.bool_)

Gradient = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True, mixed_precision="no")


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> BertForSequenceClassification:
    return classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0).eval()


@pytest.fixture(scope="module")
def train(tiny_bert: Path) -> TrainingSet:
    rows = tiny_rows()[:8]
    tokens = encode([text for _, text, *_ in rows], load_tokenizer(tiny_bert), 32)
    labels = np.array([[t >= 0.6, i >= 0.6] for *_, t, i in rows], np.float32)
    labels[1] = np.nan
    return TrainingSet(tokens, labels, labels)


def outputs_of(teacher: BertForSequenceClassification, train: TrainingSet, folder: Path) -> TeacherOutputs:
    pairs = ALL_TERMS.pairs(len(ODD), ODD, 4)
    return teacher_outputs(teacher, train.tokens, [target for _, target in pairs], folder / "features.npy")


def gradient(
    teacher: BertForSequenceClassification,
    train: TrainingSet,
    outputs: TeacherOutputs,
    accelerator: Accelerator,
    weights: CommentWeights,
    *,
    rows: np.ndarray = BATCH,
    parts: int = 1,
    objective: Objective = ALL_TERMS,
) -> Gradient:
    """Of a student without dropout, for one batch."""
    student = student_from_teacher(copy.deepcopy(teacher), ODD).eval()
    # Apart from its teacher, so that every term has a gradient.
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for parameter in student.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    side = TeacherSide.of(outputs, objective, len(ODD), ODD, 4)
    weighted = dataclasses.replace(train, weights=weights)
    GradientComputer(student, objective, weighted, side, accelerator, heads=2).add(rows, parts)
    return {name: p.grad for name, p in student.named_parameters() if p.grad is not None}


def assert_close(found: Gradient, expected: Gradient) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6, msg=name)


def differ(one: Gradient, other: Gradient) -> bool:
    return any(not torch.allclose(one[name], other[name], rtol=1e-3, atol=1e-6) for name in one)


def test_weights_are_in_proportion_and_have_the_mean_one_over_the_comments_that_count() -> None:
    counted = np.array([1, 1, 1, 1, 0], np.bool_)
    found = weights_of(np.array([1, 0, 0, 0, 1], np.bool_), 3.0, counted)
    assert found is not None
    np.testing.assert_allclose(found, np.array([3, 1, 1, 1, 3]) / 1.5)
    assert found[counted].mean() == pytest.approx(1)


def test_added_comments_take_their_own_weight_besides() -> None:
    mentions, added = np.array([1, 0, 1], np.bool_), np.array([0, 0, 1], np.bool_)
    everyone = np.ones(3, np.bool_)
    found = weights_of(mentions, 2.0, everyone, added=added, added_weight=0.5)
    np.testing.assert_allclose(found, np.array([2, 1, 1]) * 3 / 4)
    silent = weights_of(mentions, 1.0, everyone, added=added, added_weight=0.0)
    np.testing.assert_allclose(silent, [1.5, 1.5, 0])


@pytest.mark.parametrize(("mentions", "weight"), [(MENTIONS, 1.0), (EVERYONE, 4.0), (~EVERYONE, 4.0)])
def test_where_all_count_the_same_there_are_no_weights(mentions: np.ndarray, weight: float) -> None:
    assert weights_of(mentions, weight, EVERYONE, added=~EVERYONE, added_weight=0.0) is None


def test_weights_of_all_ones_give_the_very_gradient_of_none(
    teacher: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator, tmp_path: Path
) -> None:
    outputs, ones = outputs_of(teacher, train, tmp_path), np.ones(8, np.float32)
    none = gradient(teacher, train, outputs, accelerator, CommentWeights(), parts=3)
    found = gradient(teacher, train, outputs, accelerator, CommentWeights(ones, ones), parts=3)
    assert all(torch.equal(found[name], tensor) for name, tensor in none.items())


def test_a_weighted_batch_of_eight_has_the_gradient_of_four_of_two(
    teacher: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator, tmp_path: Path
) -> None:
    outputs = outputs_of(teacher, train, tmp_path)
    both = CommentWeights(weights_of(MENTIONS, 5.0, EVERYONE), weights_of(~MENTIONS, 3.0, EVERYONE))
    whole = gradient(teacher, train, outputs, accelerator, both)
    assert_close(gradient(teacher, train, outputs, accelerator, both, parts=4), whole)
    assert differ(whole, gradient(teacher, train, outputs, accelerator, CommentWeights()))


def test_a_comment_of_weight_three_counts_as_if_it_were_there_three_times(
    teacher: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator, tmp_path: Path
) -> None:
    outputs, rows = outputs_of(teacher, train, tmp_path), np.array([0, 2, 3, 4])
    counted = np.isin(BATCH, rows)
    weights = weights_of(MENTIONS, 3.0, counted)
    found = gradient(teacher, train, outputs, accelerator, CommentWeights(weights, weights), rows=rows)
    repeated = np.array([0, 0, 0, 2, 3, 3, 3, 4])
    assert_close(found, gradient(teacher, train, outputs, accelerator, CommentWeights(), rows=repeated))


def test_each_group_of_terms_has_weights_of_its_own(
    teacher: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator, tmp_path: Path
) -> None:
    outputs, weights = outputs_of(teacher, train, tmp_path), weights_of(MENTIONS, 4.0, EVERYONE)
    labels, taught = CommentWeights(labels=weights), CommentWeights(teacher=weights)
    of_labels = Objective.of(labels_alone())
    of_teacher = Objective.of(distillation_settings()(hard=0, soft=0.5, hidden=1.0, attention=0.5))
    for objective, own, other in ((of_labels, labels, taught), (of_teacher, taught, labels)):
        plain, weighted, unmoved = (
            gradient(teacher, train, outputs, accelerator, chosen, objective=objective)
            for chosen in (CommentWeights(), own, other)
        )
        assert differ(weighted, plain)
        assert all(torch.equal(unmoved[name], tensor) for name, tensor in plain.items())


def test_the_teacher_has_no_say_on_comments_of_weight_zero_and_the_labels_have(
    teacher: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator, tmp_path: Path
) -> None:
    outputs = outputs_of(teacher, train, tmp_path)
    silent = CommentWeights(teacher=weights_of(~EVERYONE, 1.0, EVERYONE, added=MENTIONS, added_weight=0.0))
    before = gradient(teacher, train, outputs, accelerator, silent)
    features = np.array(outputs.cached)
    for row in np.flatnonzero(MENTIONS):
        features[train.tokens.starts[row] : train.tokens.starts[row + 1]] += 1
    logits = outputs.logits + 3 * MENTIONS[:, None].astype(np.float32)
    biased = dataclasses.replace(outputs, logits=logits, cached=features)
    after = gradient(teacher, train, biased, accelerator, silent)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    turned = dataclasses.replace(train, targets=np.where(MENTIONS[:, None], 1 - train.targets, train.targets))
    assert differ(gradient(teacher, turned, biased, accelerator, silent), before)


def test_the_history_has_the_weighted_terms_and_the_plain_label_loss(
    teacher: BertForSequenceClassification, train: TrainingSet, accelerator: Accelerator
) -> None:
    model = copy.deepcopy(teacher)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
    weighted = dataclasses.replace(train, weights=CommentWeights(weights_of(MENTIONS, 9.0, EVERYONE)))
    same = ValidationSet(train.tokens, np.nan_to_num(train.labels), 0.5)
    weighted = dataclasses.replace(weighted, targets=same.labels, labels=same.labels)
    settings = TrainingSettings(epochs=1, learning_rate=1e-12, batch_size=4, weight_decay=0)
    row = fit(model, "teacher", Objective.of(labels_alone()), weighted, same, settings, accelerator, seed=0).history[0]
    assert math.isclose(row["label_loss"], row["validation_loss"], rel_tol=1e-4)
    assert not math.isclose(row["train_loss"]["hard"], row["label_loss"], rel_tol=1e-3)


def test_a_term_with_one_value_for_the_whole_batch_is_refused(
    teacher: BertForSequenceClassification,
    train: TrainingSet,
    accelerator: Accelerator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    term = ALL_TERMS.terms[0].term
    monkeypatch.setattr(term, "compare", lambda student, *_: student.logits.sum())
    outputs = outputs_of(teacher, train, tmp_path)
    with pytest.raises(AssertionError, match=r"term hard: \(\) values of 8 comments"):
        gradient(teacher, train, outputs, accelerator, CommentWeights())
