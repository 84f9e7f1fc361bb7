"""1 - cosine between the hidden states of matched layers, as in DistilBERT (Sanh et al. 2019, arXiv:1910.01108)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from retort.errors import ConfigError
from retort.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from retort.models.features import FeaturePair
    from retort.training.terms import Batch, Outputs

TITLE = "hidden term (1 − cosine)"
POSITION = 30
WEIGHT = 1.0
USES_TEACHER = True


class Settings(StrictModel):
    """Which layers are matched."""

    hidden_match: Literal["source", "block"] = Field(
        "block",
        description="a student layer is matched with the teacher layer it was copied from, "
        "or with the last of the block of teacher layers that it replaces",
    )


def pairs(
    layers: int, copied: tuple[int, ...] | None, teacher_layers: int, settings: Settings
) -> "tuple[FeaturePair, ...]":
    """The output of each student layer with that of its teacher layer."""
    from retort.models.features import Feature

    targets = matched_entries(layers, copied, teacher_layers, settings.hidden_match)
    return tuple((Feature("hidden", own), Feature("hidden", target)) for own, target in enumerate(targets, 1))


def matched_entries(
    layers: int, copied: tuple[int, ...] | None, teacher_layers: int, match: Literal["source", "block"]
) -> tuple[int, ...]:
    """For each of a student's `layers` the entry of the teacher's `hidden_states` that it should resemble.

    Entry 0 holds the embeddings, so the output of layer i is entry i + 1. "source" takes the layer that the student's
    was `copied` from. "block" cuts the teacher in as many equal blocks as the student has layers and takes the last of
    each: the student's layer then does the work of the whole block (the uniform mapping of Jiao et al. 2020,
    arXiv:1909.10351). Raises ConfigError for "source" when the layers were not copied from the teacher, and for "block"
    when the student is deeper than the teacher.
    """
    if match == "block":
        if layers > teacher_layers:
            raise ConfigError(
                f"hidden_match = 'block': the student has {layers} layers and the teacher {teacher_layers}, "
                "which are too few for as many blocks; keep fewer layers, or set the weight hidden to 0"
            )
        return tuple((position + 1) * teacher_layers // layers for position in range(layers))
    if copied is None:
        raise ConfigError("hidden_match = 'source': the layers were not copied from the teacher; set it to 'block'")
    return tuple(index + 1 for index in copied)


def counted(targets: "npt.NDArray[np.float32]") -> "npt.NDArray[np.bool_]":
    """Every comment, labelled or not."""
    import numpy as np

    return np.ones(len(targets), np.bool_)


def compare(student: "Outputs", teacher: "Outputs | None", batch: "Batch", settings: Settings) -> "Tensor":
    """See `hidden_state_loss`."""
    assert teacher is not None
    return hidden_state_loss(student.features, teacher.features, batch.attention_mask)


def hidden_state_loss(student: "Sequence[Tensor]", teacher: "Sequence[Tensor]", attention_mask: "Tensor") -> "Tensor":
    """1 - cosine of matched hidden states, mean over a comment's real tokens and layers, (batch,).

    student, teacher: one (batch, tokens, width) per layer. attention_mask: (batch, tokens); padding does not count.
    Raises ValueError when the two sides do not have as many layers.
    """
    import torch
    from torch.nn import functional

    if len(student) != len(teacher) or not student:
        raise ValueError(f"hidden states of {len(student)} student and {len(teacher)} teacher layers; give as many")
    real = attention_mask.to(torch.float32)
    tokens = real.sum(dim=1).clamp(min=1)
    total = torch.zeros(len(real), device=real.device)
    for own, target in zip(student, teacher, strict=True):
        cosine = functional.cosine_similarity(own.float(), target.float(), dim=-1)
        total = total + ((1 - cosine) * real).sum(dim=1) / tokens
    return total / len(student)
