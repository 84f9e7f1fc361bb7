"""Sentences are found where a reader finds them, and their ends are exact in the text as it was sent."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retort.text import is_blank
from retort.web.perspective.sentences import sentences


def parts(text: str) -> list[str]:
    return [text[begin:end] for begin, end in sentences(text)]


def test_perspectives_own_example_has_its_own_spans() -> None:
    assert sentences("What kind of idiot name is foo? Sorry, I like your name.") == [(0, 31), (32, 56)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One.", "Two!", "Three?!", "Four"],
        ["Mr. Smith met Dr. J. K. Lee in the U.S. in 2019."],
        ["It cost 3.50 at no. 7, e.g. on Monday.", "Too much."],
        ["It ended at 5 p.m. on Friday.", "Then we ate, drank etc. until late."],
        ["We ate, drank etc.", "Then we left."],
        ["Well... maybe.", "And then...", "Nothing!"],
        ['He said "no."', "She said (yes!)", "They left."],
        ["Great!", "😀 Bad."],
    ],
)
def test_sentences_end_where_a_reader_ends_them(expected: list[str]) -> None:
    assert parts(" ".join(expected)) == expected
    assert parts("\r\n".join(expected)) == expected


def test_japanese_needs_no_space_between_sentences() -> None:
    assert parts("今日は晴れ。「明日は雨。」そう？") == ["今日は晴れ。", "「明日は雨。」", "そう？"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bad 😀! Ok 👩‍👩‍👧‍👦. Fine 👍🏽", [(0, 6), (7, 18), (19, 26)]),
        ("Cafe\u0301! Nai\u0308ve.", [(0, 6), (7, 14)]),
        ("Wow!\u0301 Yes❗\ufe0f No", [(0, 5), (6, 11), (12, 14)]),
        ("one\r\n\r\ntwo\u2028three", [(0, 3), (7, 10), (11, 16)]),
        ("\ufeff  Hi.\u00a0\u2003Bye.  ", [(0, 6), (8, 12)]),
    ],
)
def test_ends_count_code_points_of_the_text_as_it_was_sent(text: str, expected: list[tuple[int, int]]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You fool !!! ??", ["You fool !!! ??"]),
        ("-- ! Hello there. Bye", ["-- ! Hello there.", "Bye"]),
        ("...", ["..."]),
        ("Hi. \u3164 Bye", ["Hi.", "\u3164 Bye"]),  # a Hangul filler: a letter that cannot be seen
        ("Hi. \u3164", ["Hi. \u3164"]),
        ("? ! ?", ["? ! ?"]),
        ("😀\n😡", ["😀", "😡"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_a_part_without_words_belongs_to_its_neighbour(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


@given(st.text(st.one_of(st.sampled_from("aZ.!?…。 \n\r\u0301\u200d\ufe0f\u3164😀\"')"), st.characters(codec="utf-8"))))
def test_spans_are_in_order_trimmed_never_blank_and_lose_nothing(text: str) -> None:
    spans = sentences(text)
    ends = [place for span in spans for place in span]
    assert ends == sorted(ends)
    covered = {i for begin, end in spans for i in range(begin, end)}
    assert all(i in covered or character.isspace() for i, character in enumerate(text))
    for part in parts(text):
        assert part == part.strip()
        assert not is_blank(part) or is_blank(text)


@pytest.mark.parametrize("unit", ["?", ". ", "(.", "a. ", "mr. ", "\u0301", "\n", "1.\n", "!\u0301", "?)"])
def test_a_text_made_to_be_slow_is_not(unit: str) -> None:
    began = time.process_time()
    sentences(unit * (60_000 // len(unit)))
    assert time.process_time() - began < 1
