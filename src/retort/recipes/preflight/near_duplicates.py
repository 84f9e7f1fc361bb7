"""Are there texts in a split that nearly equal a training text?

Jaccard similarity of the sets of three-word sequences, estimated by MinHash (Broder 1997) with locality-sensitive
hashing. Texts of a few words are left out: they are alike by chance.
"""

import random
from collections.abc import Iterator, Sequence

from datasketch import MinHash, MinHashLSH

from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs
from retort.text import fold

EXPLANATION = "A model that has learnt a text by heart is judged too well on its near copy"

SIMILARITY = 0.7
# Words from which on a text is compared.
_FEWEST_WORDS = 8
_WORDS = 3
_HASHES = 64
# Bands of rows: few pairs at the similarity are missed, and what is no pair is compared and dropped.
_BANDS = (16, 4)
# Beyond, evenly spaced training texts are compared: a leak that matters is not one of a few rows.
_MOST = 200_000


def find(settings: ExperimentSettings, inputs: Inputs) -> list[str]:
    """For validation and test: how many of their texts have a near copy among the training texts."""
    # The index draws a name for itself, which must not move the state of anybody's random numbers.
    state = random.getstate()
    index = MinHashLSH(num_perm=_HASHES, params=_BANDS)
    random.setstate(state)
    step = max(1, -(-len(inputs.train.texts) // _MOST))
    known = dict(_hashed(inputs.train.texts[::step]))
    for key, hashes in known.items():
        index.insert(key, hashes)
    compared = "a training text" if step == 1 else f"one of every {step}th training text"
    found = []
    for name, part in (("validation", inputs.validation), ("test", inputs.test)):
        copies = [
            place
            for place, hashes in _hashed(part.texts)
            if any(hashes.jaccard(known[key]) >= SIMILARITY for key in index.query(hashes))
        ]
        if copies:
            count = f"{len(copies):,} of {len(part.texts):,} {name} texts"
            found.append(f"{count} nearly equal {compared}, the one with id {part.ids[copies[0]]} first")
    return found


def _hashed(texts: Sequence[str]) -> Iterator[tuple[int, MinHash]]:
    for place, text in enumerate(texts):
        words = fold(text).split()
        if len(words) >= _FEWEST_WORDS:
            hashes = MinHash(num_perm=_HASHES, seed=1)
            triples = (" ".join(words[begin : begin + _WORDS]) for begin in range(len(words) - _WORDS + 1))
            hashes.update_batch([triple.encode("utf-8", "replace") for triple in triples])
            yield place, hashes
