"""Sentences of the package that are added to the training comments: people mentioned without any harm.

A model that has met a group mostly under attack takes its name for an attack. Harmless sentences that name it, added to
the training comments, are the remedy that Dixon and others found for that ("Measuring and Mitigating Unintended Bias in
Text Classification", 2018, AIES): the imbalance itself is mended, where weights only change what counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retort.text import fold

# Apart from the draw and the split, which have the same seed.
_STREAM = 1


@dataclass(frozen=True)
class Added:
    """Sentences drawn to be added.

    frame: `id`, `text` and their labels, 0 or 1. available: how many there were to draw from. repeated: how many others
    have the text of a comment that is in the data already.
    """

    frame: pd.DataFrame
    available: int
    repeated: int


def draw_neutral(count: int, seed: int, taken: Iterable[str]) -> Added:
    """At most `count` sentences, as many of each group as there are; the same for one seed.

    taken: folded texts (`retort.text.fold`) that are not to be added again. A larger count with the same seed has those
    of a smaller one.
    """
    from retort.data.neutral import read_neutral

    frame = read_neutral()
    fresh = frame[~frame["text"].map(fold).isin(set(taken)).to_numpy()]
    generator = np.random.default_rng((seed, _STREAM))
    shuffled = fresh.iloc[generator.permutation(len(fresh))]
    # One of each group, then a second one of each, and so on.
    rounds = shuffled.groupby("group", sort=False).cumcount().to_numpy()
    drawn = shuffled.iloc[np.argsort(rounds, kind="stable")[:count]].reset_index(drop=True)
    return Added(drawn, len(fresh), len(frame) - len(fresh))
