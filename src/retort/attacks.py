"""Disguises that people write to get past a filter: pure functions on a word or a text, and their registry.

After Hosseini et al. 2017 (arXiv:1702.08138: dots, spaces and typos inside the words that matter, and negation), Li et
al. 2019 (TextBugger, arXiv:1812.05271: split, swap, neighbouring keys, look-alikes) and Gröndahl et al. 2018
(arXiv:1808.09115: benign words around the text). A person still reads every result as the original.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# (begin, end) of a word in a text, half-open.
Span = tuple[int, int]
Apply = Callable[[str, random.Random], str]

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

ZERO_WIDTH = "\u200b"
MARKS = "\u0300\u0301\u0302\u0303\u0308\u030c"
SIGNS = ".-_*~"
EMOJI = "\U0001f600\U0001f609\U0001f525\U0001f388\U0001f31f"
_LOOK_ALIKES = str.maketrans("aceiopsxyABCEHIKMOPTXY", "асеіорѕхуАВСЕНІКМОРТХУ")
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
# The keys beside each key of a QWERTY keyboard, in its row and in those above and below.
_NEIGHBOURS = {
    "q": "wa",
    "w": "qes",
    "e": "wrd",
    "r": "etf",
    "t": "ryg",
    "y": "tuh",
    "u": "yij",
    "i": "uok",
    "o": "ipl",
    "p": "ol",
    "a": "qsz",
    "s": "awdx",
    "d": "sefc",
    "f": "drgv",
    "g": "fthb",
    "h": "gyjn",
    "j": "hukm",
    "k": "jil",
    "l": "kop",
    "z": "asx",
    "x": "zsdc",
    "c": "xdfv",
    "v": "cfgb",
    "b": "vghn",
    "n": "bhjm",
    "m": "njk",
}
BEFORE = ("Thank you all for the lovely afternoon.", "I love this warm weather.", "What a beautiful garden that is.")
AFTER = ("Have a lovely weekend, everyone.", "Thanks, I love this place.", "Good luck with the new kitchen.")

# A form of "to be", and what negates it.
_TO_BE = re.compile(r"(\b(?:am|are|is|was|were)|(?<=\w)['’](?:re|m))(\s+not|n['’]t)?\b", re.IGNORECASE)
_DENIED = "It is not true that "


@dataclass(frozen=True)
class Attack:
    """name: in reports and audit.json. description: what a writer does, for a table.

    changes_words: whether `apply` takes one word, and not the whole text. control: whether the meaning changes, so
    that another verdict can be right.
    """

    name: str
    description: str
    changes_words: bool
    apply: Apply
    control: bool = False


def words_of(text: str, most: int | None = None) -> list[Span]:
    """Where the words of a text are, apostrophes included and digits not; the first `most` of them."""
    spans: list[Span] = []
    for match in _WORD.finditer(text):
        if most is not None and len(spans) == most:
            break
        spans.append(match.span())
    return spans


def attacked(text: str, words: Sequence[Span], attack: Attack, seed: int) -> str:
    """The text after the attack; one that changes words changes those at `words` and no character outside them.

    words: spans that do not overlap. The same (text, words, attack, seed) gives the same result in every process.
    """
    rng = random.Random(f"{seed}\n{attack.name}\n{text}")
    if not attack.changes_words:
        return attack.apply(text, rng)
    pieces, position = [], 0
    for begin, end in sorted(words):
        pieces += [text[position:begin], attack.apply(text[begin:end], rng)]
        position = end
    return "".join([*pieces, text[position:]])


def _after_each(sign: str) -> Apply:
    return lambda word, _: sign.join(word)


def _inside(word: str, sign: str, rng: random.Random) -> str:
    """`sign` at a drawn place between two characters of the word."""
    if len(word) < 2:
        return word
    place = rng.randrange(1, len(word))
    return word[:place] + sign + word[place:]


def _one_inside(signs: str) -> Apply:
    return lambda word, rng: _inside(word, rng.choice(signs), rng)


def _inner(word: str, wanted: Callable[[str], bool], rng: random.Random) -> int | None:
    """A drawn place whose character is `wanted`, not the first or last one where another will do."""
    places = [place for place, character in enumerate(word) if wanted(character)]
    inner = [place for place in places if 0 < place < len(word) - 1] or places
    return rng.choice(inner) if inner else None


def _repeated(word: str, rng: random.Random) -> str:
    place = _inner(word, lambda c: c.lower() in "aeiou", rng)
    place = len(word) - 1 if place is None else place
    return word[:place] + word[place] * rng.randint(3, 5) + word[place + 1 :]


def _mistyped(word: str, rng: random.Random) -> str:
    place = _inner(word, lambda c: c.lower() in _NEIGHBOURS, rng)
    if place is None:
        return word
    key = rng.choice(_NEIGHBOURS[word[place].lower()])
    return word[:place] + (key.upper() if word[place].isupper() else key) + word[place + 1 :]


def _swapped(word: str, rng: random.Random) -> str:
    """Two neighbouring letters exchanged, the first letter kept where the word is long enough."""
    places = [p for p in range(1 if len(word) > 2 else 0, len(word) - 1) if word[p] != word[p + 1]]
    if not places:
        return word
    at = rng.choice(places)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _masked(word: str, rng: random.Random) -> str:
    place = _inner(word, lambda c: c.lower() in "aeiou", rng)
    return word if place is None or len(word) < 3 else word[:place] + "*" + word[place + 1 :]


def _alternating(word: str, rng: random.Random) -> str:
    first = rng.randrange(2)
    # One character stays one: "ß".upper() is two.
    cased = (c.upper() if (place + first) % 2 else c.lower() for place, c in enumerate(word))
    return "".join(new if len(new) == 1 else old for old, new in zip(word, cased, strict=True))


def _accented(word: str, rng: random.Random) -> str:
    return "".join(c + rng.choice(MARKS) if c.lower() in "aeiouncsyz" else c for c in word)


def _negated(text: str, _: random.Random) -> str:
    """The opposite at the first form of "to be": "you are" <-> "you are not"; without one the whole text is denied."""
    if text.startswith(_DENIED):
        return text[len(_DENIED) :]
    if found := _TO_BE.search(text):
        return text[: found.end(1)] + ("" if found[2] else " not") + text[found.end() :]
    return _DENIED + text


_ALL = (
    Attack("zero_width", "an invisible character between letters", True, _after_each(ZERO_WIDTH)),
    Attack("homoglyph", "Cyrillic letters that look the same", True, lambda word, _: word.translate(_LOOK_ALIKES)),
    Attack("leet", "digits for letters", True, lambda word, _: word.translate(_LEET)),
    Attack("spacing", "a space between letters", True, _after_each(" ")),
    Attack("repeats", "a letter three to five times", True, _repeated),
    Attack("typo", "a letter replaced by its neighbour on the keyboard", True, _mistyped),
    Attack("swap", "two neighbouring letters exchanged", True, _swapped),
    Attack("mask", "an asterisk for a vowel", True, _masked),
    Attack("case", "capitals and small letters in turn", True, _alternating),
    Attack("diacritics", "accents on letters", True, _accented),
    Attack("punctuation", "a sign inside the word", True, _one_inside(SIGNS)),
    Attack("emoji", "an emoji inside the word", True, _one_inside(EMOJI)),
    Attack("html", "HTML entities for letters", True, lambda word, _: "".join(f"&#{ord(c)};" for c in word)),
    Attack("split", "the word split in two by a space", True, _one_inside(" ")),
    Attack("padding_before", "a friendly sentence before", False, lambda text, rng: f"{rng.choice(BEFORE)} {text}"),
    Attack("padding_after", "a friendly sentence after", False, lambda text, rng: f"{text} {rng.choice(AFTER)}"),
    Attack("negation", "the statement negated: the control, where another verdict can be right", False, _negated, True),
)

ATTACKS: Mapping[str, Attack] = {attack.name: attack for attack in _ALL}
