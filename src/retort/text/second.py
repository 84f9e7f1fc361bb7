"""Version 2: words are changed only when a common English word comes out of what was none.

Each pass finds candidates by a pattern, so that everyday text costs one search per pass, and asks the list of words
(frequencies.py) about them alone. Two ordinary words are never joined.
"""

import html
import itertools
import math
import re
import unicodedata
from collections.abc import Callable, Iterator

from retort.text.characters import is_blank
from retort.text.edits import Edit
from retort.text.first import (
    AFTER_NUMBERS,
    FOREIGN,
    INNER_LOOK_ALIKES,
    L33T,
    LOOK_ALIKES,
    MIXED_WORD,
    NO_WORD,
    SPACED,
    is_list,
)
from retort.text.frequencies import count, is_common, likeliest, looks_english, matching

# Notes are named A to G (H in German), so these letters with gaps are chords or a scale.
_NOTES = re.compile("[A-H]+")
# Addresses, paths and code.
_ADDRESS = re.compile(r"://|www\.|@[\w-]+\.|[=%\\]|->|::|\(\)|(?:^|\s)[ur]/")
_NEAR = 100


def _in_address(text: str, begin: int, end: int) -> bool:
    """Whether text[begin:end] stands in what, without whitespace, is an address or code."""
    before = text[max(0, begin - _NEAR) : begin].rsplit(None, 1)
    after = text[end : end + _NEAR].split(None, 1)
    # A space next to the span ends the token there.
    first = before[-1] if before and not text[begin - 1].isspace() else ""
    last = after[0] if after and not text[end].isspace() else ""
    return _ADDRESS.search(first + text[begin:end] + last) is not None


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


# --- s p a c e d words ---


def spaced_words(text: str) -> Iterator[Edit]:
    """Four or more single letters, all separated in the same way, that make a word or several."""
    for match in SPACED.finditer(text):
        gap = match[1]
        step = 1 + len(gap)
        letters = match[0][::step]
        if is_list(letters) or _NOTES.fullmatch(letters) or (gap == "." and letters.isupper() and len(letters) < 6):
            continue
        if _in_address(text, match.start(), match.end()):
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


# --- l33t words ---

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
        if not _L33T_HINT.search(token[0]) or NO_WORD.search(token[0]) or _ADDRESS.search(token[0]):
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


# --- words split by signs ---

_EMOJI = "\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f000-\U0001faff"
_SPLIT = re.compile(
    rf"(?<![\w.'’@&/#:*·•~^|+\\-])[A-Za-z]+(?:(?:[.\-_*~^|+\\]|[{_EMOJI}]+)[A-Za-z]+)+(?![\w'’@&/:(=*·•~^|\\]|\.\w)"
)
_SPLIT_HINT = re.compile(rf"[.\-_*~^|+\\{_EMOJI}](?<=[A-Za-z].)(?:[{_EMOJI}]*)(?=[A-Za-z])")
_GAPS = re.compile("[^A-Za-z]+")
# What is written with a hyphen or not, as people like.
_PREFIXES = frozenset(
    re.findall(
        r"\w+",
        """
        anti auto bi bio co counter cyber de dis down e eco electro en ex extra fore hyper il im in infra inter
        intra ir macro mega meta micro mid mini mis mono multi neo neuro non off on out over para photo poly post
        pre pro pseudo psycho quasi re retro self semi socio sub super tele thermo trans tri ultra un under uni up
        vice x
        """,
    )
)
_FILE_ENDINGS = frozenset(
    re.findall(
        r"\w+",
        """
        ai app at au be bin biz br bz ca cc cfg ch cn co com conf css csv cz dat de dev dk doc docx edu es eu exe
        fi fm fr gd ge gif gl go gov gr gs gz hk hr htm html hu id ie il im in info ini int io is it java jpeg jpg
        jp js json kr la li log lt lu lv ly md me mil mk mp mx my net nl no nu nz org pdf ph php pk pl png pt py
        rb re ro rs ru sc se sg sh si sk so st su svg to toml tr tt ts tv tw txt ua uk us vc vn wav ws xml xyz yaml
        yml za zip
        """,
    )
)


_HYPHENATED = frozenset({"rendezvous", "tidbit", "tidbits"})


def split_words(text: str) -> Iterator[Edit]:
    """`st.u.pid`, `id-iot`: signs or emoji inside what is a word without them, where the parts are not all words."""
    if not _SPLIT_HINT.search(text):
        return
    for match in _SPLIT.finditer(text):
        parts = _GAPS.split(match[0])
        if _is_one_word(parts, match[0]) and not _in_address(text, *match.span()):
            for gap in _GAPS.finditer(match[0]):
                yield match.start() + gap.start(), match.start() + gap.end(), ""


def _is_one_word(parts: list[str], written: str) -> bool:
    word = "".join(parts)
    if not 4 <= len(word) <= 30 or not is_common(word):
        return False
    # A full stop without its space, Ph.D., names in code.
    if not (word.isupper() or word[1:].islower()) or _NOTES.fullmatch(word):
        return False
    if "." in written and (parts[-1].lower() in _FILE_ENDINGS or (word.isupper() and len(word) < 6)):
        return False
    if "-" in written and (parts[0].lower() in _PREFIXES or any(len(p) >= 3 and is_common(p, 1000) for p in parts)):
        return False
    # U-turn, a stammer, a pun.
    if len(parts) == 2 and "-" in written and len(parts[0]) == 1:
        return False
    # A slip for the apostrophe.
    if len(parts) == 2 and parts[1].lower() == "s":
        return False
    if word.lower() in _HYPHENATED or ("*" in written and matching(written.lower().strip("*"))):
        return False
    return not all(map(_is_ordinary, parts)) and not any(len(part) >= 4 and count(part) for part in parts)


def _is_ordinary(part: str) -> bool:
    return part.lower() in ("a", "i") if len(part) == 1 else is_common(part, 1000 if len(part) == 2 else 1)


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


WORDS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    look_alikes,
    spaced_words,
    l33t_words,
    split_words,
    masked_words,
    repeated_letters,
)
