"""The words of a text, as a reader sees them."""

import functools
import re
import unicodedata

from retort.text import is_blank

# Half-open, in characters.
Span = tuple[int, int]


def words_of(text: str) -> list[Span]:
    """The spans of the words in `text`, in order and without overlap; emoji count as words.

    Punctuation is left out, except where it is part of a word or hides its letters (`isn't`, `sh*t`, `f***`, `a$$`). In
    scripts without spaces between words every letter is a word, with its marks.
    """
    spans = (match.span() for match in _WORD.finditer("".join(map(_kind, text))))
    return [(begin, end) for begin, end in spans if not is_blank(text[begin:end])]


# Matches the kinds of the characters, not the characters themselves.
_WORD = re.compile(
    r"(?:[@$]{1,3}|\*{2,})?w[wm]*(?:(?:'|\*{1,6}|[@$]{1,2})w[wm]*)*(?:\*{2,}|\${2})?"  # letters and digits
    r"|\*{3,}"  # a word with all its letters hidden
    r"|im*"  # a letter of a script without spaces
    r"|s[sm]*"  # emoji and other signs
)
# Thai and Lao, Burmese, Khmer, kana, Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Joiners, skin tones and the letters of flags belong to the character before them.
_MARKS = re.compile("[\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


@functools.lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """w(ord), m(ark), i(deograph), s(ign), one of '*@$, or a space for anything else."""
    if character in "'*@$":
        return character
    if character == "’":
        return "'"
    category = unicodedata.category(character)
    if category[0] == "M" or _MARKS.match(character):
        return "m"
    if category[0] in "LN":
        return "i" if _UNSPACED.match(character) else "w"
    return "s" if category == "So" else " "
