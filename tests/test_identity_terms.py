"""The list of identity terms, and where a text mentions one."""

from collections import Counter, defaultdict

import pytest

from retort.identity_terms import FORMS, IdentityTerm, find_mentions, identity_terms
from retort.tasks import default_task

TERMS = identity_terms()


def found(text: str) -> list[tuple[str, str]]:
    """The words of all mentions with their forms."""
    return [(text[mention.begin : mention.end], mention.form) for mention in find_mentions(text)]


def test_there_are_at_least_60_terms_in_8_kinds_with_at_least_5_each() -> None:
    counts = Counter(term.kind for term in TERMS)

    assert len(TERMS) >= 60
    assert len(counts) == 8
    assert min(counts.values()) >= 5


def test_every_identity_column_of_the_task_has_a_term() -> None:
    assert set(default_task().identities.columns) <= {term.group for term in TERMS}


def test_no_spelling_belongs_to_two_terms() -> None:
    owners = defaultdict(set)
    for term in TERMS:
        for form in FORMS:
            for spelling in term.spellings(form):
                owners[spelling.casefold()].add(term.singular)

    assert not {spelling: names for spelling, names in owners.items() if len(names) > 1}


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.singular)
def test_every_form_of_a_term_is_found_in_a_sentence(term: IdentityTerm) -> None:
    sentences = {"singular": "I met the {} in town.", "plural": "I met {} in town.", "adjective": "Two {} nurses came."}
    for form, sentence in sentences.items():
        for spelling in term.spellings(form):
            mentions = find_mentions(sentence.format(spelling))
            assert [(mention.term, mention.form) for mention in mentions] == [(term, form)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MUSLIMS and atheists", [("MUSLIMS", "plural"), ("atheists", "plural")]),
        ("My neighbour is a Muslim.", [("Muslim", "singular")]),
        ("A Muslim baker opened here.", [("Muslim", "adjective")]),
        ("the immigrant's son", [("immigrant", "singular")]),
        ("undocumented immigrants pay taxes", [("undocumented immigrants", "plural")]),
        ("gay people, Jewish  people", [("gay people", "plural"), ("Jewish  people", "plural")]),
        ("old white men", [("old", "adjective"), ("white", "adjective"), ("men", "plural")]),
        ("Black and Asian women", [("Black", "adjective"), ("Asian", "adjective"), ("women", "plural")]),
        ("I'm deaf and she was Polish.", [("deaf", "adjective"), ("Polish", "adjective")]),
        ("My boss is Polish, and only one neighbour was white.", [("Polish", "adjective"), ("white", "adjective")]),
        ("that tall man over there", [("man", "singular")]),
        ("a non-binary teacher", [("non-binary", "adjective")]),
    ],
)  # fmt: skip
def test_mentions_are_found_with_their_form(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "white paint on a black door",
        "Go straight on, then left at the old mill.",
        "It fell on deaf ears.",
        "The referee must be blind!",
        "Man, what a game.",
        "Comments are disabled.",
        "a six-year-old girl",
        "I had Turkish coffee and Chinese noodles.",
        "Polish your shoes.",
        "He is straight up lying and they are white supremacists.",
        "manly, womanising, gayest, Christiania, youngest",
        "foreign policy, young wine, trans fats, bipolar transistors",
        "",
    ],
)
def test_everyday_words_are_no_mention(text: str) -> None:
    assert found(text) == []


def test_mentions_give_the_place_of_the_word() -> None:
    text = "One Sikh man, two lesbians."

    places = [(mention.begin, mention.end) for mention in find_mentions(text)]

    assert [text[begin:end] for begin, end in places] == ["Sikh", "man", "lesbians"]


def test_terms_are_words_of_one_line_without_blanks_at_the_ends() -> None:
    for term in TERMS:
        for form in FORMS:
            for spelling in term.spellings(form):
                assert spelling == " ".join(spelling.split())
