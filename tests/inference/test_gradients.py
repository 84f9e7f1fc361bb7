"""Integrated gradients: weights that add up, for every model in torch, without side effects for other threads."""

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retort.errors import ConfigError, ResourceError
from retort.inference import gradients
from retort.inference.explain import weigh
from retort.inference.passages import MOST_CHARACTERS
from retort.inference.predictor import Classifier
from tests.inference.foreign_folder import write_foreign


@pytest.fixture(scope="module")
def foreign(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A classifier made elsewhere, whose labels are in another order than in retort.

    Its weights are large, so that the logits of its labels differ.
    """
    labels = {0: "insult", 1: "toxicity"}
    folder = tmp_path_factory.mktemp("foreign") / "theirs"
    return Classifier.load(write_foreign(folder, tiny_bert, labels, initializer_range=0.5))


def log_odds_over_padding(classifier: Classifier, text: str, label: int) -> float:
    """The text's log-odds minus those of as many [PAD]."""
    model: Any = classifier.model
    ids = torch.tensor([model.reader.tokenizer.encode(text).ids])
    empty = ids.clone()
    empty[0, 1:-1] = model.reader.tokenizer.token_to_id("[PAD]")
    with torch.inference_mode():
        whole, padding = (model.scorer.model(input_ids=one).logits[0, label] for one in (ids, empty))
    return float(whole - padding)


@pytest.mark.parametrize(("attribute", "label"), [("toxicity", 0), ("insult", 1)])
def test_gradients_add_up_to_the_log_odds_over_padding(
    foreign: Classifier, monkeypatch: pytest.MonkeyPatch, attribute: str, label: int
) -> None:
    monkeypatch.setattr(gradients, "_STEPS", 200)
    text = "the good mayor opened that xyz bridge"
    words = weigh(foreign, text, method="integrated_gradients", attribute=attribute)[1]
    expected = log_odds_over_padding(foreign, text, label)
    assert abs(expected) > 0.1
    assert sum(word.weight for word in words) == pytest.approx(expected, rel=0.02)


def test_gradients_explain_an_adapter_too(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "_STEPS", 200)
    adapted = Classifier.load(tiny_run / "lora")
    text = "the driver who found the market early is a moron"
    words = weigh(adapted, text, method="integrated_gradients")[1]
    expected = log_odds_over_padding(adapted, text, 0)
    assert abs(expected) > 0.01
    assert sum(word.weight for word in words) == pytest.approx(expected, rel=0.02)


def test_gradients_reach_words_behind_the_first_window(foreign: Classifier) -> None:
    text = " ".join(["incomprehensibilities"] * 15 + ["good", "bus"])
    assert len(text) <= MOST_CHARACTERS
    assert foreign.read([text])[0].windows > 1
    words = weigh(foreign, text, method="integrated_gradients")[1]
    assert all(abs(word.weight) > 1e-6 for word in words)


def test_gradients_of_a_text_without_words_are_none(foreign: Classifier) -> None:
    assert weigh(foreign, "?!", method="integrated_gradients")[1] == []


def test_other_threads_get_unchanged_scores_meanwhile(foreign: Classifier) -> None:
    text = "the good mayor opened that bridge"
    before = foreign.probabilities([text])
    done = threading.Event()

    def explain_again_and_again() -> None:
        while not done.is_set():
            weigh(foreign, text, method="integrated_gradients")

    thread = threading.Thread(target=explain_again_and_again)
    thread.start()
    try:
        meanwhile = [foreign.probabilities([text]) for _ in range(100)]
    finally:
        done.set()
        thread.join()
    np.testing.assert_array_equal(np.concatenate(meanwhile), np.repeat(before, 100, axis=0))


def test_gradients_are_refused_to_a_model_without_torch(tiny_run: Path) -> None:
    with pytest.raises(ConfigError, match="tfidf is tfidf, not torch; use leave_out"):
        weigh(Classifier.load(tiny_run / "tfidf"), "you fool", method="integrated_gradients")


def test_gradients_without_captum_are_answered_by_the_install_line(
    foreign: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ResourceError, match=r"captum is not installed; pip install 'retort-nlp\[train\]'"):
        weigh(foreign, "you fool", method="integrated_gradients")
