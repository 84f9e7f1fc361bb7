"""A model in an audit: its name, its threshold, and its scores, each text scored once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retort import runs
from retort.config import DECISION_THRESHOLD
from retort.data.suite import Booleans
from retort.errors import ConfigError, ModelError
from retort.inference.folders import model_name
from retort.inference.predictor import Classifier
from retort.inference.reading import Probabilities
from retort.progress import StageProgress

# Texts scored between two reports of progress.
_BATCH = 256


@dataclass(frozen=True)
class AuditedModel:
    """name: distinct from the audit's other models. folder: as the user named it. role: as in retort.json, "foreign"
    for a classifier made elsewhere. Scores are kept, so that parts of an audit that ask for the same texts share them.
    """

    name: str
    folder: Path
    classifier: Classifier
    role: str
    _known: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @property
    def has_threshold(self) -> bool:
        """Whether its threshold was chosen for it; it is 0.5 otherwise."""
        return self.role != "foreign" and self.classifier.primary in self.classifier.thresholds

    @property
    def threshold(self) -> float:
        """Of the primary attribute."""
        return self.threshold_of(self.classifier.primary)

    def threshold_of(self, attribute: str) -> float:
        """The probability at or above which the attribute is present."""
        return self.classifier.thresholds.get(attribute, DECISION_THRESHOLD)

    def probabilities(self, texts: Sequence[str], progress: StageProgress | None = None) -> Probabilities:
        """(n, n attributes) in the order of `classifier.attributes`; texts scored before are not scored again."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for begin in range(0, len(new), _BATCH):
            if progress is not None:
                progress(f"scoring with {self.name}", begin, len(new))
            batch = new[begin : begin + _BATCH]
            self._known.update(zip(batch, self.classifier.probabilities(batch), strict=True))
        if not texts:
            return np.empty((0, len(self.classifier.attributes)))
        return np.stack([self._known[text] for text in texts])

    def scores(self, texts: Sequence[str], progress: StageProgress | None = None) -> npt.NDArray[np.float64]:
        """(n,) probabilities of the primary attribute."""
        column = self.classifier.attributes.index(self.classifier.primary)
        return self.probabilities(texts, progress)[:, column]

    def flagged(self, texts: Sequence[str], progress: StageProgress | None = None) -> Booleans:
        """(n,) whether the verdict is positive."""
        return self.scores(texts, progress) >= self.threshold

    def as_dict(self) -> dict[str, Any]:
        """For audit.json."""
        return {
            "folder": str(self.folder),
            "arm": self.classifier.arm,
            "role": self.role,
            "format": self.classifier.format,
            "sha256": self.classifier.sha256,
            "device": self.classifier.device,
            "attributes": list(self.classifier.attributes),
            "primary": self.classifier.primary,
            "threshold": self.threshold,
            "has_threshold": self.has_threshold,
        }


def load_models(folders: Sequence[Path], device: str, progress: StageProgress) -> list[AuditedModel]:
    """The models of an audit, in the given order.

    Raises ConfigError for a folder named twice; ModelError for one that holds no model (see `Classifier.load`), or a
    model whose task differs from that of the first.
    """
    models: list[AuditedModel] = []
    for number, (folder, name) in enumerate(zip(folders, distinct_names(folders), strict=True)):
        progress("loading", number, len(folders))
        classifier = Classifier.load(folder, device=device)
        role = str(runs.read_about(folder)["role"]) if (folder / runs.RETORT).is_file() else "foreign"
        models.append(AuditedModel(name, folder, classifier, role))
        first = models[0].classifier.task
        if classifier.task.name != first.name or classifier.task.primary != first.primary:
            raise ModelError(
                f"{folder}: judges the task {classifier.task.name!r} by {classifier.task.primary!r}, but "
                f"{models[0].name} judges {first.name!r} by {first.primary!r}; audit them apart"
            )
    return models


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """The models' names; equal ones are told apart by as much of their paths as it takes.

    Raises ConfigError for a folder named twice.
    """
    paths = [folder.resolve() for folder in folders]
    for path, folder in zip(paths, folders, strict=True):
        if paths.count(path) > 1:
            raise ConfigError(f"--model {folder}: is named twice; name each model once")
    names = [model_name(folder) if folder.is_dir() else folder.name for folder in folders]
    return [
        name if names.count(name) == 1 else _longer(name, path, [p for p in paths if p != path])
        for name, path in zip(names, paths, strict=True)
    ]


def _longer(name: str, path: Path, others: Sequence[Path]) -> str:
    """The end of a path that no other path has, with the model's name before it where it is not in there."""
    for depth in range(1, len(path.parts)):
        end = path.parts[-depth:]
        if all(other.parts[-depth:] != end for other in others):
            return "/".join(end) if name in end else f"{name} ({'/'.join(end)})"
    return str(path)
