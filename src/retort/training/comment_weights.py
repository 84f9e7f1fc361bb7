"""How much each training comment counts in the loss: one weight for the terms that compare with labels, one for those
that compare with the teacher.

A term's value of a comment is multiplied by its weight, and the sum is divided by the number of comments as without
weights. Weights have the mean 1 over the training comments, so the loss keeps its scale and a learning rate its
meaning; what they change is how much of it each comment has.

That comments which mention an identity should count more is how the leading entries of the Kaggle competition "Jigsaw
Unintended Bias" of 2019 were trained, the seventh for example (by AtsunoriFujita, public on GitHub): a comment's weight
grew with each of the competition's subsets that it was in, and was divided by the mean. Here the mention alone decides,
whatever the label, so that harmless and harmful mentions keep their proportion.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retort.training.terms import Term

Weights = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CommentWeights:
    """Both (n,), at least 0; None where all comments weigh the same.

    labels: in terms that compare with the comment's own labels. teacher: in terms that compare with the teacher.
    """

    labels: Weights | None = None
    teacher: Weights | None = None

    def of(self, term: Term) -> Weights | None:
        """The weights in one term."""
        return self.teacher if term.USES_TEACHER else self.labels


def weights_of(
    mentions: Flags, identity_weight: float, counted: Flags, *, added: Flags | None = None, added_weight: float = 1.0
) -> Weights | None:
    """(n,) weights with the mean 1 over the comments `counted`: in proportion 1, and `identity_weight` for `mentions`.

    All flags (n,). Comments that were `added` to the data count `added_weight` times as much besides. None when all
    weigh the same.
    """
    raw = np.where(mentions, identity_weight, 1.0)
    if added is not None:
        raw = raw * np.where(added, added_weight, 1.0)
    return None if (raw == raw[0]).all() else (raw / raw[counted].mean()).astype(np.float32)
