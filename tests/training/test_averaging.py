"""The moving average of the weights: what it holds, and that training goes on as if it were not there."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import BertForSequenceClassification

from retort.config import DistillationSettings, TrainingSettings
from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer, set_dropout
from retort.training.averaging import WeightAverage
from retort.training.loop import Fitted, TrainingSet, ValidationSet, fit
from retort.training.objectives import Objective
from tests.conftest import tiny_rows


def test_the_average_is_that_of_the_steps_weighted_by_the_decay() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average = WeightAverage(model, 0.5)
    expected, kept = 0.0, [1 / 11, 2 / 12, 3 / 13]  # the start, when less is kept than the decay says
    for share, value in zip(kept, (1.0, 2.0, 5.0), strict=True):
        model.weight.data.fill_(value)
        average.update()
        expected = share * expected + (1 - share) * value
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 5.0


def test_a_long_average_keeps_no_more_than_its_decay() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, 0.5)
    for _ in range(100):
        average.update()
    with average.in_place():
        before = model.weight.item()
    model.weight.data.add_(1.0)
    average.update()
    with average.in_place():
        assert model.weight.item() - before == pytest.approx(0.5, abs=1e-5)


def test_without_a_decay_there_is_no_average() -> None:
    model = torch.nn.Linear(2, 2)
    average = WeightAverage(model, 0.0)
    average.update()
    with average.in_place():
        model.weight.data.fill_(3.0)
    assert (model.weight == 3.0).all()


def test_weights_that_do_not_learn_are_left_alone() -> None:
    model = torch.nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    average = WeightAverage(model, 0.9)
    average.update()
    model.bias.data.fill_(7.0)
    with average.in_place():
        assert (model.bias == 7.0).all()


def _fitted(model: BertForSequenceClassification, folder: Path, decay: float) -> Fitted:
    tokens = encode([text for _, text, *_ in tiny_rows()], load_tokenizer(folder), 32)
    labels = np.array([[t >= 0.6] for *_, t, _ in tiny_rows()], np.float32)
    settings = TrainingSettings(epochs=2, learning_rate=1e-3, batch_size=8, average_decay=decay, keep="last")
    return fit(
        model,
        "teacher",
        Objective(DistillationSettings(hard=1, soft=0, hidden=0)),
        TrainingSet(tokens, labels),
        ValidationSet(tokens, labels, 0.5),
        settings,
        Accelerator(cpu=True, mixed_precision="no"),
        seed=0,
    )


def test_averaging_changes_what_is_kept_and_nothing_of_the_training(tiny_bert: Path) -> None:
    plain = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0)
    set_dropout(plain, 0.0)
    averaged = copy.deepcopy(plain)
    without, with_average = _fitted(plain, tiny_bert, 0.0), _fitted(averaged, tiny_bert, 0.9)
    losses = [[row["train_loss"]["total"] for row in fitted.history] for fitted in (without, with_average)]
    assert losses[0] == losses[1]
    assert not torch.equal(plain.classifier.weight, averaged.classifier.weight)
    assert without.history[0]["validation_loss"] != with_average.history[0]["validation_loss"]
