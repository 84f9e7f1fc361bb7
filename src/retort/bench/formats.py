"""Which formats an arm's folder holds, and how each is opened: as it was trained, LoRA merged, and its exports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retort import runs
from retort.bench.flops import Shape
from retort.data.batches import Integers
from retort.errors import ModelError
from retort.inference.predictor import Classifier
from retort.inference.reading import WindowedModel

TORCH, ADAPTER, TFIDF = "torch", "torch, adapter", "tfidf"
MERGED = "torch, merged"
# What each format multiplies its matrices in.
_PRECISIONS = {"torch": "fp32", "onnx fp32": "fp32", "onnx int8": "int8"}


@dataclass(frozen=True)
class Format:
    """One way in which an arm can be asked. `about` is the folder's retort.json, empty where it has none."""

    arm: str
    name: str
    folder: Path
    about: dict[str, Any]

    @property
    def key(self) -> str:
        """How it is called among all that are measured."""
        return f"{self.arm}, {self.name}"

    @property
    def is_export(self) -> bool:
        """Whether `retort export` wrote it, and so held it against its model first."""
        return "format" in self.about


def formats_of(arm: str, folder: Path) -> list[Format]:
    """Every format that an arm's folder holds, its own first; a folder that is an export holds itself alone.

    Raises ModelError when it holds no model.
    """
    about = _about(folder)
    if about.get("kind") == "majority":
        return []
    own = Format(arm, _own_name(about), folder, about)
    if own.is_export:
        return [own]
    found = [own]
    if (folder / runs.MERGED / runs.CONFIG).is_file():
        merged = folder / runs.MERGED
        found.append(Format(arm, MERGED, merged, _about(merged)))
    for model in sorted(folder.glob(f"*/{runs.ONNX_MODEL}")):
        about = _about(model.parent)
        named = Format(arm, str(about.get("format", "onnx")), model.parent, about)
        # Two exports of one format are told apart by their folders.
        taken = any(named.name == other.name for other in found)
        found.append(Format(arm, f"{named.name} ({model.parent.name})", model.parent, about) if taken else named)
    return found


def open_format(folder: Path, threads: int) -> Classifier:
    """The model of a format's folder. Raises ModelError when it is unfit."""
    return Classifier.load(folder, threads=threads)


def precision(classifier: Classifier) -> str | None:
    """The key of the ceiling that it works under; None for what multiplies no matrices to speak of."""
    return _PRECISIONS.get(classifier.format)


def shape_of(form: Format, classifier: Classifier) -> Shape | None:
    """What decides the work of a BERT; None for a model that is none."""
    if not isinstance(classifier.model, WindowedModel):
        return None
    config = getattr(getattr(classifier.model.scorer, "model", None), "config", None)
    read = config.to_dict() if config is not None else runs.read_json(form.folder / runs.CONFIG, "an export has one")
    sizes = {key: read.get(key) for key in ("hidden_size", "intermediate_size", "num_hidden_layers")}
    if not all(isinstance(size, int) and size > 0 for size in sizes.values()):
        raise ModelError(f"{form.folder / runs.CONFIG}: without the sizes of a BERT; take a whole copy of the model")
    return Shape(**sizes, num_labels=len(classifier.attributes))


def window_lengths(classifier: Classifier, texts: list[str]) -> Integers | None:
    """Tokens of every window that the comments are read in; None for a model that reads no windows."""
    if not isinstance(classifier.model, WindowedModel):
        return None
    return classifier.model.reader.read(texts).windows.lengths


def _own_name(about: dict[str, Any]) -> str:
    if "format" in about:
        return str(about["format"])
    if about.get("kind") == "tfidf":
        return TFIDF
    return ADAPTER if about.get("kind") == "lora" else TORCH


def _about(folder: Path) -> dict[str, Any]:
    path = folder / runs.RETORT
    if not path.is_file():
        return {}
    about = runs.read_json(path, "an arm's folder has one")
    if not isinstance(about, dict):
        raise ModelError(f"{path}: not an object; take a whole copy of the arm")
    return about
