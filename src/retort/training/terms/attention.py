"""KL divergence between the self-attention of the last layers: its distributions, and the relations of its values.

MiniLM (Wang et al. 2020, arXiv:2002.10957, equations 7 to 9). Off by default; docs/log.md has its measured effect.
"""

import math
from typing import TYPE_CHECKING

from retort.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from retort.models.features import FeaturePair
    from retort.training.terms import Batch, Outputs

TITLE = "attention term (KL of the last layer's self-attention)"
POSITION = 40
WEIGHT = 0.0
USES_TEACHER = True


class Settings(StrictModel):
    """None: it compares the last layer of both models."""


def pairs(
    layers: int, copied: tuple[int, ...] | None, teacher_layers: int, settings: Settings
) -> "tuple[FeaturePair, ...]":
    """Queries, keys and values of the last layer."""
    from retort.models.features import Feature

    own, last = layers - 1, teacher_layers - 1
    return (
        (Feature("query", own), Feature("query", last)),
        (Feature("key", own), Feature("key", last)),
        (Feature("value", own), Feature("value", last)),
    )


def counted(targets: "npt.NDArray[np.float32]") -> "npt.NDArray[np.bool_]":
    """Every comment, labelled or not."""
    import numpy as np

    return np.ones(len(targets), np.bool_)


def compare(student: "Outputs", teacher: "Outputs | None", batch: "Batch", settings: Settings) -> "Tensor":
    """The two divergences added, each a mean over heads and a comment's real tokens, (batch,)."""
    assert teacher is not None
    own, target = (relations(side, batch.attention_mask) for side in (student, teacher))
    mask = batch.attention_mask
    return relation_loss(own[0], target[0], mask) + relation_loss(own[1], target[1], mask)


def relations(side: "Outputs", attention_mask: "Tensor") -> "tuple[Tensor, Tensor]":
    """How each token attends, and how its value relates to others': (batch, heads, tokens, tokens) log-probabilities.

    The features of `side` are query, key and value, each (batch, tokens, width), the width cut into its `heads` equal
    parts. Padding has probability 0.
    """
    import torch

    query, key, value = (states.float().unflatten(-1, (side.heads, -1)).transpose(1, 2) for states in side.features)
    padding = (attention_mask == 0)[:, None, None, :]

    def relation(left: "Tensor", right: "Tensor") -> "Tensor":
        scores = left @ right.transpose(-1, -2) / math.sqrt(left.shape[-1])
        return torch.log_softmax(scores.masked_fill(padding, torch.finfo(scores.dtype).min), dim=-1)

    return relation(query, key), relation(value, value)


def relation_loss(student: "Tensor", teacher: "Tensor", attention_mask: "Tensor") -> "Tensor":
    """KL of the student's relations from the teacher's, mean over heads and a comment's real tokens, (batch,).

    Both (batch, heads, tokens, tokens) log-probabilities. Raises ValueError when the numbers of heads differ.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"relations of shapes {tuple(student.shape)} and {tuple(teacher.shape)}; give as many heads")
    divergence = (teacher.exp() * (teacher - student)).sum(dim=-1).mean(dim=1)
    real = attention_mask.to(divergence.dtype)
    per_comment: Tensor = (divergence * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
    return per_comment
