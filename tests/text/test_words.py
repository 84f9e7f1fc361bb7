"""Version 2, judged on two labelled sets: disguised words, and innocent text that looks like disguise."""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retort.text import VERSION, VERSIONS, normalise, normalised_text
from tests.text.test_first import ANY, DISGUISED

HERE = Path(__file__).parent

# The least share of each kind that must come out plain. Signs can be part of a name or a compound, so not all can.
FLOORS = {
    "invisible": 0.99, "homoglyph": 0.99, "leet": 0.95, "leet signs": 0.95, "leet at an end": 0.9, "spacing": 0.95,
    "repeats": 0.95, "punctuation": 0.7, "emoji": 0.8, "entities": 0.95, "asterisks": 0.8, "styled": 0.99,
    "struck through": 0.99, "piled marks": 0.99,
    # Words that the list lacks, as most new insults: by looks and parts.
    "rare words": 0.85,
}  # fmt: skip

LEFT_ALONE = [
    "meet me@work",
    "log4j, mp3player, se7en, w3schools",
    "SMS\u043a\u0430 and PIN\u0430",
    "C G A F, D E A D, F-A-C-E",
    "love\u2764you, hi.there, and/or, this_that, wow!great",
    "https://x.example/?q=st.u.pid u/f1reman $this->n0de s.t.r.i.p()",
    "f**k, p*t, wh*re: several words fit",
    "sooo nooo hmmm www XXX VIII",
    "5cent 5am 1st a11y l10n f4ce-11aa-b00c-0dd5",
    "R&D; &lt;b&gt; &nbsp;",
]


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_both_sets_have_400_different_rows() -> None:
    assert len({row["disguised"] for row in rows("disguised.csv")}) >= 400
    assert len({row["text"] for row in rows("innocent.csv")}) >= 400
    assert {row["kind"] for row in rows("disguised.csv")} == set(FLOORS)


def test_at_least_995_of_1000_innocent_texts_are_unchanged() -> None:
    changed = [row["text"] for row in rows("innocent.csv") if normalised_text(row["text"]) != row["text"]]
    assert len(changed) <= 0.005 * len(rows("innocent.csv")), changed


@pytest.mark.parametrize("kind", FLOORS)
def test_disguised_words_of_each_kind_come_out_plain(kind: str) -> None:
    own = [row for row in rows("disguised.csv") if row["kind"] == kind]
    missed = [row["disguised"] for row in own if normalised_text(row["disguised"]) != row["plain"]]
    assert len(missed) <= (1 - FLOORS[kind]) * len(own), missed


def test_at_least_95_percent_of_what_version_1_undoes_is_undone_still() -> None:
    before = [row for row in rows("disguised.csv") if normalised_text(row["disguised"], 1) == row["plain"]]
    now = [row for row in before if normalised_text(row["disguised"]) == row["plain"]]
    assert len(before) >= 200
    assert len(now) >= 0.95 * len(before)


@pytest.mark.parametrize(("disguised", "plain"), DISGUISED)
def test_what_version_1_was_made_for_comes_out_plain(disguised: str, plain: str) -> None:
    assert normalise(disguised).text == plain


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_names_code_and_ordinary_words_side_by_side_are_left_alone(text: str) -> None:
    assert normalise(text).text == text


def test_plain_forms_are_left_alone() -> None:
    plain = {row["plain"] for row in rows("disguised.csv")}
    assert [text for text in plain if normalised_text(text) != text] == []


def test_version_0_changes_nothing_and_the_newest_is_used_unasked() -> None:
    texts = [row["disguised"] for row in rows("disguised.csv")]
    assert [normalised_text(text, 0) for text in texts] == texts
    assert VERSION == max(VERSIONS) == 2
    assert all(normalised_text(text) == normalised_text(text, 2) for text in texts)


def test_the_offsets_find_the_disguised_word() -> None:
    text = "so st.u.pid, an id10t, a st*pid &#105;diot, stuuupid"
    result = normalise(text)
    assert result.text == "so stupid, an idiot, a stupid idiot, stupid"
    found = {text[low:high] for low, high in (result.original_span(*span) for span in _words(result.text))}
    assert {"st.u.pid", "id10t", "st*pid", "&#105;diot"} <= found


def _words(text: str) -> list[tuple[int, int]]:
    words = defaultdict(list)
    at = 0
    for word in text.split():
        begin = text.index(word, at)
        at = begin + len(word)
        words[word].append((begin, begin + len(word.rstrip(","))))
    return [span for spans in words.values() for span in spans]


# Words that disguises are made of, so that chance finds some.
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "id",
                "iot",
                "st",
                "u",
                "pid",
                "idiot",
                "stupid",
                "a",
                "s",
                "AS",
                "ooo",
                "1",
                "0",
                "@",
                "$",
                "!",
                ".",
                "-",
            ),
            *("*", "**", " ", "_", "&#105;", "&shy;", "\u043e", "\u2764", "\u200b"),
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.one_of(ANY, PIECES))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once
    assert normalised_text(text) == once


@settings(max_examples=400, deadline=None)
@given(st.one_of(ANY, PIECES))
def test_offsets_never_fall_and_end_at_the_original_length(text: str) -> None:
    result = normalise(text)
    assert len(result.offsets) == len(result.text) + 1
    assert list(result.offsets) == sorted(result.offsets)
    assert all(0 <= offset <= len(text) for offset in result.offsets)
    assert result.offsets[-1] == len(text)


def test_at_most_one_of_200_real_comments_is_changed(real_data: Path) -> None:
    with (real_data / "civil_comments" / "dev.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    changed = sum(normalised_text(text) != text for text in texts)
    assert changed <= 0.005 * len(texts), f"{changed} of {len(texts)}"
