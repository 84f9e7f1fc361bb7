"""Version 2: single letters with gaps between them (`s t u p i d`)."""

import math
import re
from collections.abc import Iterator

from retort.text.context import NOTES, in_address
from retort.text.edits import Edit
from retort.text.first import LONGEST_ACRONYM, SPACED, is_list
from retort.text.frequencies import count, is_common, looks_english


def spaced_words(text: str) -> Iterator[Edit]:
    """Four or more single letters, all separated in the same way, that make a word or several."""
    for match in SPACED.finditer(text):
        gap = match[1]
        step = 1 + len(gap)
        letters = match[0][::step]
        if (
            is_list(letters)
            or NOTES.fullmatch(letters)
            or (gap == "." and letters.isupper() and len(letters) <= LONGEST_ACRONYM)
        ):
            continue
        if in_address(text, match.start(), match.end()):
            continue
        at = match.start()
        for word in _words_in(letters):
            for begin in range(at + 1, at + step * (len(word) - 1), step):
                yield begin, begin + len(gap), ""
            at += step * len(word)


_SHORT_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a i u am an as at be by do go he if in is it me my no of on or so to up us we
        """,
    )
)
_SEGMENTED = 2000
_LONGEST_RUN = 60
_KEYS = "qwertyuiopasdfghjklzxcvbnm"


def _words_in(letters: str) -> list[str]:
    """The words that single letters spell, one after the other; [] when they spell none.

    A first `a` or `I` and a last `I` may be words of their own, as in `a s t u p i d`.
    """
    article = letters[0].islower() and letters[1:].isupper()
    if is_common(letters) and not article:
        return [letters]
    for first, last in ((1, 0), (0, 1), (1, 1)):
        word = letters[first : len(letters) - last]
        alone = letters[:first] + letters[len(letters) - last :]
        if len(word) >= 4 and is_common(word) and all(c in "aAI" for c in alone):
            return [*letters[:first], word, *letters[len(letters) - last :]]
    if 7 <= len(letters) <= _LONGEST_RUN and (found := _segmented(letters)):
        return found
    # A word that the list lacks (`s h e e p l e`), but no row of keys.
    unlisted = 5 <= len(letters) <= _LONGEST_PART and not article and letters.lower() not in _KEYS
    return [letters] if unlisted and (count(letters) or looks_english(letters)) else []


def _segmented(letters: str) -> list[str]:
    """The letters as the likeliest sequence of words, taken as independent; [] where no words make them up."""
    best: list[tuple[float, list[str]] | None] = [(0.0, [])]
    for end in range(1, len(letters) + 1):
        options = [
            (before[0] + math.log(count(word)) - _ALL, [*before[1], word])
            for begin in range(max(0, end - _LONGEST_PART), end)
            if (before := best[begin]) is not None and _may_stand_among(word := letters[begin:end])
        ]
        best.append(max(options, key=lambda option: option[0]) if options else None)
    words = best[-1][1] if best[-1] else []
    # Many short words fit any letters.
    return words if max(map(len, words), default=0) >= 4 and 2.5 * len(words) <= len(letters) else []


# The logarithm of the number of words that the list was counted on, roughly.
_ALL = math.log(1e9)
_LONGEST_PART = 15


def _may_stand_among(word: str) -> bool:
    return word.lower() in _SHORT_WORDS or (len(word) >= 3 and is_common(word, _SEGMENTED))
