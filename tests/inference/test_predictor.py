"""A trained arm, asked: whatever the text, an answer; whatever is wrong with the folder, a refusal."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from retort.errors import DataError, ModelError
from retort.inference.predictor import Classifier
from tests.conftest import tiny_rows

ODD_TEXTS = {
    "emoji": "\U0001f621\U0001f621 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a lone surrogate": "a good \udcff bus",
    "right to left": "\u202eabc\u202c \u05e9\u05dc\u05d5\u05dd",
    "another script": "\u4f60\u597d \u3053\u3093\u306b\u3061\u306f \u041f\u0440\u0438\u0432\u0435\u0442",
    "a thousand marks on a letter": "a" + "\u0301" * 1000,
    "a very long word": "x" * 5000,
    "a very long text": "the good bus " * 20_000,
    "nothing but punctuation": "?!...",
    "control characters": "a\x01b\x7fc\x00d",
    "lines and tabs": "a good\n\n\tbus\r\n",
    "unassigned": "\U000e0fff\uffff good",
    "special tokens": "[SEP] [CLS] [MASK] [PAD] [UNK]",
    "markup": "<script>alert('x')</script> &amp; {{ bus }}",
}


@pytest.fixture(scope="module")
def odd(tiny_run: Path) -> Classifier:
    return Classifier.load(tiny_run / "odd")


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> Path:
    """The odd arm, to be changed."""
    return shutil.copytree(tiny_run / "odd", tmp_path / "odd")


def foreign(folder: Path, base: Path, **config: Any) -> Path:
    """A classifier that retort did not make, as transformers saves it."""
    from transformers import AutoConfig, AutoTokenizer

    settings = AutoConfig.from_pretrained(base, **config)
    torch.manual_seed(0)
    BertForSequenceClassification(settings).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_any_text_gets_a_probability(odd: Classifier, name: str) -> None:
    said = odd.probabilities([ODD_TEXTS[name]])
    assert said.shape == (1, 2)
    assert ((said > 0) & (said < 1)).all()


def test_a_text_is_judged_alike_alone_and_among_others(odd: Classifier) -> None:
    texts = [text for _, text, *_ in tiny_rows()][:40] + list(ODD_TEXTS.values())
    together = odd.probabilities(texts)
    for index, text in enumerate(texts):
        np.testing.assert_allclose(odd.probabilities([text])[0], together[index], atol=1e-5)


def test_the_order_of_texts_is_the_order_of_answers(odd: Classifier) -> None:
    texts = [text for _, text, *_ in tiny_rows()][:50]
    np.testing.assert_allclose(odd.probabilities(texts[::-1]), odd.probabilities(texts)[::-1], atol=1e-5)
    assert [answer["text_index"] for answer in odd.predict(texts[:3])] == [0, 1, 2]


def test_no_texts_give_no_answers(odd: Classifier) -> None:
    assert odd.predict([]) == []
    assert odd.probabilities([]).shape == (0, 2)


def test_a_verdict_goes_by_the_primary_attribute_and_includes_its_threshold(odd: Classifier) -> None:
    import dataclasses

    text = "the good bus"
    exactly = odd.predict([text])[0]["probabilities"]["toxicity"]
    at, above = (
        dataclasses.replace(odd, thresholds={"toxicity": value, "insult": 0.0}).predict([text])[0]
        for value in (exactly, np.nextafter(exactly, 1))
    )
    assert at["verdict"] == "toxic"
    assert above["verdict"] == "non-toxic"
    assert above["threshold"] > at["threshold"]


def test_the_thresholds_are_those_of_retort_json(copied: Path) -> None:
    about = json.loads((copied / "retort.json").read_text())
    (copied / "retort.json").write_text(json.dumps(about | {"thresholds": {"toxicity": 0.01, "insult": 0.5}}))
    (copied / "manifest.json").unlink()
    answer = Classifier.load(copied).predict(["the good bus"])[0]
    assert answer["threshold"] == 0.01
    assert answer["verdict"] == "toxic"


def test_texts_are_normalised_as_in_training(odd: Classifier) -> None:
    plain, disguised = odd.probabilities(["the mayor is a fool", "the may\u200bor is a \uff46\uff4f\uff4f\uff4c"])
    np.testing.assert_array_equal(plain, disguised)


def test_blank_texts_are_refused_by_number(odd: Classifier) -> None:
    for blank in ("", "  ", "\u200b\u200b", "\n"):
        with pytest.raises(DataError, match="text 1: blank"):
            odd.predict(["fine", blank])


@pytest.mark.parametrize("missing", ["arm", "kind", "attributes", "thresholds", "max_length", "base"])
def test_a_retort_json_that_lacks_something_is_refused(copied: Path, missing: str) -> None:
    about = json.loads((copied / "retort.json").read_text())
    del about[missing]
    (copied / "retort.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match=f"without {missing}"):
        Classifier.load(copied)


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_retort_json_that_is_no_object_is_refused(copied: Path, content: str) -> None:
    (copied / "retort.json").write_text(content)
    with pytest.raises(ModelError, match=r"retort\.json"):
        Classifier.load(copied)


def test_another_version_of_the_normaliser_is_refused(copied: Path) -> None:
    about = json.loads((copied / "retort.json").read_text())
    (copied / "retort.json").write_text(json.dumps(about | {"normaliser_version": 0}))
    (copied / "manifest.json").unlink()
    with pytest.raises(ModelError, match="normalised by version 0"):
        Classifier.load(copied)


def test_a_file_missing_from_the_manifest_is_refused(copied: Path) -> None:
    (copied / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json: named by manifest\.json but missing"):
        Classifier.load(copied)


@pytest.mark.parametrize("file", ["vocabulary.json", "weights.safetensors"])
def test_a_broken_tfidf_arm_is_refused(tiny_run: Path, tmp_path: Path, file: str) -> None:
    arm = shutil.copytree(tiny_run / "tfidf", tmp_path / "tfidf")
    (arm / "manifest.json").unlink()
    (arm / file).write_bytes(b"x")
    with pytest.raises(ModelError, match="not a whole tfidf arm"):
        Classifier.load(arm)


def test_any_hugging_face_classifier_with_one_sigmoid_per_attribute_can_be_asked(
    tiny_bert: Path, tmp_path: Path
) -> None:
    """Its labels may stand in any order; the primary one comes first in ours."""
    folder = foreign(
        tmp_path / "theirs", tiny_bert, problem_type="multi_label_classification",
        id2label={0: "INSULT", 1: "Toxicity", 2: "spam"}, label2id={"INSULT": 0, "Toxicity": 1, "spam": 2},
    )  # fmt: skip
    ours = Classifier.load(folder)
    assert ours.attributes == ("toxicity", "insult", "spam")
    from transformers import pipeline

    texts = [text for _, text, *_ in tiny_rows()][:4]
    theirs = pipeline("text-classification", model=str(folder), top_k=None)(texts)
    for answer, scores in zip(ours.predict(texts), theirs, strict=True):
        assert {s["label"].lower(): s["score"] for s in scores} == pytest.approx(answer["probabilities"], abs=1e-5)


def test_a_classifier_of_one_label_can_be_asked_whatever_the_label_is_called(tiny_bert: Path, tmp_path: Path) -> None:
    folder = foreign(tmp_path / "theirs", tiny_bert, num_labels=1)
    answer = Classifier.load(folder).predict(["the good bus"])[0]
    assert list(answer["probabilities"]) == ["label_0"]


@pytest.mark.parametrize(
    ("config", "telling"),
    [
        ({"num_labels": 2, "problem_type": "single_label_classification"}, "softmax"),
        ({"num_labels": 2}, "softmax"),
        ({"num_labels": 2, "problem_type": "multi_label_classification"}, "none of its labels is 'toxicity'"),
    ],
)
def test_a_foreign_classifier_of_another_kind_is_refused(
    tiny_bert: Path, tmp_path: Path, config: dict[str, Any], telling: str
) -> None:
    with pytest.raises(ModelError, match=telling):
        Classifier.load(foreign(tmp_path / "theirs", tiny_bert, **config))


def test_a_base_without_a_head_is_no_classifier(tiny_bert: Path) -> None:
    with pytest.raises(ModelError, match="not a BERT sequence classifier"):
        Classifier.load(tiny_bert)
