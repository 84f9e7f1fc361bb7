"""Loads a model from its folder and rates comments: a trained arm, its export, or a classifier made elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from retort import runs, text
from retort.errors import ConfigError, DataError
from retort.evaluation.calibration import Calibration
from retort.evaluation.review import Band, in_band, share_name
from retort.inference.folders import checked_about, model_sha256, primary_of, recorded_bands, recorded_calibration
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
    comment is longer than what was read. warnings: sentences that contain nothing of the comment's text. to_review: it
    is unsure because its probability is among those that people should review.
    """

    outcome: Outcome
    verdict: str
    threshold: float
    probabilities: dict[str, float]
    tokens: int
    windows: int
    truncated: bool
    warnings: tuple[str, ...]
    to_review: bool = False

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
    has none. format: torch, onnx fp32, onnx int8, static or tfidf. max_length: tokens of one window. model: gives its
    own probabilities, which `calibration` makes those of every answer. review_bands: attribute -> share of the
    comments -> probabilities between which people should look; review: that of the primary attribute in use, if any.
    device: what it runs on, as torch names it. normaliser_version: that of the texts which it was trained on. Safe to
    call from several threads.
    """

    arm: str
    task: Task
    attributes: tuple[str, ...]
    thresholds: dict[str, float]
    sha256: str
    format: str
    max_length: int
    model: Model
    calibration: Calibration = field(default_factory=Calibration)
    review_bands: Mapping[str, Mapping[str, Band]] = field(default_factory=dict)
    review: Band | None = None
    device: str = "cpu"
    normaliser_version: int = text.VERSION

    @classmethod
    def load(
        cls, folder: str | Path, *, threads: int | None = None, truncate: bool = False, device: str = "auto"
    ) -> "Classifier":
        """A model folder: an arm of a run, its export, or any Hugging Face BERT classifier.

        threads: how many share the work on one comment, by default one per core. With `truncate` only the first
        `max_length` tokens of a comment are read: faster, but what follows is ignored. device: such as cpu, cuda:1 or
        mps; "auto" is the accelerator where there is one, for a model in torch. Raises ModelError when the folder is
        missing or unfit, or was changed since its manifest was written, ConfigError for a device that is not here.
        """
        path = Path(folder)
        about = checked_about(path)
        loaded = loader_of(path, about).load(path, about, threads, truncate, device)
        return cls(
            about["arm"],
            recorded_task(about["task"], path / runs.RETORT),
            tuple(about["attributes"]),
            {str(name): float(value) for name, value in about["thresholds"].items()},
            model_sha256(path),
            loaded.format,
            int(about["max_length"]),
            loaded.model,
            recorded_calibration(path, about),
            recorded_bands(path, about),
            device=loaded.device,
            normaliser_version=about["normaliser_version"],
        )

    @property
    def primary(self) -> str:
        """The attribute that decides the verdict."""
        return primary_of(self.task, self.attributes)

    def reviewing(self, share: float) -> "Classifier":
        """The same, with the verdict unsure for about this share of the comments, those that people should review.

        Raises ConfigError, naming the shares that there are, when validation chose no band for this one.
        """
        bands = self.review_bands.get(self.primary, {})
        if share_name(share) not in bands:
            known = f"it has {', '.join(bands)}" if bands else "it has none; compare again to get some"
            raise ConfigError(f"review {share:g}: {self.arm} has no band for this share of the comments; {known}")
        return replace(self, review=bands[share_name(share)])

    def read(self, texts: Sequence[str]) -> list[Answer]:
        """One answer for each text. Raises DataError for a blank one."""
        return list(self._answers(self._scored(texts)))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """One answer for each text, with the keys that every output of retort uses."""
        return [answer.as_json(index) for index, answer in enumerate(self.read(texts))]

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """(n, n_attributes), in the order of `texts` and `attributes`. Raises DataError for a blank text."""
        return self._scored(texts).probabilities

    def uncalibrated(self, texts: Sequence[str]) -> Probabilities:
        """As `probabilities`, the model's own before its calibration."""
        return self._of_model(texts).probabilities

    def _scored(self, texts: Sequence[str]) -> Scored:
        scored = self._of_model(texts)
        return replace(scored, probabilities=self.calibration(scored.probabilities))

    def _of_model(self, texts: Sequence[str]) -> Scored:
        for index, one in enumerate(texts):
            if text.is_blank(one):
                raise DataError(f"text {index}: blank; give a comment to judge")
        if not texts:
            none = np.empty(0, np.int64)
            return Scored(np.empty((0, len(self.attributes))), none, none, none, none.astype(bool))
        return self.model(texts)

    def _answers(self, scored: Scored) -> Iterator[Answer]:
        primary, threshold = self.primary, self.thresholds[self.primary]
        column = self.attributes.index(primary)
        for row, tokens, unknown, windows, truncated in zip(
            scored.probabilities, scored.tokens, scored.unknown, scored.windows, scored.truncated, strict=True
        ):
            by_name = {name: float(value) for name, value in zip(self.attributes, row, strict=True)}
            unreadable = unknown >= _UNKNOWN_SHARE * tokens
            to_review = self.review is not None and bool(in_band(row[column], self.review))
            side: Outcome = "positive" if by_name[primary] >= threshold else "negative"
            outcome: Outcome = "unsure" if unreadable or to_review else side
            yield Answer(
                outcome=outcome,
                verdict=self.task.keys[outcome],
                threshold=threshold,
                probabilities=by_name,
                tokens=int(tokens),
                windows=int(windows),
                truncated=bool(truncated),
                warnings=(_why_unsure(int(unknown), int(tokens)),) if unreadable else (),
                to_review=to_review and not unreadable,
            )


def _why_unsure(unknown: int, tokens: int) -> str:
    if not tokens:
        return "the model can read nothing in it, so its probabilities mean nothing"
    return f"the model does not know {unknown} of its {tokens} tokens, so its probabilities mean little"
