"""A classifier that answers at once, each text always the same, so that tests of scoring need no model."""

import zlib
from collections.abc import Sequence

import numpy as np

from retort.inference.predictor import Classifier
from retort.inference.reading import Scored

ATTRIBUTES = ("toxicity", "insult")


def scored(texts: Sequence[str]) -> Scored:
    """Probabilities out of a checksum of the text; a text that begins with a question mark is unknown to it."""
    sums = np.array([[zlib.crc32(text.encode()), zlib.adler32(text.encode())] for text in texts], np.float64)
    tokens = np.full(len(texts), 4)
    unknown = np.array([4 if text.startswith("?") else 0 for text in texts])
    return Scored(sums / 2**32, tokens, unknown, np.ones(len(texts), np.int64), np.zeros(len(texts), np.bool_))


def classifier(model: object = scored) -> Classifier:
    """It, or one that answers as `model` does."""
    thresholds = dict.fromkeys(ATTRIBUTES, 0.5)
    return Classifier("odd", ATTRIBUTES, thresholds, "5a" * 32, "onnx fp32", 128, model)  # type: ignore[arg-type]
