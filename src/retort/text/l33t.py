"""Version 2: digits and signs for letters (`id10t`)."""

import itertools
import re
from collections.abc import Iterator

from retort.text.context import ADDRESS
from retort.text.edits import Edit
from retort.text.first import AFTER_NUMBERS, L33T, NO_WORD
from retort.text.frequencies import count, is_common, likeliest, looks_english

_SIGN = dict(L33T) | {"!": "i"}
_L33T_HINT = re.compile(
    r"[013457@$!](?:(?<=[A-Za-z].)[013457@$!]?(?=[A-Za-z])|(?<=\b.)(?=[A-Za-z]{4})|(?<=[A-Za-z]{4}.)\b)"
)
_TOKEN = re.compile(r"\S+")
_L33T_WORD = re.compile(r"(?<![A-Za-z0-9@$!])[A-Za-z0-9$][A-Za-z0-9@$!]*[A-Za-z0-9$](?![A-Za-z0-9@$])")
_SIGNS = re.compile("[0-9@$!]+")
# A serial number has several such parts.
_NUMBERED = re.compile(r"[^\W_]*\d[^\W_]*")
_DOUBLED = frozenset({"00", "33", "55", "$$"})


def l33t_words(text: str) -> Iterator[Edit]:
    """Digits and signs that stand for letters of a word."""
    if not _L33T_HINT.search(text):
        return
    for token in _TOKEN.finditer(text):
        if not _L33T_HINT.search(token[0]) or NO_WORD.search(token[0]) or ADDRESS.search(token[0]):
            continue
        if len(_NUMBERED.findall(token[0])) > 2:
            continue
        for match in _L33T_WORD.finditer(token[0]):
            if _may_be_l33t(match[0]) and (plain := _spelt_out(match[0])):
                yield token.start() + match.start(), token.start() + match.end(), plain


def _may_be_l33t(word: str) -> bool:
    letters = re.sub("[^A-Za-z]", "", word)
    if not 4 <= len(word) <= 20 or not 2 <= len(letters) < len(word):
        return False
    # Codes and names mix cases (rCBN1dm4o); a disguised word is in one case, or has one capital.
    if not (letters.islower() or letters[1:].islower() or (letters.isupper() and len(letters) > 2)):
        return False
    runs = list(_SIGNS.finditer(word))
    if any(len(run[0]) > 2 or not set(run[0]) <= set(_SIGN) for run in runs):
        return False
    # Stylised names (P!nk, A$AP) and abbreviations (l10n, S10e).
    if len(word) == 4 and not word.islower() and set(word) & set("$!"):
        return False
    if len(letters) == 2 and not (letters.islower() and all(len(run[0]) == 1 or run[0] in _DOUBLED for run in runs)):
        return False
    return _edges_may_be_l33t(word, runs)


def _edges_may_be_l33t(word: str, runs: list[re.Match[str]]) -> bool:
    """Whether signs at the ends may be letters: not where a number, price or footnote stands beside a word."""
    outer = [run for run in runs if run.start() == 0 or run.end() == len(word)]
    if not outer:
        return True
    rest = word.strip("0123456789$")
    if any(len(run[0]) > 1 for run in outer) or is_common(rest):
        return False
    return len(runs) > len(outer) or len(word) >= 5 or (word[0] == "$" and word.islower())


def _spelt_out(word: str) -> str | None:
    """The common word that the signs spell: 1 is i or l, whichever makes the likelier one."""
    options = [("i", "l") if c == "1" else (_SIGN.get(c, c),) for c in word]
    # Abbreviations with numbers (a11y) are short.
    if word.count("1") > 3 or ("11" in word and len(word) < 5):
        return None
    candidates = ["".join(option) for option in itertools.product(*options)]
    plain = likeliest(candidates, 4) or _unlisted(word, candidates[0])
    return plain.upper() if plain and re.sub("[^A-Za-z]", "", word).isupper() else plain


def _unlisted(word: str, plain: str) -> str | None:
    """What the signs spell, where it is rare, or two words in one (dirtbag), or only looks like a word (normie)."""
    if len(plain) >= 6 and _is_compound(plain):
        return plain
    runs = list(_SIGNS.finditer(word))
    inside = word[0].isalpha() and word[-1].isalpha() and word[runs[-1].end() :].lower() not in AFTER_NUMBERS
    # 4, 5 and 7 are digits more often than letters (se7en); $ belongs to stylised names (Ke$ha).
    usual = "013@" if word[0].isupper() and not word[1].isupper() else "013@$"
    if len(plain) < 5 or not inside or any(not set(run[0]) <= set(usual) for run in runs):
        return None
    # Signs beside a whole word are a product's number (w3schools).
    beside = any(len(part) >= 4 and count(part) for part in _SIGNS.split(word))
    return plain if not beside and (count(plain) or looks_english(plain)) else None


def _is_compound(word: str) -> bool:
    return any(is_common(word[:at], 1000) and is_common(word[at:], 1000) for at in range(3, len(word) - 2))
