"""A model loaded from its folder and asked about comments: a trained arm, its export, or another's classifier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from retort import runs, text
from retort.attributes import PRIMARY
from retort.errors import DataError, ModelError
from retort.inference.reading import Model, Probabilities, Scored

Verdict = Literal["toxic", "non-toxic", "unsure"]

# How people read a verdict.
VERDICTS: dict[Verdict, str] = {"toxic": "Toxic", "non-toxic": "Non-Toxic", "unsure": "Unsure"}
_NEEDED = ("arm", "kind", "attributes", "thresholds", "max_length", "normaliser_version", "base")
# A comment of which the model knows less than the rest of this gets no verdict.
_UNKNOWN_SHARE = 0.8
# Weights that a folder may hold, where no manifest stands for the whole of it.
_WEIGHTS = (
    runs.ONNX_MODEL,
    "adapter_model.safetensors",
    "model.safetensors",
    "weights.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
)


@dataclass(frozen=True)
class Answer:
    """What a classifier says of one comment.

    threshold: the primary attribute's. probabilities: attribute -> probability, the primary one first. tokens:
    how many were read ([CLS] and [SEP] not counted; words where the model reads words), in so many windows.
    truncated: whether the comment goes on behind them. warnings: plain sentences, which hold nothing of the
    comment's text.
    """

    verdict: Verdict
    threshold: float
    probabilities: dict[str, float]
    tokens: int
    windows: int
    truncated: bool
    warnings: tuple[str, ...]

    def as_json(self, index: int) -> dict[str, Any]:
        """The keys that every output of retort uses; `index` is the comment's place among those asked about."""
        return {
            "text_index": index,
            "verdict": self.verdict,
            "threshold": self.threshold,
            "probabilities": self.probabilities,
        }


@dataclass(frozen=True)
class Classifier:
    """Verdicts on comments. `attributes` name the columns; the first is the one a verdict goes by.

    thresholds: attribute -> probability from which on it is present. sha256: of the folder's manifest.json, or
    of its weights when it has none. format: torch, onnx fp32, onnx int8 or tfidf. max_length: tokens of one
    window. Several threads may ask at once.
    """

    arm: str
    attributes: tuple[str, ...]
    thresholds: dict[str, float]
    sha256: str
    format: str
    max_length: int
    model: Model

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None, truncate: bool = False) -> "Classifier":
        """A model folder: an arm of a run, its export, or any Hugging Face BERT classifier.

        `threads` share the work on one comment; by default as many as there are cores. With `truncate` a comment
        is read no further than `max_length` tokens: quicker, and blind to what stands behind. Raises ModelError
        when the folder is missing, unfit, or was changed since its manifest was written.
        """
        path = Path(folder)
        require_folder(path)
        if not (path / runs.RETORT).is_file():
            return _foreign(path, threads, truncate)
        about = read_about(path)
        form, model = _model(path, about, threads, truncate)
        return cls(
            about["arm"],
            tuple(about["attributes"]),
            {str(name): float(value) for name, value in about["thresholds"].items()},
            model_sha256(path),
            form,
            int(about["max_length"]),
            model,
        )

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
        primary = self.attributes[0]
        threshold = self.thresholds[primary]
        for row, tokens, unknown, windows, truncated in zip(
            scored.probabilities, scored.tokens, scored.unknown, scored.windows, scored.truncated, strict=True
        ):
            by_name = {name: float(value) for name, value in zip(self.attributes, row, strict=True)}
            verdict: Verdict = "toxic" if by_name[primary] >= threshold else "non-toxic"
            warnings: tuple[str, ...] = ()
            if unknown >= _UNKNOWN_SHARE * tokens:
                verdict, warnings = "unsure", (_why_unsure(int(unknown), int(tokens)),)
            yield Answer(verdict, threshold, by_name, int(tokens), int(windows), bool(truncated), warnings)


def _why_unsure(unknown: int, tokens: int) -> str:
    if not tokens:
        return "there is nothing in it that the model can read, so that its probabilities mean nothing"
    return f"the model does not know {unknown} of its {tokens} tokens, so that its probabilities mean little"


