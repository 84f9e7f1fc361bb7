"""Which comments mention an identity: by their annotation, and by their words where they have none."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retort.identity_terms import find_mentions

# From this share of raters on, a comment mentions an identity, as in the Kaggle metric.
MENTIONED = 0.5


def mentions_identity(texts: Sequence[str], shares: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """(n,) of n texts: whether one of a text's shares is at least `MENTIONED`.

    shares: (n, n_identities), of raters who saw the identity in the text, NaN where nobody was asked. A text without
    any share, as where the data has no identity columns (n_identities 0), is searched for identity terms.
    """
    found = np.asarray((shares >= MENTIONED).any(axis=1), np.bool_)
    for row in np.flatnonzero(np.isnan(shares).all(axis=1)).tolist():
        found[row] = bool(find_mentions(texts[row]))
    return found
