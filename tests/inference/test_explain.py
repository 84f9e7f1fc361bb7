"""Highlighted words: what each adds to a score, where it stands in the original text, and what that costs."""

import re
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertForSequenceClassification

from retort.errors import ConfigError, DataError, ResourceError
from retort.inference import explain
from retort.inference.explain import MOST_CHARACTERS, MOST_WORDS, Highlight, Rule, highlights, weigh, words_of
from retort.inference.predictor import Classifier
from retort.text import is_blank, normalised_text

ADDS = {"fool": 4.0, "rotten": 2.5, "kind": -1.0}
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


class Adding:
    """Stands in for a Classifier: the log-odds of toxicity are -3 and what each word of ADDS adds."""

    arm = "adding"
    attributes = ("toxicity", "insult")
    format = "tfidf"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def probabilities(self, texts: Sequence[str]) -> Any:
        for index, text in enumerate(texts):
            if is_blank(text):
                raise DataError(f"text {index}: blank")
        self.asked.append(list(texts))
        found = [re.findall("[a-z]+", normalised_text(text).lower()) for text in texts]
        log_odds = np.asarray([-3 + sum(ADDS.get(word, 0) for word in words) for words in found])
        return np.stack([1 / (1 + np.exp(-log_odds)), np.full(len(texts), 0.9)], axis=1)


@pytest.fixture
def adding() -> Any:
    return Adding()


def shown(text: str, found: Sequence[Highlight]) -> list[str]:
    return [text[one.begin : one.end] for one in found]


# --- words ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You fool, isn't it?", ["You", "fool", "isn't", "it"]),
        ("“half-wit”…moron/liar", ["half", "wit", "moron", "liar"]),
        ("sh*t, f***! a$$ **** *so* it", ["sh*t", "f***", "a$$", "****", "so", "it"]),
        ("cafe\u0301 o\u0308l", ["cafe\u0301", "o\u0308l"]),
        (f"oh {FAMILY}\U0001f44d\U0001f3fd! \u2764\ufe0f 1\ufe0f\u20e3",
         ["oh", f"{FAMILY}\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3"]),
        ("你好, 北京 ok", ["你", "好", "北", "京", "ok"]),
        ("ไม่ดี", ["ไ", "ม่", "ดี"]),
        ("\u0928\u093f\u0902\u0926\u093e \u05e9\u05dc\u05d5\u05dd",
         ["\u0928\u093f\u0902\u0926\u093e", "\u05e9\u05dc\u05d5\u05dd"]),
        ("?!... — ''", []),
        ("", []),
    ],
)  # fmt: skip
def test_words_are_what_a_reader_sees_as_words(text: str, words: list[str]) -> None:
    assert [text[begin:end] for begin, end in words_of(text)] == words


@given(st.text(max_size=60))
def test_words_of_any_text_are_in_order_apart_and_visible(text: str) -> None:
    spans = words_of(text)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert not any(is_blank(text[begin:end]) for begin, end in spans)


# --- words left out ---


def test_where_words_add_up_a_word_weighs_what_it_adds(adding: Any) -> None:
    text = "What a rotten, kind fool!"
    probability, words = weigh(adding, text)
    assert probability == pytest.approx(1 / (1 + np.exp(-2.5)))
    assert dict(zip(shown(text, words), [word.weight for word in words], strict=True)) == pytest.approx(
        {"What": 0, "a": 0, "rotten": 2.5, "kind": -1, "fool": 4}, abs=1e-9
    )


def test_only_words_that_count_are_highlighted(adding: Any) -> None:
    text = "What a rotten, kind fool!"
    found = highlights(adding, text)
    assert shown(text, found) == ["rotten", "fool"]
    assert [one.weight for one in found] == pytest.approx([2.5, 4])


