"""Version 2: words are changed only when a common English word comes out of what was none.

Each pass finds candidates by a pattern, so that everyday text costs one search per pass, and asks the list of words
(frequencies.py) about them alone. Two ordinary words are never joined.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator

from retort.text.characters import is_blank
from retort.text.edits import Edit
from retort.text.first import FOREIGN, INNER_LOOK_ALIKES, LOOK_ALIKES, MIXED_WORD
from retort.text.frequencies import is_common
from retort.text.l33t import l33t_words
from retort.text.masked import masked_words, repeated_letters
from retort.text.spaced import spaced_words
from retort.text.split import split_words

# --- HTML entities ---

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,15});")
_ENTITY_WORD = re.compile(rf"[A-Za-z\u00c0-\u024f]*(?:{_ENTITY.pattern}[A-Za-z\u00c0-\u024f]*)+")


def entities(text: str) -> Iterator[Edit]:
    """`st&#117;pid`, `stu&shy;pid`: entities for letters or invisible characters, in what they make a word."""
    if "&" not in text or not _ENTITY.search(text):
        return
    for match in _ENTITY_WORD.finditer(text):
        found = [(m, html.unescape(m[0])) for m in _ENTITY.finditer(match[0])]
        meant = [(m, c) for m, c in found if len(c) == 1 and (c.isalpha() or is_blank(c)) and not c.isspace()]
        plain = "".join(c for c in html.unescape(match[0]) if not is_blank(c))
        if len(meant) == len(found) and plain.isalpha() and is_common(_without_accents(plain)):
            for entity, character in meant:
                begin, end = match.start() + entity.start(), match.start() + entity.end()
                yield begin, end, "" if is_blank(character) else character


def _without_accents(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


# --- letters of another script ---


def look_alikes(text: str) -> Iterator[Edit]:
    """Cyrillic, Greek and Armenian letters that look Latin, in a word that otherwise is Latin."""
    if text.isascii() or not FOREIGN.search(text):
        return
    for match in MIXED_WORD.finditer(text):
        word = match[0]
        if not FOREIGN.search(word) or not any(c.isascii() for c in word):
            continue
        plain = "".join(
            LOOK_ALIKES.get(c) or (INNER_LOOK_ALIKES.get(c, c) if 0 < i < len(word) - 1 else c)
            for i, c in enumerate(word)
        )
        # One letter that is truly foreign makes the whole word so.
        if not FOREIGN.search(plain) and (_is_disguised(word, plain) or _has_strays(word)):
            yield match.start(), match.end(), plain


# A capital abbreviation with the ending of another language: SMSка, PINа.
_INFLECTED = re.compile(r"[A-Z]{2,}(?![A-Za-z])[^A-Z]+")
_TWO_LETTERS = 100_000


def _is_disguised(word: str, plain: str) -> bool:
    return is_common(plain, _TWO_LETTERS if len(plain) < 3 else 100) and not _INFLECTED.fullmatch(word)


def _has_strays(word: str) -> bool:
    """Whether single foreign letters stand inside a Latin word: no language writes so, whatever the word."""
    runs = list(re.finditer(f"{FOREIGN.pattern}+", word))
    inside = all(len(run[0]) == 1 and 0 < run.start() < len(word) - 1 for run in runs)
    return inside and 3 * len(runs) <= len(word)


WORDS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    look_alikes,
    spaced_words,
    l33t_words,
    split_words,
    masked_words,
    repeated_letters,
)
