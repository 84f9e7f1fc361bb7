"""Are there texts in a split that nearly equal a training text?

Jaccard similarity of the sets of three-word sequences, estimated by MinHash (Broder 1997) with locality-sensitive
hashing. Texts of a few words are left out: they are alike by chance.
"""

from collections.abc import Iterator, Sequence

from datasketch import MinHash, MinHashLSH

from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs
from retort.text import fold

EXPLANATION = "A model that has learnt a text by heart is judged too well on its near copy"

SIMILARITY = 0.8
# Words from which on a text is compared.
_FEWEST_WORDS = 8
_WORDS = 3
_HASHES = 64
# Beyond, evenly spaced training texts are compared: a leak that matters is not one of a few rows.
_MOST = 50_000


def find(settings: ExperimentSettings, inputs: Inputs) -> list[str]:
    """For validation and test: how many of their texts have a near copy among the training texts."""
    index = MinHashLSH(threshold=SIMILARITY, num_perm=_HASHES)
    texts = inputs.train.texts
    for key, hashes in _hashed(texts[:: -(-len(texts) // _MOST)] if texts else []):
        index.insert(key, hashes)
    found = []
    for name, part in (("validation", inputs.validation), ("test", inputs.test)):
        copies = [key for key, hashes in _hashed(part.texts) if index.query(hashes)]
        if copies:
            count = f"{len(copies):,} of {len(part.texts):,} {name} texts"
            found.append(f"{count} nearly equal a training text, the one with id {part.ids[copies[0]]} first")
    return found


def _hashed(texts: Sequence[str]) -> Iterator[tuple[int, MinHash]]:
    for place, text in enumerate(texts):
        words = fold(text).split()
        if len(words) >= _FEWEST_WORDS:
            hashes = MinHash(num_perm=_HASHES, seed=1)
            triples = (" ".join(words[begin : begin + _WORDS]) for begin in range(len(words) - _WORDS + 1))
            hashes.update_batch([triple.encode("utf-8", "replace") for triple in triples])
            yield place, hashes
