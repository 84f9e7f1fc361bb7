"""Which words of a text an evader disguises: those that the verdict hangs on.

Found by leaving out one word after the other (Li et al. 2019, arXiv:1812.05271, section 3.2, black-box setting), with
one reference model, so that every model and every disguise is measured on the same words.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from retort.attacks import Span, words_of

# Words of a text that are searched: longer texts are cut after them for the search alone.
SEARCHED = 64
CHOSEN = 2
# Shorter words are left alone where there are others: hardly anything can be disguised in them.
_SHORTEST = 3

Scores = Callable[[Sequence[str]], npt.NDArray[np.float64]]


def decisive_words(texts: Sequence[str], positive: npt.NDArray[np.bool_], scores: Scores) -> list[list[Span]]:
    """For each text at most two words, in their order: those whose removal lowers its score most, or, in a text that
    should not be flagged, changes it most.

    positive: (n,) whether a text should be flagged. scores: texts -> (n,) from 0 to 1, called twice at most.
    """
    candidates = [_candidates(text) for text in texts]
    searched = [row for row, words in enumerate(candidates) if len(words) > CHOSEN]
    if not searched:
        return candidates
    cut = [
        text[: words_of(text, SEARCHED)[-1][1]] if words else text
        for text, words in zip(texts, candidates, strict=True)
    ]
    whole = scores([cut[row] for row in searched])
    without = scores([cut[row][:begin] + cut[row][end:] for row in searched for begin, end in candidates[row]])
    counts = [len(candidates[row]) for row in searched]
    parts = np.split(without, np.cumsum(counts)[:-1])
    for row, score, part in zip(searched, whole, parts, strict=True):
        effects = score - part if positive[row] else np.abs(score - part)
        most = np.argsort(-effects, kind="stable")[:CHOSEN]
        candidates[row] = [candidates[row][place] for place in sorted(most)]
    return candidates


def _candidates(text: str) -> list[Span]:
    words = words_of(text, SEARCHED)
    long = [(begin, end) for begin, end in words if end - begin >= _SHORTEST]
    return long or words
