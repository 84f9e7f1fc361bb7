"""Disguises keep what a person reads, and change nothing but the words that they were told to."""

import html
import itertools

import pytest

from retort.attacks import AFTER, ATTACKS, BEFORE, EMOJI, MARKS, SIGNS, ZERO_WIDTH, attacked, words_of
from retort.text import is_blank

TEXTS = ["You are an idiot, honestly!", "Nobody isn't STUPID here", "I am a fool ß é x", "What a moron's idea 42", "ok"]
WORDS = [name for name, attack in ATTACKS.items() if attack.changes_words]
# What each of these puts into a word, and nothing else.
INSERTED = {"zero_width": ZERO_WIDTH, "spacing": " ", "diacritics": MARKS, "punctuation": SIGNS, "emoji": EMOJI}
INSERTED |= {"split": " "}


def last_two(text: str) -> list[tuple[int, int]]:
    return words_of(text)[-2:]


def test_there_are_fourteen_transforms_and_one_control() -> None:
    assert len(ATTACKS) >= 14
    assert [name for name, attack in ATTACKS.items() if attack.control] == ["negation"]


@pytest.mark.parametrize(("name", "text"), list(itertools.product(ATTACKS, TEXTS)))
def test_an_attack_is_the_same_every_time_and_never_leaves_nothing(name: str, text: str) -> None:
    once = attacked(text, last_two(text), ATTACKS[name], 3)
    assert once == attacked(text, last_two(text), ATTACKS[name], 3)
    assert not is_blank(once)


@pytest.mark.parametrize(("name", "text"), list(itertools.product(WORDS, TEXTS)))
def test_only_the_chosen_words_change(name: str, text: str) -> None:
    (begin, end) = words_of(text)[-1]
    found = attacked(text, [(begin, end)], ATTACKS[name], 0)
    assert found.startswith(text[:begin])
    assert found.endswith(text[end:])


@pytest.mark.parametrize(("name", "word"), list(itertools.product(WORDS, ["idiots", "Stupid", "MORON"])))
def test_every_attack_on_words_changes_an_ordinary_word(name: str, word: str) -> None:
    assert attacked(word, words_of(word), ATTACKS[name], 0) != word


@pytest.mark.parametrize(("name", "text"), list(itertools.product(INSERTED, TEXTS)))
def test_without_the_inserted_characters_the_word_is_the_old_one(name: str, text: str) -> None:
    (begin, end) = words_of(text)[-1]
    found = attacked(text, [(begin, end)], ATTACKS[name], 1)
    inside = found[begin : len(found) - (len(text) - end)]
    assert "".join(c for c in inside if c not in INSERTED[name]) == text[begin:end]


@pytest.mark.parametrize("text", TEXTS)
def test_entities_are_shown_as_the_text(text: str) -> None:
    assert html.unescape(attacked(text, last_two(text), ATTACKS["html"], 0)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_repeats_collapse_to_the_word(text: str) -> None:
    found = attacked(text, words_of(text), ATTACKS["repeats"], 0)
    assert [c for c, _ in itertools.groupby(found)] == [c for c, _ in itertools.groupby(text)]
    assert len(found) >= len(text) + 2


@pytest.mark.parametrize(("name", "word"), list(itertools.product(["typo", "leet", "homoglyph", "mask"], ["idiots"])))
def test_a_replaced_letter_leaves_the_length(name: str, word: str) -> None:
    assert len(attacked(word, words_of(word), ATTACKS[name], 0)) == len(word)


def test_a_swap_keeps_the_letters_and_the_first_one() -> None:
    found = attacked("stupid", [(0, 6)], ATTACKS["swap"], 0)
    assert sorted(found) == sorted("stupid")
    assert found[0] == "s"


@pytest.mark.parametrize("text", TEXTS)
def test_padding_adds_a_benign_sentence_and_keeps_the_text(text: str) -> None:
    assert attacked(text, [], ATTACKS["padding_before"], 0) in {f"{sentence} {text}" for sentence in BEFORE}
    assert attacked(text, [], ATTACKS["padding_after"], 0) in {f"{text} {sentence}" for sentence in AFTER}


@pytest.mark.parametrize(
    ("text", "opposite"),
    [
        ("you are an idiot", "you are not an idiot"),
        ("you are not an idiot", "you are an idiot"),
        ("You're an idiot", "You're not an idiot"),
        ("this isn't stupid", "this is stupid"),
        ("You're not an idiot", "You're an idiot"),
        ("you are an idiot and you are not wanted", "you are not an idiot and you are not wanted"),
        ("you can't be nice", "It is not true that you can't be nice"),
        ("idiots everywhere", "It is not true that idiots everywhere"),
    ],
)
def test_negation_turns_a_statement_round(text: str, opposite: str) -> None:
    assert attacked(text, [], ATTACKS["negation"], 0) == opposite


def test_words_are_counted_from_the_beginning() -> None:
    assert words_of("one, two don't 3 four", 3) == [(0, 3), (5, 8), (9, 14)]
