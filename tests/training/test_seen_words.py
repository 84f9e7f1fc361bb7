"""Learning the embeddings of the words that are read, and no others, is learning all of them."""

import contextlib
import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from retort.config import TrainingSettings
from retort.data.batches import encode
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer, set_dropout
from retort.training import loop
from retort.training.engine import make_accelerator
from retort.training.gradient import TrainingSet
from retort.training.history import ValidationSet
from retort.training.loop import fit
from retort.training.objective import Objective, labels_alone
from retort.training.seen_words import SeenWords, only_seen_words
from tests.conftest import tiny_rows

HARD = Objective.of(labels_alone())


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    made = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0)
    set_dropout(made, 0.0)
    return made


def comments(tiny_bert: Path, begin: int, end: int) -> TrainingSet:
    rows = tiny_rows()[begin:end]
    tokens = encode([text for _, text, *_ in rows], load_tokenizer(tiny_bert), 32)
    labels = np.array([[t >= 0.6, i >= 0.6] for *_, t, i in rows], np.float32)
    return TrainingSet(tokens, labels, labels)


def fitted(model: BertForSequenceClassification, tiny_bert: Path, decay: float) -> list[dict[str, object]]:
    train, after = comments(tiny_bert, 0, 24), comments(tiny_bert, 24, 60)
    settings = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-3, weight_decay=decay)
    validation = ValidationSet(after.tokens, after.targets, 0.5)
    return fit(model, "teacher", HARD, train, validation, settings, make_accelerator("fp32"), seed=0).history


def test_all_is_learnt_as_with_the_whole_table(
    model: BertForSequenceClassification, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation comments hold words that training comments do not."""
    whole = copy.deepcopy(model)
    found = fitted(model, tiny_bert, decay=0.0)
    monkeypatch.setattr(loop, "only_seen_words", lambda *_: contextlib.nullcontext())
    expected = fitted(whole, tiny_bert, decay=0.0)
    for row, wanted in zip(found, expected, strict=True):
        assert row["train_loss"] == wanted["train_loss"]
        assert row["validation_loss"] == wanted["validation_loss"]
    assert list(model.state_dict()) == list(whole.state_dict())
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0, atol=1e-7, msg=name)


def test_words_that_are_never_read_stay_even_under_weight_decay(
    model: BertForSequenceClassification, tiny_bert: Path
) -> None:
    before = model.bert.embeddings.word_embeddings.weight.detach().clone()
    fitted(model, tiny_bert, decay=0.5)
    after = model.bert.embeddings.word_embeddings.weight
    read = np.unique(comments(tiny_bert, 0, 24).tokens.ids)
    others = np.setdiff1d(np.arange(len(before)), read)
    assert len(others) > 0
    assert torch.equal(after[others], before[others])
    assert (after[read] != before[read]).any(dim=1).all()


def test_the_model_has_its_own_table_back_also_after_a_failure(
    model: BertForSequenceClassification, tiny_bert: Path
) -> None:
    table = model.bert.embeddings.word_embeddings

    def failing() -> None:
        with only_seen_words(model, comments(tiny_bert, 0, 4).tokens):
            assert isinstance(model.bert.embeddings.word_embeddings, SeenWords)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        failing()
    assert model.bert.embeddings.word_embeddings is table
    assert table.weight.requires_grad


def test_frozen_embeddings_are_left_alone(model: BertForSequenceClassification, tiny_bert: Path) -> None:
    table = model.bert.embeddings.word_embeddings.requires_grad_(False)
    with only_seen_words(model, comments(tiny_bert, 0, 4).tokens):
        assert model.bert.embeddings.word_embeddings is table
    assert not table.weight.requires_grad