@pytest.mark.parametrize(
    ("rule", "probability", "weights"),
    [
        (Rule(share=0.5, least=0, probability=0), 0.0, [2.0, 4.0]),
        (Rule(share=0.51, least=0, probability=0), 0.0, [4.0]),
        (Rule(share=0, least=0, probability=0), 0.0, [0.0, 2.0, 4.0]),
        (Rule(share=0, least=3, probability=0), 0.0, [4.0]),
        (Rule(share=0, least=5, probability=0), 1.0, []),
        (Rule(share=0, least=0, probability=0.5), 0.49, []),
        (Rule(share=1, least=0, probability=0.5), 0.5, [4.0]),
    ],
)
def test_a_rule_goes_by_share_least_weight_and_probability(
    rule: Rule, probability: float, weights: list[float]
) -> None:
    words = [Highlight(n, n + 1, weight) for n, weight in enumerate((-1.0, 0.0, 2.0, 4.0))]
    assert [word.weight for word in rule.standing_out(probability, words)] == weights
    assert rule.standing_out(probability, []) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("you fool", ["fool"]),
        ("fool", ["fool"]),
        ("FOOL!!! you \U0001f621 fool", ["FOOL", "fool"]),
        ("you f o o l of mine", ["f o o l"]),
        ("you f\u200bo\u200bol there", ["f\u200bo\u200bol"]),
        ("you \uff46\uff4f\uff4f\uff4c.", ["\uff46\uff4f\uff4f\uff4c"]),
        ("you f0ol.", ["f0ol"]),
        (f"{FAMILY} cafe\u0301 fool \U0001f44d\U0001f3fd", ["fool"]),
        ("你这个 fool 好", ["fool"]),
        ("\udcff fool \x00", ["fool"]),
        ("a kind comment", []),
        ("?!...", []),
    ],
)
def test_offsets_are_those_of_the_original_text(adding: Any, text: str, expected: list[str]) -> None:
    assert shown(text, highlights(adding, text)) == expected


@given(
    st.lists(
        st.sampled_from(["fool", "f0ol", "r o t t e n", "\u200b", "ﬁ", " ", "x", "é", "你", FAMILY, "*", "\udcff"])
    )
)
def test_highlights_of_any_text_are_in_order_and_apart(pieces: list[str]) -> None:
    text = "".join(pieces)
    if is_blank(text):
        return
    words = weigh(Adding(), text)[1]  # type: ignore[arg-type]
    edges = [edge for word in words for edge in (word.begin, word.end)]
    assert edges == sorted(edges)
    assert all(word.begin < word.end <= len(text) for word in words)


def test_a_comment_that_is_far_from_toxic_costs_one_question(adding: Any) -> None:
    assert highlights(adding, "a kind and gentle comment") == []
    assert adding.asked == [["a kind and gentle comment"]]


def test_a_comment_is_asked_about_in_two_calls_and_twice_per_word(adding: Any) -> None:
    highlights(adding, "you rotten fool")
    assert [sorted(call) for call in adding.asked] == [
        ["you rotten fool"],
        sorted([".", "you rotten fool", " rotten fool", "you  fool", "you rotten ", "you", "rotten", "fool"]),
    ]


