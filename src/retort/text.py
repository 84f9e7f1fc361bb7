"""Undoes the disguises of words before a text is tokenised, and remembers where every character came from.

The same in training, prediction and serving. Everyday writing (accents, emoji, curly quotes, any script) is
unchanged; only what hides words from the tokenizer is undone: invisible characters, look-alike letters inside
Latin words, `s p a c e d` and `l33t` words, stacked marks. Words over 100 characters are broken, because BERT's
tokenizer turns each of them into one `[UNK]`.

Repeated letters (`sooo`), asterisks (`st*pid`) and `!` for `i` are unchanged: no rule for them was safe.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

# Increased whenever the result for any text may change; recorded in retort.json.
VERSION: int = 1

LONGEST_WORD = 100

# (begin, end, replacement): the characters [begin, end) of a text are replaced.
Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Normalised:
    """A normalised text, with a map of its characters to the original.

    `offsets` has len(text) + 1 entries, never falling: offsets[i] is the position in the original of the
    character that made text[i], and the last one is the original's length.
    """

    text: str
    offsets: tuple[int, ...]

    def original_span(self, begin: int, end: int) -> tuple[int, int]:
        """The part of the original, half-open, that made text[begin:end]."""
        first = self.offsets[begin]
        if end <= begin:
            return first, first
        # Several characters can come from one (a ligature), so the next one's origin may be no further on.
        return first, min(max(self.offsets[end], self.offsets[end - 1] + 1), self.offsets[-1])


def normalise(text: str) -> Normalised:
    """The text with its disguises undone. Idempotent; time grows linearly with the text."""
    offsets: list[int] | None = None
    for edits in _rounds(text):
        text, offsets = _applied(text, offsets, edits)
    return Normalised(text, tuple(range(len(text) + 1)) if offsets is None else tuple(offsets))


def normalised_text(text: str) -> str:
    """`normalise(text).text`, without the cost of the offsets."""
    for edits in _rounds(text):
        text = _replaced(text, edits)
    return text


def fold(text: str) -> str:
    """The key under which two texts count as the same: NFKC, casefold, runs of whitespace as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_blank(text: str) -> bool:
    """Whether the text has no visible character: only whitespace, controls and zero-width characters."""
    return _VISIBLE.search(text) is None


def _rounds(text: str) -> Iterator[list[Edit]]:
    """The edits from `text` to its normal form, one list for each pass that changed anything.

    One pass can uncover what another undoes (a spaced word that is l33t as well), so passes repeat until nothing
    changes. The bound keeps time linear for texts made to defeat that.
    """
    for _ in range(_MOST_ROUNDS):
        settled = True
        for find in _PASSES:
            edits = list(find(text))
            if edits:
                settled = False
                yield edits
                text = _replaced(text, edits)
        if settled:
            return


_MOST_ROUNDS = 12


def _replaced(text: str, edits: Iterable[Edit]) -> str:
    pieces, position = [], 0
    for begin, end, new in edits:
        pieces += [text[position:begin], new]
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _applied(text: str, offsets: list[int] | None, edits: list[Edit]) -> tuple[str, list[int]]:
    if offsets is None:
        offsets = list(range(len(text) + 1))
    result: list[int] = []
    position = 0
    for begin, end, new in edits:
        result += offsets[position:begin]
        last = max(end - 1, begin)
        result += [offsets[min(begin + i, last)] for i in range(len(new))]
        position = end
    result += offsets[position:]
    return _replaced(text, edits), result


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


def _hidden(text: str) -> Iterator[Edit]:
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


def _stacked_marks(text: str) -> Iterator[Edit]:
    """Three or more combining marks on one letter (no spelling in use needs more than two)."""
    return _cut(_STACKS, text)


def _overlaid_marks(text: str) -> Iterator[Edit]:
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


def _styled_letters(text: str) -> Iterator[Edit]:
    """Full-width and mathematical letters (digits only beside such letters)."""
    if text.isascii() or not _MAYBE_STYLED.search(text):
        return
    for match in _ALPHABET_RUN.finditer(text):
        plain = "".join(_ALPHABETS[c] for c in match[0])
        if not plain.isdigit():
            yield match.start(), match.end(), plain


def _ligatures(text: str) -> Iterator[Edit]:
    """`\ufb01` as one character, left by typesetters in pasted text; the tokenizer does not know it."""
    return ((m.start(), m.end(), unicodedata.normalize("NFKC", m[0])) for m in _LIGATURES.finditer(text))


def _spelling_signs(text: str) -> Iterator[Edit]:
    """Circled, squared and small-capital letters, two or more of them in one word."""
    if text.isascii():
        return
    for match in _SPELLING_RUN.finditer(text):
        if not match[0].isascii() and sum(c in _SPELLING for c in match[0]) >= 2:
            yield match.start(), match.end(), "".join(_SPELLING.get(c, c) for c in match[0])


# --- letters of another script ---

_LOOK_ALIKES = (
    dict(zip("АВЕКМНОРСТХУІЈЅаеорсухіјѕһԁԛԝкӏ", "ABEKMHOPCTXYIJSaeopcyxijshdqwkl", strict=True))
    | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
    | dict(zip("օսհɑɡ", "ouhag", strict=True))
)
# As first or last letter these belong to formulas and names (TNFα, ρ-value), inside a word they are a disguise.
_INNER_LOOK_ALIKES = dict(zip("αικνρυ", "aikvpu", strict=True))
_MIXED_WORD = re.compile("[A-Za-z\u00c0-\u024f\u0250-\u02af\u0370-\u052f\u0531-\u0587]+")
_FOREIGN = re.compile("[\u0250-\u02af\u0370-\u052f\u0531-\u0587]")


