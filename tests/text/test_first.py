"""Version 1 stays what it was, for the models that were trained with it."""

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retort import text as texts
from retort.text import Normalised

DISGUISED = [
    ("you are s t u p i d", "you are stupid"),
    ("you are s.t.u.p.i.d!", "you are stupid!"),
    ("R-E-S-P-E-C-T", "RESPECT"),
    ("s  t  u  p  i  d", "stupid"),
    ("in a L O N G time", "in a LONG time"),
    ("an id1ot", "an idiot"),
    ("D0uglas ID1OT l00ser", "Douglas IDIOT looser"),
    ("what cr@p, Micro$oft", "what crap, Microsoft"),
    ("stu\u200bp\u00adid", "stupid"),
    ("stu\x00pid", "stupid"),
    ("don\x92t", "don\u2019t"),
    ("\u202edrow a", "drow a"),
    ("\uff53\uff54\uff55\uff50\uff49\uff44", "stupid"),
    ("\U0001d42c\U0001d42d\U0001d42e\U0001d429\U0001d422\U0001d41d", "stupid"),
    ("\u24e2\u24e3\u24e4\u24df\u24d8\u24d3", "stupid"),
    ("\u0456d\u0456\u043et", "idiot"),  # Cyrillic i and o among Latin letters
    ("s\u0336t\u0336u\u0336p\u0336i\u0336d\u0336", "stupid"),
    ("s\u0300\u0301\u0302\u0303tupid", "stupid"),
    ("\u0456\u200cdi\u043et", "idiot"),
    ("s t u p \uff49 d", "stupid"),
    ("a \ufb01ne day", "a fine day"),
    ("broken \ud800 pair", "broken \ufffd pair"),
]

ORDINARY = [
    "a b c",
    "U S A",
    "I I I I",
    "plans A B C D",
    "the U.S.S.R. and the N.A.A.C.P.",
    "covid19 b2b 4x4 mp3 MP3s h1n1 A1C W3C Sept11th 1990s 3pm Nov3rd",
    "$100, US$50, me@mail.com, @jak3y, #metoo1day",
    "http://example.org/a1bcd?x=s0me www.h0st.com bit.ly/s0me1",
    "caf\u00e9 cafe\u0301 na\u00efve ti\u1ebfng Vi\u1ec7t tie\u0302\u0301ng",
    "\u201cquoted\u201d \u2018so\u2019 \u2014 and\u2026 \u20ac5\u00a0000",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f 1\ufe0f\u20e3 \u00a9\ufe0f",
    "\U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01 \u65e5\u672c\u8a9e\u306e\u6587",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "USB-\u043a\u0430\u0431\u0435\u043b\u044c \u0441\u043e\u0441\u043d\u0430",
    "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac TNF\u03b1 5 \u03bcm k\u03a9",
    "\u0645\u0631\u062d\u0628\u0627 \u200f(\u0646\u0639\u0645) \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0915\u094d\u200d\u0937 \u0939\u093f\u0928\u094d\u0926\u0940",
    "sooo cuuute, st*pid, wow!great",
    "tabs\tand\r\nnew lines\x0b\x0c",
    "",
]


def normalise(text: str) -> Normalised:
    """By version 1."""
    return texts.normalise(text, 1)


def normalised_text(text: str) -> str:
    """By version 1."""
    return texts.normalised_text(text, 1)


# What disguises are made of, so that chance puts them together.
TRICKY = st.text(
    alphabet=st.sampled_from(
        list("abisAB 013457@$.-_*'!\n")
        + list("\u200b\u200d\u200c\ufe0f\u0301\u0336\u20e3\ud800\x00\x92\xad\u202e\ufb01")
        + list("\u0456\u043e\u0436\u03b1\u03bf\u05d0\uff49\uff11\u24d8\U0001d422\u2764\u4f60\u1d00\U0001f170")
    ),
    max_size=60,
)
ANY = st.one_of(st.text(st.characters(exclude_categories=())), TRICKY, TRICKY.map(lambda t: t * 30))


@pytest.mark.parametrize(("disguised", "plain"), DISGUISED)
def test_a_disguised_word_comes_out_plain(disguised: str, plain: str) -> None:
    assert normalise(disguised).text == plain


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_left_exactly_alone(text: str) -> None:
    result = normalise(text)
    assert result.text == text
    assert result.offsets == tuple(range(len(text) + 1))


@settings(max_examples=600, deadline=None)
@given(ANY)
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once
    assert normalised_text(text) == once


@settings(max_examples=600, deadline=None)
@given(ANY)
def test_offsets_never_fall_and_end_at_the_original_length(text: str) -> None:
    result = normalise(text)
    assert len(result.offsets) == len(result.text) + 1
    assert list(result.offsets) == sorted(result.offsets)
    assert all(0 <= offset <= len(text) for offset in result.offsets)
    assert result.offsets[-1] == len(text)


@settings(max_examples=300, deadline=None)
@given(ANY, st.integers(0, 60), st.integers(0, 60))
def test_original_span_covers_what_made_a_span(text: str, begin: int, length: int) -> None:
    result = normalise(text)
    begin = min(begin, len(result.text))
    end = min(begin + length, len(result.text))
    low, high = result.original_span(begin, end)
    assert 0 <= low <= high <= len(text)
    assert all(low <= result.offsets[i] < high for i in range(begin, end))


def test_original_span_finds_the_disguised_word() -> None:
    text = "He is s t u p i d, an \u200bid1ot, \ufb01ne"
    result = normalise(text)
    for plain, disguised in [("stupid", "s t u p i d"), ("idiot", "id1ot"), ("fine", "\ufb01ne"), ("f", "\ufb01")]:
        begin = result.text.index(plain)
        low, high = result.original_span(begin, begin + len(plain))
        assert text[low:high] == disguised


def test_words_over_100_characters_are_broken_and_no_others() -> None:
    assert normalised_text("x" * 100) == "x" * 100
    assert normalised_text("x" * 250).split(" ") == ["x" * 100, "x" * 100, "x" * 50]
    chinese = "\u4f60\u597d" * 200
    assert normalised_text(chinese) == chinese
    link = "http://example.org/" + "ab/" * 80
    assert normalised_text(link) == link


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "a b " * 50_000, "a1" * 100_000, "\u200b" * 200_000, "\u0456" * 200_000 + "a", "a." * 100_000,
     "hello id1ot " * 16_000, "\u2764\u200d" * 100_000, "e\u0301\u0302" * 60_000],
)  # fmt: skip
def test_a_long_text_is_normalised_in_linear_time(text: str) -> None:
    begin = time.perf_counter()
    normalise(text)
    # Half a second on an idle core; the machine may be busy, and quadratic time would take minutes.
    assert time.perf_counter() - begin < 5


def test_at_least_98_percent_of_real_comments_are_unchanged(real_data: Path) -> None:
    rows = []
    for name in ("civil_comments/train.csv", "civil_comments/dev.csv", "toxic_spans/trial.csv"):
        with (real_data / name).open(encoding="utf-8", newline="") as file:
            rows += [row["text"] for row in csv.DictReader(file)][::4]
    changed = sum(normalised_text(text) != text for text in rows)
    assert changed <= 0.02 * len(rows), f"{changed} of {len(rows)}"
