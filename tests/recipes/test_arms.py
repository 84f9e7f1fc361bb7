"""What the arms of a comparison are: layers, weights, parameters, and the figures of what was saved."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from retort.data.splits import labels
from retort.inference.golden import TEXTS
from retort.inference.predictor import Classifier
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base
from retort.text import normalised_text
from tests.command import retort
from tests.conftest import ARMS, tiny_rows
from tests.recipes.tiny_runs import (
    ATTRIBUTES,
    LEARNING,
    PLAIN,
    about,
    comparison_of,
    history_of,
    predictions_of,
    texts_of,
    weights_of,
)


def test_odd_keeps_layers_0_2_and_even_1_3_of_four(tiny_run: Path) -> None:
    arms = comparison_of(tiny_run)["arms"]
    expected = {arm: [0, 2] for arm in ("odd", "odd-labels", "odd-base", "odd-random", "lora-odd")} | {"even": [1, 3]}
    expected |= {arm: [0, 1, 2, 3] for arm in ("teacher", "lora")} | {"majority": None, "tfidf": None, "static": None}
    assert {name: arm["layer_indices"] for name, arm in arms.items()} == expected
    assert {name: about(tiny_run, name)["layer_indices"] for name in ARMS} == expected
    assert {arm["teacher_layers"] for name, arm in arms.items() if name in LEARNING} == {4}


@pytest.mark.parametrize("arm", PLAIN)
def test_the_config_of_a_saved_model_has_as_many_layers_as_its_weights(tiny_run: Path, arm: str) -> None:
    from safetensors import safe_open

    layers = 4 if arm == "teacher" else 2
    config = json.loads((tiny_run / arm / "config.json").read_text())
    assert config["num_hidden_layers"] == layers
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["problem_type"] == "multi_label_classification"
    assert config["id2label"] == {"0": "toxicity", "1": "insult"}
    with safe_open(tiny_run / arm / "model.safetensors", "pt") as weights:
        found = {name.split(".")[3] for name in weights.keys() if name.startswith("bert.encoder.layer.")}  # noqa: SIM118
    assert found == {str(index) for index in range(layers)}


@pytest.mark.parametrize("arm", PLAIN)
def test_transformers_loads_a_saved_arm_whole_with_the_same_probabilities(tiny_run: Path, arm: str) -> None:
    """Nothing is drawn anew on the way through the folder: neither layers nor head."""
    model, found = AutoModelForSequenceClassification.from_pretrained(tiny_run / arm, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    assert not found["mismatched_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_run / arm)
    assert tokenizer.model_max_length == 128
    test = texts_of(tiny_run, "test")
    with torch.no_grad():
        logits = model.eval()(**tokenizer(test["text"].tolist(), padding=True, return_tensors="pt")).logits
    kept = predictions_of(tiny_run, arm).set_index("id").loc[test["id"], ATTRIBUTES].to_numpy()
    np.testing.assert_allclose(logits.sigmoid().numpy(), kept, atol=1e-5)


@pytest.mark.parametrize("arm", ["tfidf", "static", *LEARNING])
def test_a_loaded_arm_gives_exactly_the_judged_probabilities(tiny_run: Path, arm: str) -> None:
    test = texts_of(tiny_run, "test")
    probabilities = Classifier.load(tiny_run / arm).probabilities(test["text"].tolist())
    kept = predictions_of(tiny_run, arm).set_index("id").loc[test["id"], ATTRIBUTES].to_numpy()
    np.testing.assert_allclose(probabilities, kept, atol=1e-6)


@pytest.mark.parametrize("arm", ["teacher", "odd", "lora/merged"])
def test_pipeline_equals_predict_on_texts_that_normalising_leaves_alone(tiny_run: Path, arm: str) -> None:
    texts = [t for _, t, *_ in tiny_rows()][:8]
    assert texts == [normalised_text(t) for t in texts]
    ended = retort("predict", "--model", tiny_run / arm, "--json", *texts)
    ours = [json.loads(line)["probabilities"] for line in ended.out.splitlines()]
    theirs = pipeline("text-classification", model=str(tiny_run / arm), top_k=None)(texts)
    for mine, scores in zip(ours, theirs, strict=True):
        assert {s["label"]: s["score"] for s in scores} == pytest.approx(mine, abs=1e-4)


@pytest.mark.parametrize("arm", ["tfidf", *LEARNING])
def test_the_golden_texts_get_their_golden_scores(tiny_run: Path, arm: str) -> None:
    golden = json.loads((tiny_run / arm / "golden.json").read_text())
    assert [row["text"] for row in golden["texts"]] == list(TEXTS)
    assert len(golden["texts"]) == 12
    assert golden["attributes"] == ATTRIBUTES
    probabilities = Classifier.load(tiny_run / arm).probabilities(TEXTS)
    np.testing.assert_allclose(probabilities, [r["probabilities"] for r in golden["texts"]], atol=golden["tolerance"])


def test_every_distilled_student_learnt_something_of_its_own(tiny_run: Path) -> None:
    digests = {arm: weights_of(tiny_run, arm) for arm in LEARNING}
    assert len(set(digests.values())) == len(LEARNING), "two arms hold the same weights"


def test_the_teachers_head_was_trained_before_anyone_learnt_from_it(tiny_run: Path, tiny_bert: Path) -> None:
    drawn = classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, seed=0).classifier.weight
    trained = load_file(tiny_run / "teacher" / "model.safetensors")["classifier.weight"]
    assert (trained - drawn).abs().mean() > 0.005
    assert comparison_of(tiny_run)["arms"]["teacher"]["test"]["toxicity"]["roc_auc"]["value"] > 0.9
    epochs = history_of(tiny_run, "teacher")
    assert epochs[-1]["train_loss"]["hard"] < epochs[0]["train_loss"]["hard"]


def test_the_adapters_head_was_trained_and_is_the_one_that_predicts(tiny_run: Path, tiny_bert: Path) -> None:
    drawn = classifier_from_base(resolve_base(str(tiny_bert)), ATTRIBUTES, seed=0).classifier.weight
    adapter = load_file(tiny_run / "lora" / "adapter_model.safetensors")
    (head,) = (tensor for name, tensor in adapter.items() if name.endswith("classifier.weight"))
    assert (head - drawn).abs().mean() > 0.005
    assert torch.equal(head, load_file(tiny_run / "lora" / "merged" / "model.safetensors")["classifier.weight"])


def test_the_students_first_epoch_begins_where_the_teacher_ended_and_not_at_random(tiny_run: Path) -> None:
    """The copied layers, embeddings and head arrive: the copy starts far nearer to the teacher than the random one."""
    first = {arm: history_of(tiny_run, arm)[0]["train_loss"]["hidden"] for arm in ("odd", "odd-random")}
    assert first["odd"] < first["odd-random"]


def test_the_majority_arm_gives_every_comment_the_training_share(tiny_run: Path) -> None:
    train = labels(texts_of(tiny_run, "train"), ATTRIBUTES, 0.6)
    probabilities = predictions_of(tiny_run, "majority")
    for column, attribute in enumerate(ATTRIBUTES):
        assert probabilities[attribute].unique() == pytest.approx([train[:, column].mean()])
    recorded = comparison_of(tiny_run)["arms"]["majority"]
    assert recorded["test"]["toxicity"]["roc_auc"]["value"] == 0.5
    assert recorded["test"]["toxicity"]["average_precision"]["value"] == 0.5
    # A third of the comments is insulting: "never" is right in the others.
    never = 1 - labels(texts_of(tiny_run, "test"), ["insult"], 0.6).mean()
    assert recorded["test"]["insult"]["accuracy"]["value"] == pytest.approx(never)
    assert recorded["test"]["insult"]["precision"]["value"] is None
    assert recorded["cost"]["size_bytes"] is None
    assert recorded["cost"]["why"]
    assert history_of(tiny_run, "majority") == []


def test_parameters_are_those_of_the_saved_models(tiny_run: Path) -> None:
    arms = comparison_of(tiny_run)["arms"]
    for arm in PLAIN:
        model = AutoModelForSequenceClassification.from_pretrained(tiny_run / arm)
        assert arms[arm]["parameters"]["total"] == sum(p.numel() for p in model.parameters())
        assert arms[arm]["parameters"]["trainable"] == arms[arm]["parameters"]["total"]
        assert arms[arm]["cost"]["size_bytes"] > (tiny_run / arm / "model.safetensors").stat().st_size
    head = 2 * 32 + 2
    assert arms["lora"]["parameters"]["trainable"] == 4 * 2 * 2 * 8 * 32 + head
    assert arms["lora-odd"]["parameters"]["trainable"] == 2 * 2 * 2 * 8 * 32 + head
    assert arms["lora"]["parameters"]["total"] == arms["teacher"]["parameters"]["total"]
    assert arms["lora"]["cost"]["adapter_bytes"] < arms["lora"]["cost"]["size_bytes"]
