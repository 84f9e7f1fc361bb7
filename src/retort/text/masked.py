"""Version 2: letters masked by asterisks (`st*pid`) and repeated ones (`stuuupid`)."""

import itertools
import re
from collections.abc import Iterator

from retort.text.edits import Edit
from retort.text.frequencies import count, likeliest, matching

# --- asterisks for letters ---

_MASKED = re.compile(r"(?<![\w*'’@&/#:.\\-])[A-Za-z]+\*{1,4}[A-Za-z]+(?:\*{1,3}[A-Za-z]+)?(?![\w*'’@&/(=\\])")
# Censors mask a few words; chance alone would fit many others.
_FAR_LIKELIER = 10
_LEAST_SEEN = 3
# Nobody masks `where` or `people`.
_NEVER_MASKED = 2_000_000


def masked_words(text: str) -> Iterator[Edit]:
    """`st*pid`: asterisks for as many letters, where one word is far likelier than all others."""
    if "*" not in text:
        return
    for match in _MASKED.finditer(text):
        word = match[0]
        if _may_be_masked(word) and (plain := _unmasked(word.lower())):
            yield match.start(), match.end(), plain.upper() if word.isupper() else word[0] + plain[1:]


def _may_be_masked(word: str) -> bool:
    masked = word.count("*")
    seen = len(word) - masked
    return seen >= _LEAST_SEEN and seen > masked and (word.islower() or word.isupper() or word[1:].islower())


def _unmasked(word: str) -> str | None:
    # Not every censor counts the letters: b**tch.
    shorter = matching(word.replace("**", "*", 1)) if "**" in word else ()
    plain = likeliest((*matching(word), *shorter), _FAR_LIKELIER)
    return plain if plain and count(plain) < _NEVER_MASKED else None


# --- repeated letters ---

_REPEATS = re.compile(r"([A-Za-z])\1\1")
_LENGTHENED = re.compile(r"(?<![\w.'’@&/#:$\\-])[A-Za-z]{4,}(?![\w@&/(=]|[.'’]\w|://)")
_RUNS = re.compile(r"(?i:([a-z])\1{2,})")
_ROMAN = re.compile("[IVXLCDM]+")
# Short words, and the few hundred that everybody uses, are lengthened for stress (soooo, nooo, welll) and hide nothing.
_LEAST_LENGTH = 4
_STRESSED = 500_000
_LIKELIER = 4
_LONGEST_LENGTHENED = 60


def repeated_letters(text: str) -> Iterator[Edit]:
    """`stuuupid`: three or more of a letter in what is no word, reduced to the one or two that make one."""
    if not _REPEATS.search(text):
        return
    for match in _LENGTHENED.finditer(text):
        word = match[0]
        runs = list(_RUNS.finditer(word))
        if not 1 <= len(runs) <= 3 or len(word) > _LONGEST_LENGTHENED or _ROMAN.fullmatch(word) or count(word):
            continue
        options = [_reduced(word, runs, kept) for kept in itertools.product((1, 2), repeat=len(runs))]
        plain = likeliest(options, _LIKELIER)
        if plain and len(plain) >= _LEAST_LENGTH and (len(plain) > 4 or count(plain) < _STRESSED):
            kept = next(k for k in itertools.product((1, 2), repeat=len(runs)) if _reduced(word, runs, k) == plain)
            for run, letters in zip(runs, kept, strict=True):
                yield match.start() + run.start() + letters, match.start() + run.end(), ""


def _reduced(word: str, runs: list[re.Match[str]], kept: tuple[int, ...]) -> str:
    pieces, at = [], 0
    for run, letters in zip(runs, kept, strict=True):
        pieces.append(word[at : run.start() + letters])
        at = run.end()
    return "".join([*pieces, word[at:]])
