"""Eager attention for training computes what torch's fused attention computes, with masks and dropout."""

from pathlib import Path

import pytest
import torch
from transformers import BertForSequenceClassification

from retort.models.attention import attention_for_training
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, set_dropout

CPU = torch.device("cpu")


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    made = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0)
    set_dropout(made, 0.0)
    return made


def test_padding_is_ignored(model: BertForSequenceClassification) -> None:
    ids = torch.arange(5, 25).reshape(2, 10)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    with torch.no_grad():
        expected = model.eval()(input_ids=ids, attention_mask=mask).logits
        with attention_for_training(model, CPU):
            torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, expected, rtol=0, atol=1e-6)
            ids[1, 4:] = 3
            torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, expected, rtol=0, atol=1e-6)


def test_its_dropout_is_the_models(model: BertForSequenceClassification) -> None:
    ids = torch.arange(5, 25).reshape(2, 10)
    for layer in model.bert.encoder.layer:
        layer.attention.self.dropout.p = 0.5
    with attention_for_training(model, CPU), torch.no_grad():
        training = [model.train()(input_ids=ids).logits for _ in range(2)]
        evaluation = [model.eval()(input_ids=ids).logits for _ in range(2)]
    assert not torch.equal(*training)
    assert torch.equal(*evaluation)


def test_on_other_devices_the_model_keeps_its_own(model: BertForSequenceClassification) -> None:
    with attention_for_training(model, torch.device("meta")):
        assert model.config._attn_implementation == "sdpa"
    with attention_for_training(model, CPU):
        assert model.config._attn_implementation != "sdpa"
    assert model.config._attn_implementation == "sdpa"
