"""Sentences to train on that mention people's identity without harm; README.md in this folder is their card."""

import re
from importlib import resources

import pandas as pd

from retort.identity_terms import IdentityTerm, fill, identity_terms
from retort.strict import read_toml

# Sentences of each term from patterns, of each of the two lists.
_NOUNS, _ADJECTIVES = 3, 2

# "She is male" and "an elderly eight-year-old" are no sentences that anybody writes.
_GENDERED = re.compile(r"\b(?:she|he|her|his|woman|man|girls?|nephew)\b", re.IGNORECASE)
_PREDICATE = re.compile(r"(?:\bis|\bare|['’][sm]) \{adjective\}")


def read_neutral() -> pd.DataFrame:
    """The sentences, always the same: `id`, `text`, `group` ("" where nobody is named), and the labels, 1 or 0.

    The id tells the kind: `neutral-` names a group harmlessly, written one by one; `pattern-` the same from patterns,
    every identity term equally often; `plain-` names nobody; `hostile-` attacks a group (its labels say so).
    """
    with resources.as_file(resources.files("retort.data").joinpath("neutral", "written.csv")) as path:
        written = pd.read_csv(path, dtype={"id": str, "text": str, "group": str}, keep_default_na=False)
    filled = pd.DataFrame(_from_patterns(), columns=["id", "text", "group"])
    labels = [name for name in written.columns if name not in filled.columns]
    filled[labels] = 0
    return pd.concat([written, filled], ignore_index=True)


def _from_patterns() -> list[tuple[str, str, str]]:
    with resources.as_file(resources.files("retort.data").joinpath("neutral", "patterns.toml")) as path:
        patterns = read_toml(path, "install the package again")
    rows = []
    for place, term in enumerate(identity_terms()):
        adjectives = _in_turn(patterns["adjectives"], term, place * _ADJECTIVES, _ADJECTIVES)
        # A term without an adjective is met as often as any other.
        nouns = _in_turn(patterns["nouns"], term, place * _NOUNS, _NOUNS + _ADJECTIVES - len(adjectives))
        name = term.singular.casefold().replace(" ", "-")
        for number, text in enumerate([*nouns, *adjectives], start=1):
            rows.append((f"pattern-{name}-{number}", text, term.group))
    return rows


def _in_turn(patterns: list[str], term: IdentityTerm, first: int, count: int) -> list[str]:
    """`count` sentences from the patterns that fit the term, beginning with number `first` of the list."""
    turned = [patterns[(first + step) % len(patterns)] for step in range(len(patterns))]
    filled = (fill(pattern, term) for pattern in turned if _fits(pattern, term))
    return [text for text in filled if text is not None][:count]


def _fits(pattern: str, term: IdentityTerm) -> bool:
    if "{plural}" in pattern or "singular}" in pattern:
        return True
    if term.kind == "age" or (term.kind == "migration" and _PREDICATE.search(pattern)):
        return False
    return term.group not in ("male", "female") or not _GENDERED.search(pattern)
