"""TF-IDF with logistic regression. Its tokens are words, and it reads a comment of any length in one window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from retort.errors import ModelError
from retort.evaluation.probability import sigmoid
from retort.inference.devices import require_cpu
from retort.inference.loaders import Loaded
from retort.inference.reading import Model, Scored
from retort.models.baselines import TfidfClassifier

FORMAT = "tfidf"


@dataclass(frozen=True)
class TfidfModel:
    """Scores comments with TF-IDF."""

    classifier: TfidfClassifier

    def __call__(self, texts: Sequence[str]) -> Scored:
        words, unknown = np.asarray([self.classifier.count_words(text) for text in texts], np.int64).T
        one_window, whole = np.ones(len(texts), np.int64), np.zeros(len(texts), np.bool_)
        logits = self.classifier.logits(texts)
        return Scored(sigmoid(logits), words, unknown, one_window, whole)

    def unnormalised(self) -> Model:
        """See `Normalising`."""
        return TfidfModel(self.classifier.with_version(0))


def load(
    folder: Path,
    about: Mapping[str, Any],
    threads: int | None,  # noqa: ARG001
    truncate: bool,  # noqa: ARG001
    device: str,
) -> Loaded:
    """See `Loader.load`."""
    require_cpu(device, folder, "TF-IDF")
    return Loaded(FORMAT, TfidfModel(TfidfClassifier.load(folder, about["normaliser_version"])))


def plain(folder: Path, about: Mapping[str, Any]) -> NoReturn:
    """Raises ModelError: this model is no neural network."""
    raise ModelError(f"{folder}: {about['arm']} is no neural network; export the teacher, a student or an adapter")
