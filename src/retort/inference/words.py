"""The baseline that knows words, asked as the neural models are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retort.inference.reading import Model, Scored
from retort.models.baselines import TfidfClassifier
from retort.models.probability import sigmoid


def words_model(folder: Path) -> Model:
    """A tfidf arm: its tokens are words, and it reads a comment of any length in one window.

    Raises ModelError when the folder is no whole tfidf arm.
    """
    model = TfidfClassifier.load(folder)

    def scored(texts: Sequence[str]) -> Scored:
        counts = np.asarray([model.count_words(one) for one in texts], np.int64)
        words, unknown = counts.T
        return Scored(
            sigmoid(model.logits(texts)), words, unknown, np.ones(len(texts), np.int64), np.zeros(len(texts), np.bool_)
        )

    return scored
