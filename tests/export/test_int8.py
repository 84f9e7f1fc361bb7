"""The preparation for int8 changes nothing in fp32 and reduces the loss in int8."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from retort.data.batches import Tokens, encode
from retort.export.graph import onnx_graph
from retort.export.int8 import quantized, ready_for_int8
from retort.inference.onnx_predictor import OnnxScorer, open_session
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer
from retort.models.forward import logits
from tests.conftest import tiny_rows

TEXTS = [text for _, text, *_ in tiny_rows()][:60]


@pytest.fixture(scope="module")
def tokens(tiny_bert: Path) -> Tokens:
    return encode(TEXTS, load_tokenizer(tiny_bert), 64)


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    """One layer is enough. Two channels of its feed-forward block are large, as they are in trained BERTs."""
    found = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity", "insult"), seed=0).eval()
    found.bert.encoder.layer = found.bert.encoder.layer[:1]
    found.config.num_hidden_layers = 1
    with torch.no_grad():
        found.classifier.weight *= 20
        for layer in found.bert.encoder.layer:
            layer.intermediate.dense.bias[3] += 25
            layer.intermediate.dense.bias[7] += 12
    return found


def quantized_logits(model: BertForSequenceClassification, tokens: Tokens, path: Path) -> np.ndarray:
    quantized(onnx_graph(model), path)
    return OnnxScorer(open_session(path, threads=1), int8=True)(tokens)


def test_only_the_rounding_of_word_embeddings_changes_the_logits(
    model: BertForSequenceClassification, tokens: Tokens
) -> None:
    before = logits(model, tokens)
    ready = ready_for_int8(model, tokens.of(range(20)))
    np.testing.assert_allclose(logits(ready, tokens), before, atol=0.05)
    table = model.bert.embeddings.word_embeddings.weight.detach()
    ids = torch.arange(len(table))
    rounded = ready.bert.embeddings.word_embeddings(ids)
    largest = table.abs().amax(dim=1, keepdim=True)
    assert ((rounded - table).abs() <= largest / 127 * 0.5001).all()
    # With the original table the logits are equal.
    ready.bert.embeddings.word_embeddings = model.bert.embeddings.word_embeddings
    np.testing.assert_allclose(logits(ready, tokens), before, atol=1e-4)


def test_the_model_itself_is_left_as_it_was(model: BertForSequenceClassification, tokens: Tokens) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ready_for_int8(model, tokens.of(range(5)))
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.slow
def test_large_channels_cost_the_others_less_precision(
    model: BertForSequenceClassification, tokens: Tokens, tmp_path: Path
) -> None:
    truth = logits(model, tokens)
    plain = quantized_logits(model, tokens, tmp_path / "plain.onnx")
    prepared = quantized_logits(ready_for_int8(model, tokens.of(range(20))), tokens, tmp_path / "prepared.onnx")
    assert np.square(prepared - truth).mean() < 0.5 * np.square(plain - truth).mean()
