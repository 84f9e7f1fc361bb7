"""A last layer computed for the first token only has the logits and gradients of one computed for all tokens."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from retort.config import LoraSettings
from retort.data.batches import encode
from retort.models.adapters import with_adapter
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer, set_dropout
from retort.models.first_token import first_token_only, use_first_token
from tests.conftest import tiny_rows

ATTENTION = ["eager", "sdpa"]


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    made = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0).eval()
    set_dropout(made, 0.0)
    return made


@pytest.fixture
def inputs(tiny_bert: Path) -> dict[str, torch.Tensor]:
    """Comments of different lengths, padded."""
    texts = [text for _, text, *_ in tiny_rows()[:6]] + ["you", "what a lovely garden " * 12]
    ids, mask = encode(texts, load_tokenizer(tiny_bert), 128).padded(np.arange(8))
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


@pytest.mark.parametrize("attention", ATTENTION)
def test_the_logits_are_those_of_the_whole_layer(
    attention: str, model: BertForSequenceClassification, inputs: dict[str, torch.Tensor]
) -> None:
    model.set_attn_implementation(attention)
    with torch.inference_mode():
        whole = model(**inputs).logits
        with first_token_only(model):
            first = model(**inputs)
        torch.testing.assert_close(first.logits, whole, rtol=0, atol=1e-6)
        assert model.bert(**inputs).last_hidden_state.shape[1] == inputs["input_ids"].shape[1]
        with first_token_only(model):
            assert model.bert(**inputs).last_hidden_state.shape[1] == 1


@pytest.mark.parametrize("attention", ATTENTION)
def test_the_gradients_are_those_of_the_whole_layer(
    attention: str, model: BertForSequenceClassification, inputs: dict[str, torch.Tensor]
) -> None:
    model.set_attn_implementation(attention)
    model(**inputs).logits.square().sum().backward()
    whole = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}  # type: ignore[union-attr]
    model.zero_grad()
    with first_token_only(model):
        model(**inputs).logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-4, atol=1e-6, msg=name)


def test_adapters_in_the_last_layer_take_part(
    model: BertForSequenceClassification, inputs: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    adapted = with_adapter(model, LoraSettings(dropout=0.0), "tiny", 0, tmp_path).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    with torch.inference_mode():
        whole = adapted(**inputs).logits
        with first_token_only(adapted):
            torch.testing.assert_close(adapted(**inputs).logits, whole, rtol=0, atol=1e-5)


def test_nothing_else_of_the_model_changes(model: BertForSequenceClassification) -> None:
    before = list(model.state_dict())
    kind = type(model.bert.encoder.layer[-1])
    with first_token_only(model):
        assert list(model.state_dict()) == before
    assert type(model.bert.encoder.layer[-1]) is kind


def test_a_permanent_restriction_outlives_a_temporary_one(
    model: BertForSequenceClassification, inputs: dict[str, torch.Tensor]
) -> None:
    use_first_token(model)
    with first_token_only(model):
        pass
    assert model.bert(**inputs).last_hidden_state.shape[1] == 1
