"""The classifier to export, in fp32, from any kind of model folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retort import runs
from retort.evaluation.calibration import Calibration
from retort.inference.folders import checked_about, model_sha256, primary_of, recorded_calibration
from retort.inference.loaders import loader_of
from retort.inference.reading import WindowedModel
from retort.inference.torch_scorer import torch_model
from retort.tasks import Task, recorded_task

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification

    from retort.models.static import StaticClassifier


@dataclass(frozen=True)
class Source:
    """A classifier whose logits are in the order of about["attributes"].

    about: the folder's retort.json. folder: where it comes from, its tokenizer included. sha256: identifies its model.
    """

    model: "BertForSequenceClassification | StaticClassifier"
    about: dict[str, Any]
    folder: Path
    sha256: str

    @property
    def task(self) -> Task:
        """What it was trained to judge."""
        return recorded_task(self.about["task"], self.folder / runs.RETORT)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The label of each logit."""
        return tuple(self.about["attributes"])

    @property
    def thresholds(self) -> dict[str, float]:
        """Attribute -> its decision threshold, in the order of `attributes`."""
        return {name: float(self.about["thresholds"][name]) for name in self.attributes}

    @property
    def primary(self) -> str:
        """The attribute that decides the verdict."""
        return primary_of(self.task, self.attributes)

    @property
    def calibration(self) -> Calibration:
        """What makes the classifier's probabilities those that people see, of the export too."""
        return recorded_calibration(self.folder, self.about)

    @property
    def bytes(self) -> int:
        """The size of the weights in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())

    def scorer(self) -> WindowedModel:
        """The classifier as it is served before the export."""
        version = self.about["normaliser_version"]
        return torch_model(self.model, self.folder, int(self.about["max_length"]), version=version)


def read_source(folder: Path) -> Source:
    """The model of a folder, with an adapter merged. Raises ModelError when it is unfit or not made in torch."""
    about = checked_about(folder)
    return Source(loader_of(folder, about).plain(folder, about), about, folder, model_sha256(folder))
