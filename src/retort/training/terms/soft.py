"""KL divergence of the student's probabilities from the teacher's, both softened by a temperature.

Hinton et al. 2015, arXiv:1503.02531; here with one sigmoid per attribute.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from retort.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from retort.models.features import FeaturePair
    from retort.training.terms import Batch, Outputs

TITLE = "soft term (KL from the teacher)"
POSITION = 20
WEIGHT = 0.5
USES_TEACHER = True


class Settings(StrictModel):
    """The softening of both sides."""

    temperature: Annotated[float, Field(gt=0)] = Field(2.0, description="divides the logits of the soft term")


def pairs(
    layers: int, copied: tuple[int, ...] | None, teacher_layers: int, settings: Settings
) -> "tuple[FeaturePair, ...]":
    """No features: it compares logits."""
    return ()


def counted(targets: "npt.NDArray[np.float32]") -> "npt.NDArray[np.bool_]":
    """Every comment, labelled or not."""
    import numpy as np

    return np.ones(len(targets), np.bool_)


def compare(student: "Outputs", teacher: "Outputs | None", batch: "Batch", settings: Settings) -> "Tensor":
    """See `soft_target_loss`."""
    assert teacher is not None
    return soft_target_loss(student.logits, teacher.logits, settings.temperature)


def soft_target_loss(student_logits: "Tensor", teacher_logits: "Tensor", temperature: float) -> "Tensor":
    """KL divergence of the student from the teacher's softened probabilities, one sigmoid per attribute.

    Both logits: (batch, n_attributes). Returns (batch,), the mean over attributes times temperature**2, so that
    gradients keep their size.
    """
    import torch
    from torch.nn import functional

    teacher = teacher_logits / temperature
    student = student_logits / temperature
    # KL(p||q) of two Bernoullis in logits: cross-entropy less the entropy of p.
    probability = torch.sigmoid(teacher)
    cross_entropy = functional.binary_cross_entropy_with_logits(student, probability, reduction="none")
    entropy = functional.binary_cross_entropy_with_logits(teacher, probability, reduction="none")
    return (cross_entropy - entropy).mean(dim=1) * temperature**2
