"""Binary cross-entropy against the comment's own targets: 0/1 labels, or the shares of raters."""

from typing import TYPE_CHECKING

from retort.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from retort.models.features import FeaturePair
    from retort.training.terms import Batch, Outputs

TITLE = "hard term (cross-entropy against the targets)"
POSITION = 10
WEIGHT = 0.5
USES_TEACHER = False


class Settings(StrictModel):
    """None: `targets` of the training settings chooses what is learnt."""


def pairs(
    layers: int, copied: tuple[int, ...] | None, teacher_layers: int, settings: Settings
) -> "tuple[FeaturePair, ...]":
    """No features: it compares logits with targets."""
    return ()


def counted(targets: "npt.NDArray[np.float32]") -> "npt.NDArray[np.bool_]":
    """Comments with a target for some attribute."""
    import numpy as np

    return np.asarray((~np.isnan(targets)).any(axis=1), np.bool_)


def compare(student: "Outputs", teacher: "Outputs | None", batch: "Batch", settings: Settings) -> "Tensor":
    """See `cross_entropy`."""
    from retort.training.cross_entropy import cross_entropy

    return cross_entropy(student.logits, batch.targets)
