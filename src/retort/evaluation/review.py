"""The band of comments that people should review, and what that gains. Needs numpy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from retort.evaluation.curve import Array

Band = tuple[float, float]


def review_band(probabilities: Array, threshold: float, share: float) -> Band | None:
    """The probabilities between which people should look, so that this share of the comments is in between.

    Reviewed are the comments whose verdict has the highest expected cost. A threshold is the best one when a missed
    comment and a false alarm cost (1 - threshold) and threshold (Elkan 2001), so the expected cost of a verdict is
    probability * (1 - threshold) below it and (1 - probability) * threshold above (Chow 1970,
    doi:10.1109/TIT.1970.1054406). The band holds the threshold, and a larger share's band holds a smaller one's.
    probabilities: (n,), calibrated, of validation. None where the share is less than half a comment, or where so
    many comments have the same probability that the smallest band is larger than the share.
    """
    wanted = int(share * len(probabilities) + 0.5)
    # A threshold of 0 or 1 would divide by 0.
    near = min(max(threshold, 1e-9), 1 - 1e-9)
    risks = np.sort(np.where(probabilities < near, probabilities * (1 - near), (1 - probabilities) * near))[::-1]
    # The band ends between two risks, so that no comment is on its edge.
    ends = np.flatnonzero(-np.diff(risks, append=-1.0)[:wanted] > 0)
    if not len(ends):
        return None
    last = int(ends[-1])
    least = (risks[last] + risks[last + 1]) / 2 if last + 1 < len(risks) else 0.0
    return float(least / (1 - near)), float(1 - least / near)


def in_band(probabilities: Array, band: Band) -> Any:
    """Which of the probabilities a person should look at, bool in the same shape."""
    return (probabilities >= band[0]) & (probabilities <= band[1])


def reviewed(labels: Array, probabilities: Array, threshold: float, band: Band) -> dict[str, Any]:
    """{"share", "accuracy", "recall"} when people decide the comments in the band, and decide them rightly.

    labels: (n,) of 0 and 1, NaN where unrated (left out); probabilities: (n,). A figure that does not exist is None,
    with "why".
    """
    rated = ~np.isnan(labels)
    truth, scores = labels[rated] == 1, probabilities[rated]
    if not len(truth):
        return {"share": None, "accuracy": None, "recall": None, "why": "no comment is rated for this attribute"}
    by_people = in_band(scores, band)
    verdicts = np.where(by_people, truth, scores >= threshold)
    figures = {"share": float(by_people.mean()), "accuracy": float((verdicts == truth).mean())}
    if not truth.any():
        return figures | {"recall": None, "why": "no comment is positive"}
    return figures | {"recall": float(verdicts[truth].mean())}


def share_name(share: float) -> str:
    """The key of a share in retort.json and comparison.json: "0.01"."""
    return f"{share:g}"


def review_bands(probabilities: Array, threshold: float, shares: Sequence[float]) -> dict[str, Band]:
    """Share -> its band, for the shares that have one."""
    found = {share_name(share): review_band(probabilities, threshold, share) for share in shares}
    return {name: band for name, band in found.items() if band is not None}
