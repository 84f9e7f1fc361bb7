"""The words of a text, as a reader sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retort.inference.words import words_of
from retort.text import is_blank

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


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
