"""Written sentences that are added to the training comments, most of which mention people without any harm.

A model that has met a group mostly under attack takes its name for an attack. Harmless sentences that name it, added to
the training comments, are the remedy of Dixon et al. 2018 ("Measuring and Mitigating Unintended Bias in Text
Classification"): the imbalance itself is mended, where weights only change what counts.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retort.data.neutral import read_neutral
from retort.text import fold

# Apart from the draw and the split of the comments, which have the same seed.
_STREAM = 1


@dataclass(frozen=True)
class Added:
    """Sentences drawn to be added.

    frame: as that of `read_neutral`, in the order drawn. available: how many there were to draw from. repeated: how
    many others have the text of a comment that is in the data already.
    """

    frame: pd.DataFrame
    available: int
    repeated: int

    def as_dict(self, source: str) -> dict[str, Any]:
        """For run.json, shaped as `ReadReport.as_dict`; `sha256` is that of what was drawn."""
        return {
            "source": source,
            "sha256": hashlib.sha256(self.frame.to_csv(index=False).encode()).hexdigest(),
            "rows_read": self.available + self.repeated,
            "dropped": {},
            "notes": [],
        }


def draw_neutral(count: int, seed: int, taken: Iterable[str]) -> Added:
    """At most `count` sentences; the same for one seed.

    Each kind of `read_neutral` has its share of them, and within a kind there are as many of each group as possible. A
    larger count with the same seed has the sentences of a smaller one. taken: folded texts (`retort.text.fold`) that
    are not to be added again.
    """
    frame = read_neutral()
    fresh = frame[~frame["text"].map(fold).isin(set(taken)).to_numpy()]
    shuffled = fresh.iloc[np.random.default_rng((seed, _STREAM)).permutation(len(fresh))]
    kinds = shuffled["id"].str.partition("-")[0]
    # One of each group, then a second one of each, and so on.
    rounds = shuffled.groupby([kinds, "group"], sort=False).cumcount()
    places = rounds.groupby(kinds).rank(method="first")
    # The first tenth of every kind is the first tenth of all.
    order = np.argsort((places / places.groupby(kinds).transform("size")).to_numpy(), kind="stable")
    return Added(shuffled.iloc[order[:count]].reset_index(drop=True), len(fresh), len(frame) - len(fresh))
