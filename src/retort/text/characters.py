"""Characters that are never part of everyday writing: invisible ones, piled marks, styled letters; too long words."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from retort.text.edits import Edit

LONGEST_WORD = 100

# --- invisible characters ---

_CONTROLS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_FILLERS = (
    "\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufe00-\ufe0f\U000e0000-\U000e0fff"
)
_ALWAYS_IDLE = "\xad\u034f\u3164\ufeff\uffa0\ufff9-\ufffb"
_HIDDEN = re.compile(f"[{_CONTROLS}{_BIDI}{_FILLERS}{_ALWAYS_IDLE}\ud800-\udfff]")
_VISIBLE = re.compile(f"[^\\s\u2800{_CONTROLS}{_BIDI}{_FILLERS}{_ALWAYS_IDLE}]")
_IS_BIDI = re.compile(f"[{_BIDI}]").match
_IS_FILLER = re.compile(f"[{_FILLERS}]").match
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def is_blank(text: str) -> bool:
    """Whether the text has no visible character: only whitespace, controls and zero-width characters."""
    return _VISIBLE.search(text) is None


def hidden(text: str) -> Iterator[Edit]:
    """Invisible characters, except those that a script or an emoji needs; lone surrogates become U+FFFD."""
    right_to_left: bool | None = None
    seen = -1
    for match in _HIDDEN.finditer(text):
        here = match.start()
        character = text[here]
        if "\ud800" <= character <= "\udfff":
            yield here, here + 1, "\ufffd"
        elif "\x80" <= character <= "\x9f":
            # Windows-1252 read as Latin-1: \x92 was meant as an apostrophe.
            yield here, here + 1, bytes([ord(character)]).decode("cp1252", "ignore")
        elif _IS_BIDI(character):
            if right_to_left is None:
                right_to_left = _RIGHT_TO_LEFT.search(text) is not None
            if not right_to_left:
                yield here, here + 1, ""
        elif _IS_FILLER(character) and _belongs(text, here, seen):
            seen = here
        else:
            yield here, here + 1, ""


def _belongs(text: str, here: int, last_kept: int) -> bool:
    """Whether a joiner or selector is part of an emoji or of a script that needs it (Persian, Hindi, Thai)."""
    following = text[here + 1 : here + 2]
    if here == 0 or (following.isascii() and following.isalnum()):
        return False
    before = text[here - 1]
    if text[here] == "\ufe0f" and following == "\u20e3":
        return True  # a keycap: digit, selector, enclosing square
    if _IS_FILLER(before):
        return last_kept == here - 1
    if text[here] == "\u200b":
        # Breaks lines between words of Thai or Khmer; no emoji holds one.
        return before.isalpha() and ord(before) > 0x24F
    return not before.isascii() and not before.isspace() and not (before.isalpha() and ord(before) <= 0x24F)


# --- marks piled on letters ---

_STACKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]{3,}")
# Lines through or below letters; alone they are decoration, not spelling.
_OVERLAYS = re.compile("[\u0332\u0333\u0335-\u0338\u033f\u20d2\u20d3\u20e5\u20e6\u20eb]+")


def stacked_marks(text: str) -> Iterator[Edit]:
    """Three or more combining marks on one letter (no spelling in use needs more than two)."""
    return _cut(_STACKS, text)


def overlaid_marks(text: str) -> Iterator[Edit]:
    """`s\u0336t\u0336` struck through letter by letter."""
    return _cut(_OVERLAYS, text)


def _cut(pattern: re.Pattern[str], text: str) -> Iterator[Edit]:
    return ((match.start(), match.end(), "") for match in pattern.finditer(text))


# --- styled letters ---


def _styled(ranges: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Characters of the ranges whose compatibility form is one ASCII letter or digit, `(a)` counted as a."""
    pairs = (
        (chr(c), unicodedata.normalize("NFKC", chr(c)).strip("()")) for low, high in ranges for c in range(low, high)
    )
    return {styled: plain for styled, plain in pairs if len(plain) == 1 and plain.isascii() and plain.isalnum()}


def _run_of_letters(first: int) -> dict[str, str]:
    return {chr(first + i): chr(ord("A") + i) for i in range(26)}


# Full-width forms and mathematical alphabets.
_ALPHABET_RANGES = ((0xFF10, 0xFF5B), (0x1D400, 0x1D800))
_ALPHABETS = _styled(_ALPHABET_RANGES)
# Circled, bracketed and letter-like ones, squares, small capitals: fine alone (a metro sign, maths, phonetics),
# a disguise when they spell.
_SPELLING = (
    _styled([(0x2100, 0x2150), (0x249C, 0x24EA), (0x1F110, 0x1F150)])
    | _run_of_letters(0x1F150)
    | _run_of_letters(0x1F170)
    | dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))
)
_ALPHABET_RUN = re.compile(f"[{''.join(_ALPHABETS)}]+")
# Two ranges are searched a hundred times as fast as hundreds of characters, and hardly a text has any of them.
_MAYBE_STYLED = re.compile("[" + "".join(f"{chr(low)}-{chr(high - 1)}" for low, high in _ALPHABET_RANGES) + "]")
_LIGATURES = re.compile("[\ufb00-\ufb06]")
_SPELLING_RUN = re.compile(f"[A-Za-z{''.join(_SPELLING)}]{{2,}}")


def styled_letters(text: str) -> Iterator[Edit]:
    """Full-width and mathematical letters (digits only beside such letters)."""
    if text.isascii() or not _MAYBE_STYLED.search(text):
        return
    for match in _ALPHABET_RUN.finditer(text):
        plain = "".join(_ALPHABETS[c] for c in match[0])
        if not plain.isdigit():
            yield match.start(), match.end(), plain


def ligatures(text: str) -> Iterator[Edit]:
    """`\ufb01` as one character, left by typesetters in pasted text; the tokenizer does not know it."""
    return ((m.start(), m.end(), unicodedata.normalize("NFKC", m[0])) for m in _LIGATURES.finditer(text))


def spelling_signs(text: str) -> Iterator[Edit]:
    """Circled, squared and small-capital letters, two or more of them in one word."""
    if text.isascii():
        return
    for match in _SPELLING_RUN.finditer(text):
        if not match[0].isascii() and sum(c in _SPELLING for c in match[0]) >= 2:
            yield match.start(), match.end(), "".join(_SPELLING.get(c, c) for c in match[0])


# --- words too long for the tokenizer ---

# BERT splits at punctuation and around every Chinese character; anything else without a gap is one word.
_LONG_WORD = re.compile(
    r"[^\s!-/:-@\[-`{-~\xa0\xa1\xa7\xab\xb6\xb7\xbb\xbf\u2000-\u206f\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff"
    rf"\uf900-\ufaff\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U00020000-\U0002fa1f]{{{LONGEST_WORD + 1},}}"
)


def long_words(text: str) -> Iterator[Edit]:
    """A space after every 100 characters of a longer word."""
    for match in _LONG_WORD.finditer(text):
        for position in range(match.start() + LONGEST_WORD, match.end(), LONGEST_WORD):
            yield position, position, " "
