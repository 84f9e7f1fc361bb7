"""The formats in which a model folder can be run: as trained, as a merged adapter, and as its exports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retort import runs
from retort.bench.flops import Shape
from retort.data.batches import Integers
from retort.errors import ModelError
from retort.inference.predictor import Classifier
from retort.inference.reading import WindowedModel
from retort.models.static_weights import ARCHITECTURE as STATIC_ARCHITECTURE

TORCH, ADAPTER, MERGED, TFIDF, STATIC = "torch", "torch, adapter", "torch, merged", "tfidf", "static"
# Classifier.format -> the number format of its matrix products.
_PRECISIONS = {"torch": "fp32", "onnx fp32": "fp32", "onnx int8": "int8"}


@dataclass(frozen=True)
class Format:
    """One format of an arm. `about` is the folder's retort.json, empty where it has none."""

    arm: str
    name: str
    folder: Path
    about: dict[str, Any]

    @property
    def key(self) -> str:
        """Its name among the formats of all arms."""
        return f"{self.arm}, {self.name}"

    @property
    def is_export(self) -> bool:
        """Whether `retort export` wrote it, which compares an export with its model first."""
        return self.about.get("loader") == "onnx"


def formats_of(arm: str, folder: Path) -> list[Format]:
    """All formats in an arm's folder, the arm's own first; for a folder that is itself an export, only that one.

    Empty for an arm without a model. Raises ModelError when a retort.json is broken.
    """
    about = _about(folder)
    if about and about.get("loader") is None:
        return []
    own = Format(arm, _name(folder, about), folder, about)
    if own.is_export:
        return [own]
    found = [own]
    if (folder / runs.MERGED / runs.CONFIG).is_file():
        merged = folder / runs.MERGED
        found.append(Format(arm, MERGED, merged, _about(merged)))
    for model in sorted(folder.glob(f"*/{runs.ONNX_MODEL}")):
        about = _about(model.parent)
        name = str(about.get("format", "onnx"))
        if any(name == other.name for other in found):
            name = f"{name} ({model.parent.name})"
        found.append(Format(arm, name, model.parent, about))
    return found


def open_format(folder: Path, threads: int) -> Classifier:
    """The model of a format's folder, on the CPU. Raises ModelError when it cannot be loaded."""
    return Classifier.load(folder, threads=threads, device="cpu")


def precision(classifier: Classifier) -> str | None:
    """The number format of its matrix products (fp32 or int8); None for a model without any."""
    return _PRECISIONS.get(classifier.format)


def shape_of(form: Format, classifier: Classifier) -> Shape | None:
    """The sizes of a BERT; None for any other model. Raises ModelError when its config lacks them."""
    if not isinstance(classifier.model, WindowedModel):
        return None
    config = getattr(getattr(classifier.model.scorer, "model", None), "config", None)
    read = config.to_dict() if config is not None else runs.read_json(form.folder / runs.CONFIG, "an export has one")
    if read.get("architecture") == STATIC_ARCHITECTURE:
        return None
    sizes = {key: read.get(key) for key in ("hidden_size", "intermediate_size", "num_hidden_layers")}
    if not all(isinstance(size, int) and size > 0 for size in sizes.values()):
        raise ModelError(f"{form.folder / runs.CONFIG}: without the sizes of a BERT; take a whole copy of the model")
    return Shape(**sizes, num_labels=len(classifier.attributes))


def window_lengths(classifier: Classifier, texts: list[str]) -> Integers | None:
    """Tokens of each window of the texts; None for a model that does not read windows of tokens."""
    if not isinstance(classifier.model, WindowedModel):
        return None
    return classifier.model.reader.read(texts).windows.lengths


def _name(folder: Path, about: dict[str, Any]) -> str:
    match about.get("loader"):
        case "onnx":
            return str(about["format"])
        case "tfidf":
            return TFIDF
        case "static":
            return STATIC
        case "peft":
            return ADAPTER
    # Folders written before retort.json recorded it are recognised by their name.
    return MERGED if about and about.get("merged", folder.name == runs.MERGED) else TORCH


def _about(folder: Path) -> dict[str, Any]:
    return runs.read_about(folder) if (folder / runs.RETORT).is_file() else {}
