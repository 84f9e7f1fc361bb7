"""Highlighted words: the weight of each, its place in the original text, and the cost of finding it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retort.errors import ConfigError, DataError
from retort.inference.explain import Highlight, Rule, highlights, weigh
from retort.inference.passages import MOST_CHARACTERS, MOST_WORDS
from retort.inference.predictor import Classifier
from retort.text import VERSION, is_blank, normalised_text

ADDS = {"fool": 4.0, "rotten": 2.5, "kind": -1.0}
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


class Adding:
    """A fake Classifier: the log-odds of toxicity are -3 plus the sum over the words of ADDS."""

    arm = "adding"
    attributes = ("toxicity", "insult")
    primary = "toxicity"
    format = "tfidf"
    normaliser_version = VERSION

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def probabilities(self, texts: Sequence[str]) -> Any:
        for index, text in enumerate(texts):
            if is_blank(text):
                raise DataError(f"text {index}: blank")
        self.calls.append(list(texts))
        found = [re.findall("[a-z]+", normalised_text(text).lower()) for text in texts]
        log_odds = np.asarray([-3 + sum(ADDS.get(word, 0) for word in words) for words in found])
        return np.stack([1 / (1 + np.exp(-log_odds)), np.full(len(texts), 0.9)], axis=1)

    uncalibrated = probabilities


@pytest.fixture
def adding() -> Any:
    return Adding()


def shown(text: str, found: Sequence[Highlight]) -> list[str]:
    return [text[one.begin : one.end] for one in found]


def test_in_an_additive_model_a_word_weighs_what_it_adds(adding: Any) -> None:
    text = "What a rotten, kind fool!"
    probability, words = weigh(adding, text)
    assert probability == pytest.approx(1 / (1 + np.exp(-2.5)))
    assert dict(zip(shown(text, words), [word.weight for word in words], strict=True)) == pytest.approx(
        {"What": 0, "a": 0, "rotten": 2.5, "kind": -1, "fool": 4}, abs=1e-9
    )


def test_only_words_with_a_large_weight_are_highlighted(adding: Any) -> None:
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


def test_a_comment_with_a_low_probability_costs_one_call(adding: Any) -> None:
    assert highlights(adding, "a kind and gentle comment") == []
    assert adding.calls == [["a kind and gentle comment"]]


def test_a_comment_costs_two_calls_and_two_texts_per_word(adding: Any) -> None:
    highlights(adding, "you rotten fool")
    assert [sorted(call) for call in adding.calls] == [
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
    (whole, *passages), variants = adding.calls
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


@pytest.mark.parametrize("arm", ["tfidf", "teacher"])
def test_the_insult_weighs_most_in_what_an_arm_has_learnt(tiny_run: Path, arm: str) -> None:
    text = "The good driver found the market early, MORON!"
    words = weigh(Classifier.load(tiny_run / arm), text)[1]
    assert shown(text, [max(words, key=lambda word: word.weight)]) == ["MORON"]


def test_the_words_are_those_that_the_model_reads(adding: Any) -> None:
    text = "a f.o.ol, he said"
    assert "f.o.ol" in shown(text, weigh(adding, text)[1])
    adding.normaliser_version = 1
    assert "f.o.ol" not in shown(text, weigh(adding, text)[1])
