"""A trained arm answers for every text; an unfit folder is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retort.errors import DataError, ModelError
from retort.inference.predictor import Classifier
from retort.tasks import default_task
from tests.conftest import tiny_rows
from tests.inference.foreign_folder import write_foreign

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


# What retort.json records of a student since schema 2.
FACTS = {"schema": 2, "role": "student", "loader": "transformers"}


@pytest.fixture(scope="module")
def odd(tiny_run: Path) -> Classifier:
    return Classifier.load(tiny_run / "odd")


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> Path:
    """The odd arm, to be changed."""
    return shutil.copytree(tiny_run / "odd", tmp_path / "odd")


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_any_text_gets_a_probability(odd: Classifier, name: str) -> None:
    found = odd.probabilities([ODD_TEXTS[name]])
    assert found.shape == (1, 2)
    assert ((found > 0) & (found < 1)).all()


def test_a_text_has_the_same_score_alone_and_among_others(odd: Classifier) -> None:
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


def test_a_verdict_goes_by_the_tasks_primary_label_wherever_it_is_in_the_order(copied: Path) -> None:
    about = json.loads((copied / "retort.json").read_text())
    task = default_task().as_dict() | {"primary": "insult"}
    thresholds = {"toxicity": 0.5, "insult": 0.01}
    (copied / "retort.json").write_text(json.dumps(about | {**FACTS, "task": task, "thresholds": thresholds}))
    (copied / "manifest.json").unlink()
    classifier = Classifier.load(copied)
    assert classifier.primary == "insult"
    answer = classifier.predict(["the good bus"])[0]
    assert (answer["verdict"], answer["threshold"]) == ("toxic", 0.01)


def test_the_thresholds_are_those_of_retort_json(copied: Path) -> None:
    about = json.loads((copied / "retort.json").read_text())
    (copied / "retort.json").write_text(json.dumps(about | {"thresholds": {"toxicity": 0.01, "insult": 0.5}}))
    (copied / "manifest.json").unlink()
    answer = Classifier.load(copied).predict(["the good bus"])[0]
    assert answer["threshold"] == 0.01
    assert answer["verdict"] == "toxic"


def test_texts_are_normalised_as_in_training(odd: Classifier) -> None:
    plain, disguised = odd.probabilities(["the mayor is a fool", "the may\u200bor is a \uff46\uff4f\uff4f\uff4c"])
    # Calibrated in float64, where a batch's last digit may differ.
    np.testing.assert_allclose(plain, disguised, rtol=0, atol=1e-7)


def test_blank_texts_are_refused_by_number(odd: Classifier) -> None:
    for blank in ("", "  ", "\u200b\u200b", "\n"):
        with pytest.raises(DataError, match="text 1: blank"):
            odd.predict(["fine", blank])


@pytest.mark.parametrize("missing", ["arm", "attributes", "label_threshold", "thresholds", "max_length", "base"])
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
    (copied / "retort.json").write_text(json.dumps(about | {"normaliser_version": 99}))
    (copied / "manifest.json").unlink()
    with pytest.raises(ModelError, match="normalised by version 99"):
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


def test_any_hugging_face_classifier_with_one_sigmoid_per_attribute_is_loaded(tiny_bert: Path, tmp_path: Path) -> None:
    """Its labels may be in any order; the primary one is moved to the front. The task is the one retort ships with."""
    folder = write_foreign(tmp_path / "theirs", tiny_bert, {0: "INSULT", 1: "Toxicity", 2: "spam"})
    ours = Classifier.load(folder)
    assert ours.attributes == ("toxicity", "insult", "spam")
    assert ours.thresholds == dict.fromkeys(ours.attributes, 0.5)
    assert ours.task == default_task()
    from transformers import pipeline

    texts = [text for _, text, *_ in tiny_rows()][:4]
    theirs = pipeline("text-classification", model=str(folder), top_k=None)(texts)
    for answer, scores in zip(ours.predict(texts), theirs, strict=True):
        assert {s["label"].lower(): s["score"] for s in scores} == pytest.approx(answer["probabilities"], abs=1e-5)


def test_a_classifier_of_one_label_is_loaded_whatever_the_label_is_called(tiny_bert: Path, tmp_path: Path) -> None:
    classifier = Classifier.load(write_foreign(tmp_path / "theirs", tiny_bert, num_labels=1))
    assert classifier.primary == "label_0"
    answer = classifier.predict(["the good bus"])[0]
    assert list(answer["probabilities"]) == ["label_0"]


@pytest.mark.parametrize(
    ("config", "telling"),
    [
        ({"num_labels": 2, "problem_type": "single_label_classification"}, "softmax"),
        ({"num_labels": 2}, "softmax"),
        ({"num_labels": 2, "problem_type": "multi_label_classification"}, "none of its labels is 'toxicity'"),
        ({"labels": {0: "toxicity", 1: "Toxicity"}}, "two of its labels have one name"),
    ],
)
def test_a_foreign_classifier_with_unfit_labels_is_refused(
    tiny_bert: Path, tmp_path: Path, config: dict[str, Any], telling: str
) -> None:
    with pytest.raises(ModelError, match=telling):
        Classifier.load(write_foreign(tmp_path / "theirs", tiny_bert, **config))


def test_a_base_without_a_head_is_no_classifier(tiny_bert: Path) -> None:
    with pytest.raises(ModelError, match="not a BERT sequence classifier"):
        Classifier.load(tiny_bert)


KIND_WORDS = "the good mayor opened the park today. "
RUDE = "the mayor is a rotten fool and a moron!"


def test_an_answer_holds_all_that_a_server_shows(odd: Classifier) -> None:
    first, second = odd.read([KIND_WORDS, RUDE])
    assert (first.verdict, second.verdict) == ("non-toxic", "toxic")
    assert list(first.probabilities) == list(odd.attributes) == ["toxicity", "insult"]
    assert first.threshold == odd.thresholds["toxicity"] == 0.5
    assert (first.tokens, first.windows, first.warnings) == (8, 1, ())
    assert second.as_json(1) == {
        "text_index": 1,
        "verdict": "toxic",
        "threshold": 0.5,
        "probabilities": second.probabilities,
    }
    assert odd.predict([KIND_WORDS, RUDE]) == [first.as_json(0), second.as_json(1)]
    np.testing.assert_array_equal(
        odd.probabilities([KIND_WORDS, RUDE]), [list(a.probabilities.values()) for a in (first, second)]
    )


@pytest.mark.parametrize("arm", ["teacher", "lora", "lora/merged", "tfidf"])
def test_a_classifier_describes_its_model(tiny_run: Path, arm: str) -> None:
    import hashlib

    found = Classifier.load(tiny_run / arm)
    whole = tiny_run / arm / ("manifest.json" if "/" not in arm else "model.safetensors")
    assert found.sha256 == hashlib.sha256(whole.read_bytes()).hexdigest()
    assert found.format == ("tfidf" if arm == "tfidf" else "torch")
    assert found.arm == arm.partition("/")[0]
    assert found.max_length == json.loads((tiny_run / arm / "retort.json").read_text())["max_length"]


def test_an_insult_after_the_models_limit_counts_as_it_does_alone(odd: Classifier) -> None:
    """In windows just long enough for it, the last one holds the insult and nothing else."""
    import dataclasses

    from retort.inference.reading import Reader, WindowedModel

    assert isinstance(odd.model, WindowedModel)
    insult = odd.read([RUDE])[0]
    reader = Reader(odd.model.reader.tokenizer, insult.tokens + 2)
    near_sighted = dataclasses.replace(odd, model=WindowedModel(reader, odd.model.scorer))
    kind = (KIND_WORDS * 60).strip()
    polite, hidden = near_sighted.read([kind, f"{kind} {RUDE}"])
    assert polite.windows > 40
    assert hidden.tokens == polite.tokens + insult.tokens
    assert polite.probabilities["toxicity"] < insult.probabilities["toxicity"]
    assert hidden.probabilities["toxicity"] >= insult.probabilities["toxicity"] - 1e-6
    assert hidden.verdict == insult.verdict == "toxic"


def test_a_long_comment_gets_the_largest_of_its_windows(odd: Classifier) -> None:
    from retort.evaluation.probability import sigmoid

    long = " ".join(text for _, text, *_ in tiny_rows()[:60])
    windows = odd.model.reader.read([long]).windows  # type: ignore[attr-defined]
    apart = sigmoid(odd.model.scorer(windows))  # type: ignore[attr-defined]
    assert len(apart) > 3
    np.testing.assert_allclose(odd.probabilities(["the bus", long])[1], apart.max(axis=0), atol=1e-6)


@pytest.mark.parametrize("text", ["\U0001f621", "\U0001f621 \U0001f621 \u4f60\u597d bus", "\ue000"])
def test_a_comment_that_is_nearly_all_unknown_is_unsure_for_a_stated_reason(odd: Classifier, text: str) -> None:
    fine, unsure = odd.read(["the good bus", text])
    assert (fine.verdict, fine.warnings) == ("non-toxic", ())
    assert unsure.verdict == "unsure"
    assert "model" in unsure.warnings[0]
    assert text not in unsure.warnings[0]
    assert all(0 < value < 1 for value in unsure.probabilities.values())


def test_less_than_four_fifths_unknown_is_no_reason_to_be_unsure(odd: Classifier) -> None:
    four_of_five, three_of_four = odd.read(["\U0001f621 " * 4 + "bus", "\U0001f621 " * 3 + "bus"])
    assert four_of_five.verdict == "unsure"
    assert "4 of its 5 tokens" in four_of_five.warnings[0]
    assert three_of_four.verdict != "unsure"


def test_tfidf_reads_words_in_one_window(tiny_run: Path) -> None:
    tfidf = Classifier.load(tiny_run / "tfidf")
    short, long, unknown = tfidf.read(["the good bus, a fool", "the good bus " * 5000, "zyx wvu"])
    assert (short.tokens, short.windows) == (4, 1)  # its words have two letters or more
    assert (long.tokens, long.windows) == (15_000, 1)
    assert (unknown.tokens, unknown.verdict) == (2, "unsure")


def test_many_threads_get_the_scores_of_one(odd: Classifier) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [text for _, text, *_ in tiny_rows()]
    alone = [odd.probabilities([text])[0] for text in texts]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda text: odd.probabilities([text])[0], texts * 4))
    np.testing.assert_allclose(together, alone * 4, atol=1e-6)


def test_a_peft_folder_without_retort_json_is_no_classifier(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_run / "lora" / "adapter_config.json", tmp_path)
    with pytest.raises(ModelError, match="an adapter without its base"):
        Classifier.load(tmp_path)
