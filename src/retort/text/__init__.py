"""Undoes the disguises of words before a text is tokenised, and remembers where every character came from.

The same in training, prediction and serving. Everyday writing (accents, emoji, curly quotes, any script) is
unchanged; only what hides words from the tokenizer is undone. Words over 100 characters are broken, because BERT's
tokenizer turns each of them into one `[UNK]`. Misspelt words are left to the model.

A model reads texts as they were normalised for its training, so earlier versions stay:

- 2: a word is changed only when the result is a word that people use and the original is none (English).
- 1: look-alike letters, `s p a c e d` and `l33t` words by rules alone; repeated letters and asterisks unchanged.
- 0: nothing is changed. For measuring what normalising gains.
"""

import unicodedata
from collections.abc import Callable, Iterator

from retort.text import characters, first, second
from retort.text.characters import LONGEST_WORD as LONGEST_WORD
from retort.text.characters import is_blank as is_blank
from retort.text.edits import Edit, applied, replaced
from retort.text.edits import Normalised as Normalised

# Increased whenever the result for any text may change; recorded in retort.json.
VERSION: int = 2

Pass = Callable[[str], Iterator[Edit]]

_CHARACTERS: tuple[Pass, ...] = (
    characters.hidden,
    characters.stacked_marks,
    characters.overlaid_marks,
    characters.styled_letters,
    characters.ligatures,
    characters.spelling_signs,
)
_PASSES: dict[int, tuple[Pass, ...]] = {
    0: (),
    1: (*_CHARACTERS, first.look_alikes, first.spaced_words, first.l33t_words, characters.long_words),
    2: (second.entities, *_CHARACTERS, *second.WORDS, characters.long_words),
}
VERSIONS = tuple(_PASSES)
_MOST_ROUNDS = 12


def normalise(text: str, version: int = VERSION) -> Normalised:
    """The text with its disguises undone. Idempotent; time grows linearly with the text.

    version: one of VERSIONS, that of the model which reads the text.
    """
    offsets: list[int] | None = None
    for edits in _rounds(text, _PASSES[version]):
        text, offsets = applied(text, offsets, edits)
    return Normalised(text, tuple(range(len(text) + 1)) if offsets is None else tuple(offsets))


def normalised_text(text: str, version: int = VERSION) -> str:
    """`normalise(text, version).text`, without the cost of the offsets."""
    for edits in _rounds(text, _PASSES[version]):
        text = replaced(text, edits)
    return text


def fold(text: str) -> str:
    """The key under which two texts count as the same: NFKC, casefold, runs of whitespace as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _rounds(text: str, passes: tuple[Pass, ...]) -> Iterator[list[Edit]]:
    """The edits from `text` to its normal form, one list for each pass that changed anything.

    One pass can uncover what another undoes (a spaced word that is l33t as well), so passes repeat until nothing
    changes. The bound keeps time linear for texts made to defeat that.
    """
    for _ in range(_MOST_ROUNDS):
        settled = True
        for find in passes:
            edits = list(find(text))
            if edits:
                settled = False
                yield edits
                text = replaced(text, edits)
        if settled:
            return