LONG = {
    "words": "the bus came late again today. " * 645,
    "emoji": "\U0001f621 " * 10_000,
    "no spaces": "你" * 20_000,
    "few words": ("x" + "!" * 299 + " ") * 66,
    "one word": "x'" * 9_990,
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("at", ["begin", "end"])
def test_an_insult_is_found_in_20_000_characters_at_a_bounded_cost(adding: Any, name: str, at: str) -> None:
    long = LONG[name][:19_990]
    text = f"fool {long}" if at == "begin" else f"{long} fool"
    assert shown(text, highlights(adding, text)) == ["fool"]
    (whole, *passages), variants = adding.asked
    assert len(whole) == len(text)
    assert sum(map(len, passages)) <= len(text)
    assert len(variants) <= 2 * MOST_WORDS + 5
    assert sum(map(len, variants)) <= max(4 * len(text), MOST_WORDS * MOST_CHARACTERS // 2)


def test_a_longer_comment_shows_the_words_of_its_worst_passages_in_order(adding: Any) -> None:
    calm = "the bus came late again today and nobody was there to say why it did so. "
    text = f"{calm}what rotten luck. {calm * 6}you fool. {calm * 6}"
    assert shown(text, highlights(adding, text)) == ["rotten", "fool"]


def test_an_attribute_can_be_named(adding: Any) -> None:
    assert weigh(adding, "you fool", attribute="insult")[0] == 0.9
    assert highlights(adding, "you fool", attribute="insult") == []
    with pytest.raises(ConfigError, match=r"attribute 'threat': .*toxicity, insult"):
        highlights(adding, "you fool", attribute="threat")


def test_an_unknown_method_is_refused(adding: Any) -> None:
    with pytest.raises(ConfigError, match="method 'magic': unknown"):
        highlights(adding, "you fool", method="magic")  # type: ignore[arg-type]


@pytest.mark.parametrize("blank", ["", " \n", "\u200b\u200b"])
def test_a_blank_text_is_refused(adding: Any, blank: str) -> None:
    with pytest.raises(DataError, match="text 0: blank"):
        highlights(adding, blank)


# --- trained arms ---


@pytest.mark.parametrize("arm", ["tfidf", "teacher"])
def test_the_insult_weighs_most_in_what_an_arm_has_learnt(tiny_run: Path, arm: str) -> None:
    text = "The good driver found the market early, MORON!"
    words = weigh(Classifier.load(tiny_run / arm), text)[1]
    assert shown(text, [max(words, key=lambda word: word.weight)]) == ["MORON"]


# --- integrated gradients ---


@pytest.fixture(scope="module")
def foreign(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A classifier that retort did not make; its labels stand in another order than ours."""
    from transformers import AutoConfig, AutoTokenizer

    folder = tmp_path_factory.mktemp("foreign") / "theirs"
    config = AutoConfig.from_pretrained(
        tiny_bert,
        problem_type="multi_label_classification",
        id2label={0: "insult", 1: "toxicity"},
        label2id={"insult": 0, "toxicity": 1},
        # Logits far enough apart that a wrong label shows.
        initializer_range=0.5,
    )
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return Classifier.load(folder)


def log_odds_over_padding(classifier: Classifier, text: str, label: int) -> float:
    """What the model says of the text beyond what it says of as many [PAD]."""
    model: Any = classifier.model
    ids = torch.tensor([model.reader.tokenizer.encode(text).ids])
    empty = ids.clone()
    empty[0, 1:-1] = model.reader.tokenizer.token_to_id("[PAD]")
    with torch.inference_mode():
        whole, nothing = (model.scorer.model(input_ids=one).logits[0, label] for one in (ids, empty))
    return float(whole - nothing)


@pytest.mark.parametrize(("attribute", "label"), [("toxicity", 1), ("insult", 0)])
def test_gradients_add_up_to_the_log_odds_over_padding(
    foreign: Classifier, monkeypatch: pytest.MonkeyPatch, attribute: str, label: int
) -> None:
    monkeypatch.setattr(explain, "_STEPS", 200)
    text = "the good mayor opened that xyz bridge"
    words = weigh(foreign, text, method="integrated_gradients", attribute=attribute)[1]
    expected = log_odds_over_padding(foreign, text, label)
    assert abs(expected) > 0.1
    assert sum(word.weight for word in words) == pytest.approx(expected, rel=0.02)


def test_gradients_explain_an_adapter_too(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "_STEPS", 200)
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


def test_gradients_leave_alone_what_other_threads_ask(foreign: Classifier) -> None:
    text = "the good mayor opened that bridge"
    before = foreign.probabilities([text])
    done = threading.Event()

    def explain_again_and_again() -> None:
        while not done.is_set():
            weigh(foreign, text, method="integrated_gradients")

    thread = threading.Thread(target=explain_again_and_again)
    thread.start()
    try:
        said = [foreign.probabilities([text]) for _ in range(200)]
    finally:
        done.set()
        thread.join()
    np.testing.assert_array_equal(np.concatenate(said), np.repeat(before, 200, axis=0))


def test_gradients_are_refused_to_a_model_without_torch(tiny_run: Path) -> None:
    with pytest.raises(ConfigError, match="tfidf is tfidf, not torch; use leave_out"):
        weigh(Classifier.load(tiny_run / "tfidf"), "you fool", method="integrated_gradients")


def test_gradients_without_captum_are_answered_by_the_install_line(
    foreign: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ResourceError, match=r"captum is not installed; pip install 'retort-nlp\[train\]'"):
        weigh(foreign, "you fool", method="integrated_gradients")