def require_folder(folder: Path) -> None:
    """Raises ModelError unless `folder` may hold a model."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give the folder of an arm, for example RUN/odd")
    if (folder / runs.COMPARISON).is_file():
        raise ModelError(f"{folder}: a run, not a model; name one of its arms, for example {folder / 'odd'}")


def read_about(folder: Path) -> dict[str, Any]:
    """The folder's retort.json, once folder and manifest are known to agree.

    Raises ModelError when it lacks what a prediction needs, when the folder was changed, or when it was made
    for texts normalised otherwise.
    """
    about = runs.read_json(folder / runs.RETORT, "an arm's folder has one")
    missing = [key for key in _NEEDED if key not in about] if isinstance(about, dict) else _NEEDED
    if missing:
        raise ModelError(f"{folder / runs.RETORT}: without {', '.join(missing)}; take a whole copy of the arm")
    if (folder / runs.MANIFEST).is_file():
        runs.check_manifest(folder)
    if about["normaliser_version"] != text.VERSION:
        raise ModelError(
            f"{folder}: trained on texts normalised by version {about['normaliser_version']}, "
            f"this retort has version {text.VERSION}; use the retort that made it, or train again"
        )
    result: dict[str, Any] = about
    return result


def model_sha256(folder: Path) -> str:
    """What a model is known by: the sha256 of its manifest, or of its weights when it has none."""
    found = next((path for name in (runs.MANIFEST, *_WEIGHTS) if (path := folder / name).is_file()), None)
    if found is None:
        raise ModelError(f"{folder}: no weights ({', '.join(_WEIGHTS[:3])}); take a whole copy of the model")
    return runs.sha256(found)


def _model(folder: Path, about: dict[str, Any], threads: int | None, truncate: bool) -> tuple[str, Model]:
    """The model's format and the model, as its retort.json says."""
    kind, form = about["kind"], about.get("format")
    if form is not None:
        from retort.inference.onnx_predictor import onnx_model

        return form, onnx_model(folder, about, threads, truncate=truncate)
    if kind == "tfidf":
        from retort.inference.words import words_model

        return "tfidf", words_model(folder)
    if kind == "majority":
        raise ModelError(f"{folder}: majority says the same of every comment and is no model; name another arm")
    from retort.inference.torch_scorer import torch_model

    if kind == "lora":
        from retort.models.restore import load_adapted

        model: Any = load_adapted(folder, about)
    else:
        from retort.models.classifier import load_classifier

        model = load_classifier(folder)
    return "torch", torch_model(model, folder, about["max_length"], threads=threads, truncate=truncate)


def _foreign(folder: Path, threads: int | None, truncate: bool) -> Classifier:
    """A classifier that retort did not make: its own labels, thresholds of one half."""
    if (folder / runs.ONNX_MODEL).is_file():
        raise ModelError(f"{folder}: {runs.ONNX_MODEL} without {runs.RETORT}; take a folder that retort export wrote")
    from retort.inference.torch_scorer import torch_model
    from retort.models.classifier import load_classifier

    model = load_classifier(folder)
    names, columns = foreign_attributes(model, folder)
    limit = model.config.max_position_embeddings
    return Classifier(
        folder.name,
        names,
        dict.fromkeys(names, default_setting("decision_threshold")),
        model_sha256(folder),
        "torch",
        limit,
        torch_model(model, folder, limit, columns=columns, threads=threads, truncate=truncate),
    )


def foreign_attributes(model: Any, folder: Path) -> tuple[tuple[str, ...], list[int]]:
    """The labels of a classifier from elsewhere, the primary one first, and which of its logits each is.

    Raises ModelError when they are no attributes of which each has a sigmoid of its own.
    """
    from retort.models.classifier import attributes_of

    names = attributes_of(model)
    if model.config.problem_type != "multi_label_classification" and len(names) > 1:
        raise ModelError(f"{folder}: one class out of {len(names)} (softmax); retort reads one sigmoid per attribute")
    if PRIMARY not in names and len(names) > 1:
        raise ModelError(f"{folder}: none of its labels is {PRIMARY!r} (found {', '.join(names)}); rename it there")
    ordered = tuple(sorted(names, key=lambda name: name != PRIMARY))
    return ordered, [names.index(name) for name in ordered]


def default_setting(name: Literal["decision_threshold", "label_threshold"]) -> float:
    """What an experiment's settings say when nobody chose."""
    from retort.config import ExperimentSettings

    return float(ExperimentSettings.model_fields[name].default)
