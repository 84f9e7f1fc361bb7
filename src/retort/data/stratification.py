"""Divides rows into subsets of given sizes such that every label is spread in proportion to them."""

from collections.abc import Sequence

import numpy as np


def iterative_stratification(positive: np.ndarray, sizes: Sequence[int], generator: np.random.Generator) -> np.ndarray:
    """The subset of each row, such that every label is spread in proportion to the sizes, which are exact.

    `positive`: (n, n_labels) bool; `sizes` sums to n. Returns (n,) subset indices. The rarest label is placed
    first, each of its rows in the subset that lacks that label most (Sechidis, Tsoumakas and Vlahavas
    2011, "On the Stratification of Multi-Label Data", algorithm 1).
    """
    n = len(positive)
    room = np.array(sizes, dtype=np.int64)
    wanted = positive.sum(axis=0) * (room[:, None] / max(n, 1))
    places = np.full(n, -1, dtype=np.int64)
    order = generator.permutation(n)
    left = positive.sum(axis=0)
    while (left > 0).any():
        label = int(np.where(left > 0, left, n + 1).argmin())
        for row in order[positive[order, label] & (places[order] < 0)].tolist():
            places[row] = place = _neediest(wanted[:, label], room, generator)
            room[place] -= 1
            wanted[place] -= positive[row]
            left -= positive[row]
    rest = order[places[order] < 0]
    places[rest] = np.repeat(np.arange(len(room)), room)
    return places


def _neediest(wanted: np.ndarray, room: np.ndarray, generator: np.random.Generator) -> int:
    """The subset with the greatest lack of a label; ties go to the one with most room, then to any of them."""
    wanted = np.where(room > 0, wanted, -np.inf)
    best = np.flatnonzero(wanted == wanted.max())
    best = best[room[best] == room[best].max()]
    return int(best[0] if len(best) == 1 else generator.choice(best))
