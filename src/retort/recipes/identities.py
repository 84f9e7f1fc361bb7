"""Bias of models on comments whose identity columns say which groups they mention."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from retort.evaluation.bias import judge_bias, mentions
from retort.evaluation.metrics import Array

_NONE = "the data has no identity columns"
_EMPTY = "no comment mentions an identity"


def bias_by_identity(
    frame: pd.DataFrame,
    identities: Sequence[str],
    labels: Array,
    predictions: Mapping[str, Array],
    thresholds: Mapping[str, Array],
    *,
    samples: int,
    seed: int,
    reference: str | None = None,
) -> dict[str, Any]:
    """As `judge_bias` returns it; {"arms": None, "pairs": [], "why"} where nothing says which groups comments mention.

    frame: the n comments, with the columns `identities`: shares of raters, NaN where not annotated. The other arguments
    are those of `judge_bias`.
    """
    groups = {name: mentions(frame[name].to_numpy()) for name in identities}
    if not any(member.any() for member in groups.values()):
        return {"arms": None, "pairs": [], "why": _EMPTY if identities else _NONE}
    return judge_bias(labels, predictions, thresholds, groups, samples=samples, seed=seed, reference=reference)
