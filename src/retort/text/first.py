"""Version 1: look-alike letters, spaced and l33t words, by rules without a list of words."""

import itertools
import re
from collections.abc import Iterator

from retort.text.edits import Edit

# --- letters of another script ---

LOOK_ALIKES = (
    dict(zip("АВЕКМНОРСТХУІЈЅаеорсухіјѕһԁԛԝкӏ", "ABEKMHOPCTXYIJSaeopcyxijshdqwkl", strict=True))
    | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
    | dict(zip("օսհɑɡ", "ouhag", strict=True))
)
# As first or last letter these belong to formulas and names (TNFα, ρ-value), inside a word they are a disguise.
INNER_LOOK_ALIKES = dict(zip("αικνρυ", "aikvpu", strict=True))
MIXED_WORD = re.compile("[A-Za-z\u00c0-\u024f\u0250-\u02af\u0370-\u052f\u0531-\u0587]+")
FOREIGN = re.compile("[\u0250-\u02af\u0370-\u052f\u0531-\u0587]")


def look_alikes(text: str) -> Iterator[Edit]:
    """Cyrillic, Greek and Armenian letters that look Latin, in a word that otherwise is Latin."""
    if text.isascii() or not FOREIGN.search(text):
        return
    for match in MIXED_WORD.finditer(text):
        word = match[0]
        if FOREIGN.search(word) and any(c.isascii() for c in word):
            plain = "".join(
                LOOK_ALIKES.get(c) or (INNER_LOOK_ALIKES.get(c, c) if 0 < i < len(word) - 1 else c)
                for i, c in enumerate(word)
            )
            # One letter that is truly foreign makes the whole word so.
            if not FOREIGN.search(plain):
                yield match.start(), match.end(), plain


# --- s p a c e d words ---

SPACED = re.compile(r"(?<![\w.'’@&*·•-])[A-Za-z]( {1,3}|[.\-_*·•]| [.\-*·•] )[A-Za-z](?:\1[A-Za-z]){2,}(?![\w'’@])")
LONGEST_ACRONYM = 5


def spaced_words(text: str) -> Iterator[Edit]:
    """Four or more single letters, all separated in the same way."""
    for match in SPACED.finditer(text):
        gap = match[1]
        step = 1 + len(gap)
        letters = match[0][::step]
        if not is_list(letters) and not (gap == "." and letters.isupper() and len(letters) <= LONGEST_ACRONYM):
            # `a L O N G time`: an article, then the word.
            first = step if letters[0].islower() and letters[1:].isupper() else 0
            for begin in range(match.start() + first + 1, match.end(), step):
                yield begin, begin + len(gap), ""


def is_list(letters: str) -> bool:
    """`A B C D` counts up, and `I I I I` does not spell."""
    codes = [ord(c) for c in letters.lower()]
    ups = sum(b - a == 1 for a, b in itertools.pairwise(codes))
    return len(set(codes)) == 1 or ups >= 0.75 * (len(codes) - 1)


# --- l33t words ---

L33T = dict(zip("013457@$", "oieastas", strict=True))
_L33T_HINT = re.compile("[A-Za-z][013457@$]{1,2}[A-Za-z]")
TOKEN = re.compile(r"\S+")
_L33T_WORD = re.compile("[A-Za-z0-9@$]+")
# Addresses, handles, file names, codes with = or _.
NO_WORD = re.compile(r"^\W{0,3}[#@]|://|www\.|@[\w-]+\.|[=_\\%]|\.[a-z]{2,4}\b|\..*/")
_SIGNS = re.compile("[0-9@$]+")
# Ordinals, plurals, units: what ordinary words have after a number.
AFTER_NUMBERS = {
    *("s", "st", "nd", "rd", "th", "er", "x", "am", "pm", "k", "m", "b", "g", "kg", "km", "cm", "mm", "mb", "gb"),
    *("ft", "lb", "lbs", "min", "hr", "hrs", "yr", "yrs", "mph"),
}


def l33t_words(text: str) -> Iterator[Edit]:
    """Digits and signs that stand for a letter, with letters on both sides of them."""
    if not _L33T_HINT.search(text):
        return
    for token in TOKEN.finditer(text):
        if not _L33T_HINT.search(token[0]) or NO_WORD.search(token[0]):
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
    if any(m[0] not in L33T and m[0] not in ("00", "33", "55", "$$") for m in runs):
        return False
    return word[runs[-1].end() :].lower() not in AFTER_NUMBERS


def _spelt_out(word: str) -> str:
    plain = "".join(L33T.get(c, c) for c in word)
    return plain.upper() if re.sub("[^A-Za-z]", "", word).isupper() else plain
