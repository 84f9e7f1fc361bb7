"""Loads a model from its folder and rates comments: a trained arm, its export, or a classifier made elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs, text
from retort.errors import DataError
from retort.inference.folders import checked_about, model_sha256, primary_of
from retort.inference.loaders import loader_of
from retort.inference.reading import Model, Probabilities, Scored
from retort.tasks import Outcome, Task, recorded_task

# A comment with at least this share of unknown tokens gets no verdict.
_UNKNOWN_SHARE = 0.8


@dataclass(frozen=True)
class Answer:
    """A classifier's answer for one comment.

    outcome: the verdict in the program's own terms. verdict: the task's key for it, in JSON and files. threshold: that
    of the primary attribute. probabilities: attribute -> probability, in the classifier's order. tokens: how many were
    read, [CLS] and [SEP] not counted (words where the model reads words), in `windows` windows. truncated: whether the
    comment is longer than what was read. warnings: sentences that contain nothing of the comment's text.
    """

    outcome: Outcome
    verdict: str
    threshold: float
    probabilities: dict[str, float]
    tokens: int
    windows: int
    truncated: bool
    warnings: tuple[str, ...]

    def as_json(self, index: int) -> dict[str, Any]:
        """The keys that every output of retort uses; `index` is the comment's place in the request."""
        return {
            "text_index": index,
            "verdict": self.verdict,
            "threshold": self.threshold,
            "probabilities": self.probabilities,
        }


@dataclass(frozen=True)
class Classifier:
    """Rates comments and gives verdicts. `attributes` name the columns of every probability array.

    task: what is judged, with the words of a verdict; a model may rate only some of its labels. thresholds: attribute
    -> probability at or above which it is present. sha256: of the folder's manifest.json, or of its weights when it
    has none. format: torch, onnx fp32, onnx int8 or tfidf. max_length: tokens of one window. Safe to call from several
    threads.
    """

    arm: str
    task: Task
    attributes: tuple[str, ...]
    thresholds: dict[str, float]
    sha256: str
    format: str
    max_length: int
    model: Model

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None, truncate: bool = False) -> "Classifier":
        """A model folder: an arm of a run, its export, or any Hugging Face BERT classifier.

        threads: how many share the work on one comment, by default one per core. With `truncate` only the first
        `max_length` tokens of a comment are read: faster, but what follows is ignored. Raises ModelError when the
        folder is missing or unfit, or was changed since its manifest was written.
        """
        path = Path(folder)
        about = checked_about(path)
        form, model = loader_of(path, about).load(path, about, threads, truncate)
        return cls(
            about["arm"],
            recorded_task(about["task"], path / runs.RETORT),
            tuple(about["attributes"]),
            {str(name): float(value) for name, value in about["thresholds"].items()},
            model_sha256(path),
            form,
            int(about["max_length"]),
            model,
        )

    @property
    def primary(self) -> str:
        """The attribute that decides the verdict."""
        return primary_of(self.task, self.attributes)

    def read(self, texts: Sequence[str]) -> list[Answer]:
        """One answer for each text. Raises DataError for a blank one."""
        return list(self._answers(self._scored(texts)))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """One answer for each text, with the keys that every output of retort uses."""
        return [answer.as_json(index) for index, answer in enumerate(self.read(texts))]

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """(n, n_attributes), in the order of `texts` and `attributes`. Raises DataError for a blank text."""
        return self._scored(texts).probabilities

    def _scored(self, texts: Sequence[str]) -> Scored:
        for index, one in enumerate(texts):
            if text.is_blank(one):
                raise DataError(f"text {index}: blank; give a comment to judge")
        if not texts:
            none = np.empty(0, np.int64)
            return Scored(np.empty((0, len(self.attributes))), none, none, none, none.astype(bool))
        return self.model(texts)

    def _answers(self, scored: Scored) -> Iterator[Answer]:
        primary, threshold = self.primary, self.thresholds[self.primary]
        for row, tokens, unknown, windows, truncated in zip(
            scored.probabilities, scored.tokens, scored.unknown, scored.windows, scored.truncated, strict=True
        ):
            by_name = {name: float(value) for name, value in zip(self.attributes, row, strict=True)}
            unsure = unknown >= _UNKNOWN_SHARE * tokens
            outcome: Outcome = "unsure" if unsure else "positive" if by_name[primary] >= threshold else "negative"
            yield Answer(
                outcome=outcome,
                verdict=self.task.keys[outcome],
                threshold=threshold,
                probabilities=by_name,
                tokens=int(tokens),
                windows=int(windows),
                truncated=bool(truncated),
                warnings=(_why_unsure(int(unknown), int(tokens)),) if unsure else (),
            )


def _why_unsure(unknown: int, tokens: int) -> str:
    if not tokens:
        return "the model can read nothing in it, so its probabilities mean nothing"
    return f"the model does not know {unknown} of its {tokens} tokens, so its probabilities mean little"
