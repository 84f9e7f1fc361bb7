"""A classifier made from a base, saved, loaded, and unchanged by all of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertForSequenceClassification

from retort.data.batches import encode
from retort.errors import ConfigError, ModelError
from retort.evaluation.probability import sigmoid
from retort.models.attention import attention_for_training
from retort.models.bases import resolve_base
from retort.models.classifier import (
    attributes_of,
    brings_pooler,
    classifier_from_base,
    count_parameters,
    load_classifier,
    load_tokenizer,
    require_usable,
    save_classifier,
    set_dropout,
    set_label_order,
)
from retort.models.forward import logits
from tests.conftest import tiny_rows

ATTRIBUTES = ("toxicity", "insult")


@pytest.fixture
def model(tiny_bert: Path) -> BertForSequenceClassification:
    return classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, seed=0).eval()


def test_the_body_is_the_bases_and_the_head_is_drawn_from_the_seed(tiny_bert: Path) -> None:
    base = resolve_base(str(tiny_bert))
    one, again, other = (classifier_from_base(base, ATTRIBUTES, seed) for seed in (0, 0, 1))
    published = load_file(tiny_bert / "model.safetensors")
    for name, tensor in one.bert.state_dict().items():
        assert torch.equal(tensor, published[name]), name
    assert torch.equal(one.classifier.weight, again.classifier.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)


def test_drawing_a_head_leaves_the_global_random_state_alone(tiny_bert: Path) -> None:
    before = torch.random.get_rng_state()
    classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_untrained_head_predicts_each_attributes_share(tiny_bert: Path) -> None:
    model = classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, 0, shares=(0.08, 0.002))
    assert torch.sigmoid(model.classifier.bias).tolist() == pytest.approx([0.08, 0.002], abs=1e-6)
    never = classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, 0, shares=(0.0, 1.0))
    assert torch.isfinite(never.classifier.bias).all()


def test_labels_are_the_attributes_in_order_and_each_has_a_sigmoid(model: BertForSequenceClassification) -> None:
    assert model.config.id2label == {0: "toxicity", 1: "insult"}
    assert model.config.problem_type == "multi_label_classification"
    assert attributes_of(model) == ATTRIBUTES


def test_saved_then_loaded_is_unchanged(model: BertForSequenceClassification, tiny_bert: Path, tmp_path: Path) -> None:
    save_classifier(model, tiny_bert, 64, tmp_path)
    loaded = load_classifier(tmp_path)
    assert not loaded.training
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert AutoTokenizer.from_pretrained(tmp_path).model_max_length == 64
    texts = [text for _, text, *_ in tiny_rows()][:20]
    mine, theirs = (encode(texts, load_tokenizer(folder), 64) for folder in (tiny_bert, tmp_path))
    np.testing.assert_array_equal(mine.ids, theirs.ids)
    np.testing.assert_array_equal(logits(model, mine), logits(loaded, theirs))


def test_the_head_is_put_into_another_order_of_labels(model: BertForSequenceClassification) -> None:
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.no_grad():
        before = model(input_ids=ids).logits
        set_label_order(model, ("insult", "toxicity"), "here")
        after = model(input_ids=ids).logits
    torch.testing.assert_close(after, before[:, [1, 0]])
    assert attributes_of(model) == ("insult", "toxicity")
    with pytest.raises(ModelError, match=r"here: retort\.json names threat, config\.json insult, toxicity"):
        set_label_order(model, ("threat",), "here")


@pytest.mark.parametrize(
    "lost", ["classifier.weight", "bert.pooler.dense.bias", "bert.encoder.layer.3.output.dense.bias"]
)
def test_a_saved_classifier_that_lacks_a_tensor_is_refused_not_filled_at_random(
    model: BertForSequenceClassification, tiny_bert: Path, tmp_path: Path, lost: str
) -> None:
    save_classifier(model, tiny_bert, 64, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"names {lost}, which the weights lack"):
        load_classifier(tmp_path)


def test_a_base_without_a_pooler_gets_one_from_the_seed(poolerless_bert: Path) -> None:
    base = resolve_base(str(poolerless_bert))
    one, two, other = (classifier_from_base(base, ATTRIBUTES, seed).bert.pooler.dense.weight for seed in (7, 7, 8))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("form", ["model.safetensors", "pytorch_model.bin"])
def test_whether_a_base_brings_a_pooler_is_read_from_its_weights(
    tiny_bert: Path, poolerless_bert: Path, tmp_path: Path, form: str
) -> None:
    for folder, brings in ((tiny_bert, True), (poolerless_bert, False)):
        copy = shutil.copytree(folder, tmp_path / str(brings))
        if form.endswith(".bin"):
            torch.save(load_file(copy / "model.safetensors"), copy / form)
            (copy / "model.safetensors").unlink()
        assert brings_pooler(resolve_base(str(copy))) is brings


def test_a_usable_base_is_accepted_and_one_that_reads_too_little_is_not(tiny_bert: Path) -> None:
    base = resolve_base(str(tiny_bert))
    require_usable(base, 128)
    with pytest.raises(ConfigError, match="max_length = 129"):
        require_usable(base, 129)


@pytest.mark.parametrize("labels", [1, 2])
def test_a_base_that_is_a_classifier_already_is_refused(tiny_bert: Path, tmp_path: Path, labels: int) -> None:
    names = [f"label {index}" for index in range(labels)]
    save_classifier(classifier_from_base(resolve_base(str(tiny_bert)), names, 0), tiny_bert, 64, tmp_path)
    with pytest.raises(ModelError, match="is a classifier already"):
        require_usable(resolve_base(str(tmp_path)), 64)


def test_setting_dropout_reaches_every_layer_and_the_config(model: BertForSequenceClassification) -> None:
    set_dropout(model, 0.25)
    found = {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)}
    assert found == {0.25}
    assert model.config.attention_probs_dropout_prob == model.config.hidden_dropout_prob == 0.25
    assert model.config.classifier_dropout == 0.25


def test_without_dropout_training_mode_gives_the_logits_of_evaluation(model: BertForSequenceClassification) -> None:
    """No dropout is left over anywhere, in attention written out or fused."""
    set_dropout(model, 0.0)
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        torch.testing.assert_close(model.train()(input_ids=ids).logits, expected)
        with attention_for_training(model, torch.device("cpu")):
            torch.testing.assert_close(model(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-6)
    assert model.config._attn_implementation == "sdpa"


def test_parameters_are_counted_once_and_frozen_ones_apart(model: BertForSequenceClassification) -> None:
    whole = sum(p.numel() for p in model.parameters())
    assert count_parameters(model) == {"total": whole, "trainable": whole}
    model.bert.requires_grad_(False)
    assert count_parameters(model) == {"total": whole, "trainable": 2 * 32 + 2}


def test_a_tokenizers_own_padding_and_truncation_are_not_kept(tiny_bert: Path, tmp_path: Path) -> None:
    """The packaged MiniLM's file pads and cuts to 128."""
    from tokenizers import Tokenizer

    folder = shutil.copytree(tiny_bert, tmp_path / "bert")
    with_own = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with_own.enable_padding(length=128)
    with_own.enable_truncation(8)
    with_own.save(str(folder / "tokenizer.json"))
    assert len(load_tokenizer(folder).encode("the good bus")) == 5
    assert len(load_tokenizer(folder).encode("the good bus " * 20)) == 62


def test_a_sigmoid_neither_overflows_nor_leaves_its_range() -> None:
    found = sigmoid(np.array([-1e30, -800, -1, 0, 1, 800, 1e30], np.float32))
    assert np.isfinite(found).all()
    assert (found[0], found[3], found[-1]) == (0, 0.5, 1)
    np.testing.assert_allclose(found + found[::-1], 1)


def test_the_forward_pass_leaves_the_models_mode_as_it_was(
    model: BertForSequenceClassification, tiny_bert: Path
) -> None:
    tokens = encode(["a good bus"], load_tokenizer(tiny_bert), 32)
    for training in (True, False):
        model.train(training)
        logits(model, tokens)
        assert model.training == training