def _look_alikes(text: str) -> Iterator[Edit]:
    """Cyrillic, Greek and Armenian letters that look Latin, in a word that otherwise is Latin."""
    if text.isascii() or not _FOREIGN.search(text):
        return
    for match in _MIXED_WORD.finditer(text):
        word = match[0]
        if _FOREIGN.search(word) and any(c.isascii() for c in word):
            plain = "".join(
                _LOOK_ALIKES.get(c) or (_INNER_LOOK_ALIKES.get(c, c) if 0 < i < len(word) - 1 else c)
                for i, c in enumerate(word)
            )
            # One letter that is truly foreign makes the whole word so.
            if not _FOREIGN.search(plain):
                yield match.start(), match.end(), plain


# --- s p a c e d words ---

_SPACED = re.compile(r"(?<![\w.'’@&*·•-])[A-Za-z]( {1,3}|[.\-_*·•]| [.\-*·•] )[A-Za-z](?:\1[A-Za-z]){2,}(?![\w'’@])")
_LONGEST_ACRONYM = 5


def _spaced_words(text: str) -> Iterator[Edit]:
    """Four or more single letters, all separated in the same way."""
    for match in _SPACED.finditer(text):
        gap = match[1]
        step = 1 + len(gap)
        letters = match[0][::step]
        if not _is_list(letters) and not (gap == "." and letters.isupper() and len(letters) <= _LONGEST_ACRONYM):
            # `a L O N G time`: an article, then the word.
            first = step if letters[0].islower() and letters[1:].isupper() else 0
            for begin in range(match.start() + first + 1, match.end(), step):
                yield begin, begin + len(gap), ""


def _is_list(letters: str) -> bool:
    """`A B C D` counts up, and `I I I I` does not spell."""
    codes = [ord(c) for c in letters.lower()]
    ups = sum(b - a == 1 for a, b in itertools.pairwise(codes))
    return len(set(codes)) == 1 or ups >= 0.75 * (len(codes) - 1)


# --- l33t words ---

_L33T = dict(zip("013457@$", "oieastas", strict=True))
_L33T_HINT = re.compile("[A-Za-z][013457@$]{1,2}[A-Za-z]")
_TOKEN = re.compile(r"\S+")
_L33T_WORD = re.compile("[A-Za-z0-9@$]+")
# Addresses, handles, file names, codes with = or _.
_NO_WORD = re.compile(r"^\W{0,3}[#@]|://|www\.|@[\w-]+\.|[=_\\%]|\.[a-z]{2,4}\b|\..*/")
_SIGNS = re.compile("[0-9@$]+")
# Ordinals, plurals, units: what ordinary words have after a number.
_AFTER_NUMBERS = {
    *("s", "st", "nd", "rd", "th", "er", "x", "am", "pm", "k", "m", "b", "g", "kg", "km", "cm", "mm", "mb", "gb"),
    *("ft", "lb", "lbs", "min", "hr", "hrs", "yr", "yrs", "mph"),
}


def _l33t_words(text: str) -> Iterator[Edit]:
    """Digits and signs that stand for a letter, with letters on both sides of them."""
    if not _L33T_HINT.search(text):
        return
    for token in _TOKEN.finditer(text):
        if not _L33T_HINT.search(token[0]) or _NO_WORD.search(token[0]):
            continue
        for match in _L33T_WORD.finditer(token[0]):
            if _is_l33t(match[0]):
                begin = token.start() + match.start()
                yield begin, begin + len(match[0]), _spelt_out(match[0])


def _is_l33t(word: str) -> bool:
    letters = re.sub("[^A-Za-z]", "", word)
    if not (word[0].isalpha() and word[-1].isalpha()) or not 3 <= len(letters) <= 20 or len(letters) == len(word):
        return False
    # Codes and names mix cases (rCBN1dm4o); a disguised word is in one case, or has one capital.
    if not (letters.islower() or letters.isupper() or letters[1:].islower()):
        return False
    runs = list(_SIGNS.finditer(word))
    # Numbers have two digits or more (Sept11th); a word doubles a sign (l00ser, a55hole).
    if any(m[0] not in _L33T and m[0] not in ("00", "33", "55", "$$") for m in runs):
        return False
    return word[runs[-1].end() :].lower() not in _AFTER_NUMBERS


def _spelt_out(word: str) -> str:
    plain = "".join(_L33T.get(c, c) for c in word)
    return plain.upper() if re.sub("[^A-Za-z]", "", word).isupper() else plain


# --- words too long for the tokenizer ---

# BERT splits at punctuation and around every Chinese character; anything else without a gap is one word.
_LONG_WORD = re.compile(
    r"[^\s!-/:-@\[-`{-~\xa0\xa1\xa7\xab\xb6\xb7\xbb\xbf\u2000-\u206f\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff"
    rf"\uf900-\ufaff\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U00020000-\U0002fa1f]{{{LONGEST_WORD + 1},}}"
)


def _long_words(text: str) -> Iterator[Edit]:
    """A space after every 100 characters of a longer word."""
    for match in _LONG_WORD.finditer(text):
        for position in range(match.start() + LONGEST_WORD, match.end(), LONGEST_WORD):
            yield position, position, " "


_PASSES: tuple[Callable[[str], Iterator[Edit]], ...] = (
    _hidden,
    _stacked_marks,
    _overlaid_marks,
    _styled_letters,
    _ligatures,
    _spelling_signs,
    _look_alikes,
    _spaced_words,
    _l33t_words,
    _long_words,
)
