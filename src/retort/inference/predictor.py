"""A trained arm, loaded from its folder and asked about texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from retort import runs, text
from retort.attributes import PRIMARY
from retort.config import ExperimentSettings
from retort.errors import DataError, ModelError

Probabilities = npt.NDArray[np.float64]

VERDICTS = {"toxic": "Toxic", "non-toxic": "Non-Toxic"}
_NEEDED = ("arm", "kind", "attributes", "thresholds", "max_length", "normaliser_version", "base")
# transformers writes this for a tokenizer that knows no limit.
_NO_LIMIT = 1_000_000


class Scorer(Protocol):
    """What stands behind a classifier: texts in, probabilities (n, n_attributes) out."""

    def __call__(self, texts: Sequence[str]) -> Probabilities: ...


@dataclass(frozen=True)
class Classifier:
    """Verdicts on texts. `attributes` name the columns; the first is the one a verdict goes by."""

    arm: str
    attributes: tuple[str, ...]
    thresholds: dict[str, float]
    scorer: Scorer

    @classmethod
    def load(cls, folder: str | Path) -> "Classifier":
        """A model folder: an arm of a run, or any Hugging Face BERT classifier.

        Raises ModelError when it is missing, unfit, or was changed since its manifest was written.
        """
        path = Path(folder)
        if not path.is_dir():
            raise ModelError(f"{path}: no such folder; give the folder of an arm, for example RUN/odd")
        if (path / runs.COMPARISON).is_file():
            raise ModelError(f"{path}: a run, not a model; name one of its arms, for example {path / 'odd'}")
        if not (path / runs.RETORT).is_file():
            return _foreign(path)
        about = _about(path)
        if (path / runs.MANIFEST).is_file():
            runs.check_manifest(path)
        if about.get("normaliser_version") != text.VERSION:
            raise ModelError(
                f"{path}: trained on texts normalised by version {about.get('normaliser_version')}, "
                f"this retort has version {text.VERSION}; use the retort that made it, or train again"
            )
        thresholds = {str(k): float(v) for k, v in about["thresholds"].items()}
        return cls(about["arm"], tuple(about["attributes"]), thresholds, _scorer(path, about))

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """(n, n_attributes), in the order of `texts` and `attributes`. Raises DataError for a blank text."""
        for index, one in enumerate(texts):
            if text.is_blank(one):
                raise DataError(f"text {index}: blank; give a comment to judge")
        if not texts:
            return np.empty((0, len(self.attributes)))
        return self.scorer(texts)

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """One answer per text, with the keys that every output of retort uses."""
        primary = self.attributes[0]
        threshold = self.thresholds[primary]
        answers = []
        for index, row in enumerate(self.probabilities(texts)):
            by_name = {name: float(value) for name, value in zip(self.attributes, row, strict=True)}
            answers.append(
                {
                    "text_index": index,
                    "verdict": "toxic" if by_name[primary] >= threshold else "non-toxic",
                    "threshold": threshold,
                    "probabilities": by_name,
                }
            )
        return answers


def _about(folder: Path) -> dict[str, Any]:
    """The folder's retort.json. Raises ModelError when it lacks what a prediction needs."""
    about = runs.read_json(folder / runs.RETORT, "an arm's folder has one")
    missing = [key for key in _NEEDED if key not in about] if isinstance(about, dict) else _NEEDED
    if missing:
        raise ModelError(f"{folder / runs.RETORT}: without {', '.join(missing)}; take a whole copy of the arm")
    result: dict[str, Any] = about
    return result


def _scorer(folder: Path, about: dict[str, Any]) -> Scorer:
    kind = about.get("kind")
    if kind == "tfidf":
        from retort.models.baselines import TfidfClassifier
        from retort.models.forward import sigmoid

        model = TfidfClassifier.load(folder)
        return lambda texts: sigmoid(model.logits(texts))
    if kind == "majority":
        raise ModelError(f"{folder}: majority says the same of every comment and is no model; name another arm")
    if kind == "lora":
        from retort.models.restore import load_adapted

        return torch_scorer(load_adapted(folder, about), folder, about["max_length"])
    from retort.models.classifier import load_classifier

    return torch_scorer(load_classifier(folder), folder, about["max_length"])


def torch_scorer(model: Any, tokenizer_folder: Path, max_length: int) -> Scorer:
    """Scores with a classifier in memory, in fp32 on the device that it is on."""
    from retort.data.batches import encode
    from retort.models.classifier import load_tokenizer
    from retort.models.forward import logits, sigmoid

    tokenizer = load_tokenizer(tokenizer_folder)
    model.eval()
    return lambda texts: sigmoid(logits(model, encode(texts, tokenizer, max_length)))


def _foreign(folder: Path) -> Classifier:
    """A classifier that retort did not make: its own labels, thresholds of one half."""
    from retort.models.classifier import attributes_of, load_classifier

    model = load_classifier(folder)
    names = attributes_of(model)
    if model.config.problem_type != "multi_label_classification" and len(names) > 1:
        raise ModelError(f"{folder}: one class out of {len(names)} (softmax); retort reads one sigmoid per attribute")
    if PRIMARY not in names and len(names) > 1:
        raise ModelError(f"{folder}: none of its labels is {PRIMARY!r} (found {', '.join(names)}); rename it there")
    limit = min(model.config.max_position_embeddings, _NO_LIMIT)
    threshold = ExperimentSettings.model_fields["decision_threshold"].default
    ordered = tuple(sorted(names, key=lambda name: name != PRIMARY))
    columns = [names.index(name) for name in ordered]
    scorer = torch_scorer(model, folder, limit)
    return Classifier(folder.name, ordered, dict.fromkeys(ordered, threshold), lambda t: scorer(t)[:, columns])
