"""The terms of the loss: one module each, and this folder is their registry.

A module named `NAME.py` defines the term `NAME`:

    TITLE           its name in reports
    POSITION        its place among the terms in settings, history and report
    WEIGHT          its weight when the settings give none
    USES_TEACHER    whether it compares with the teacher, or else with the comment's own labels
    Settings        a StrictModel of its own settings; no two terms share a setting's name
    pairs(layers, copied, teacher_layers, settings)
                    the features of student and teacher that it compares, in pairs; none where it compares only
                    logits or targets. layers, teacher_layers: how many the two models have;
                    copied: the teacher's layers that the student's were copied from, None when they were not
    compare(student, teacher, batch, settings)
                    its unweighted value for each of the batch's comments, (batch,) with a gradient
    counted(targets)
                    for which of the comments it has a value, (batch,) bool of targets (batch, n_attributes)

The values, times the weights of their comments (`retort.training.comment_weights`), are summed and divided by the
number of comments counted in the whole batch, so that a batch computed in parts or by several processes has exactly
the gradient of one computed at once. The modules import torch only inside
their functions: settings, presets and help read this folder too, and must be quick.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from retort.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from retort.models.features import FeaturePair


@dataclass(frozen=True)
class Outputs:
    """What one model computed for a batch.

    logits: (batch, n_attributes). features: one (batch, tokens, width) for each pair of the term. heads: of its
    self-attention.
    """

    logits: "Tensor"
    features: "tuple[Tensor, ...]" = ()
    heads: int = 1


@dataclass(frozen=True)
class Batch:
    """The comments that the outputs are of.

    attention_mask: (batch, tokens), 1 for a real token. targets: (batch, n_attributes) 0/1 labels or shares of raters,
    NaN where there is none.
    """

    attention_mask: "Tensor"
    targets: "Tensor"


class Term(Protocol):
    """A module of this folder; the names are described above."""

    TITLE: str
    POSITION: int
    WEIGHT: float
    USES_TEACHER: bool
    Settings: type[StrictModel]

    def pairs(
        self, layers: int, copied: tuple[int, ...] | None, teacher_layers: int, settings: Any
    ) -> "tuple[FeaturePair, ...]": ...

    def compare(self, student: Outputs, teacher: Outputs | None, batch: Batch, settings: Any) -> "Tensor": ...

    def counted(self, targets: "npt.NDArray[np.float32]") -> "npt.NDArray[np.bool_]": ...


@functools.cache
def all_terms() -> Mapping[str, Term]:
    """Name -> module of every term, in their order."""
    found: dict[str, Any] = {
        module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    }
    return dict(sorted(found.items(), key=lambda item: item[1].POSITION))


def loss_titles() -> dict[str, str]:
    """Name -> title of every term, for reports of a run."""
    return {name: term.TITLE for name, term in all_terms().items()}
