"""How often English words are used, by the list of the package pyspellchecker (counts in film subtitles and books).

The list is read when the first candidate for a disguised word is met: most texts have none.
"""

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

# The list gives dictionary words that its texts hardly use the count 50: no evidence that people write them.
COMMON = 100


@cache
def _counts() -> dict[str, int]:
    packed = (files("spellchecker") / "resources" / "en.json.gz").read_bytes()
    counts: dict[str, int] = json.loads(gzip.decompress(packed))
    return counts


def count(word: str) -> int:
    """How often the list's texts have the word in any case; 0 for one that is not in it."""
    return _counts().get(word.lower(), 0)


def is_common(word: str, least: int = COMMON) -> bool:
    """Whether people use the word: it occurs at least `least` times."""
    return count(word) >= least


def likeliest(words: Iterable[str], ratio: float) -> str | None:
    """The common word among the candidates that occurs at least `ratio` times as often as each other; else None."""
    ranked = sorted(set(words), key=count, reverse=True)
    if not ranked or not is_common(ranked[0]):
        return None
    return ranked[0] if len(ranked) == 1 or count(ranked[0]) >= ratio * count(ranked[1]) else None


@cache
def _trigrams() -> Counter[str]:
    """How many common words have each three letters in a row, a space for begin and end counted."""
    words = (f" {word} " for word, times in _counts().items() if times >= COMMON)
    return Counter(word[at : at + 3] for word in words for at in range(len(word) - 2))


_USUAL = 20


def looks_english(word: str) -> bool:
    """Whether any three letters in a row, begin and end included, are usual in English words."""
    framed = f" {word.lower()} "
    seen = _trigrams()
    return all(seen[framed[at : at + 3]] >= _USUAL for at in range(len(framed) - 2))


@cache
def _by_shape() -> dict[tuple[int, str], tuple[str, ...]]:
    shapes: dict[tuple[int, str], list[str]] = defaultdict(list)
    for word, times in _counts().items():
        if times >= COMMON and word.isalpha():
            shapes[len(word), word[0]].append(word)
    return {shape: tuple(words) for shape, words in shapes.items()}


@lru_cache(maxsize=4096)
def matching(masked: str) -> tuple[str, ...]:
    """The common words that a lower-case word with `*` for single letters, but not for its first, can stand for."""
    fits = re.compile(masked.replace("*", ".")).fullmatch
    return tuple(word for word in _by_shape().get((len(masked), masked[0]), ()) if fits(word))
