"""A static student: token vectors and a linear head, scored with numpy."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retort import runs
from retort.errors import ModelError
from retort.inference.devices import require_cpu
from retort.inference.loaders import Loaded
from retort.inference.reading import Reader, WindowedModel, read_tokenizer
from retort.inference.static_scorer import StaticScorer
from retort.models.static_weights import StaticWeights

if TYPE_CHECKING:
    from retort.models.static import StaticClassifier

FORMAT = "static"


def load(folder: Path, about: Mapping[str, Any], threads: int | None, truncate: bool, device: str) -> Loaded:  # noqa: ARG001
    """See `Loader.load`."""
    require_cpu(device, folder, "a static student")
    weights = StaticWeights.load(folder, about["attributes"])
    tokenizer = read_tokenizer(folder / runs.TOKENIZER)
    if tokenizer.get_vocab_size() > len(weights.vectors):
        raise ModelError(f"{folder}: its tokenizer knows more tokens than it has vectors; take a whole copy")
    reader = Reader(tokenizer, int(about["max_length"]), truncate=truncate, version=about["normaliser_version"])
    return Loaded(FORMAT, WindowedModel(reader, StaticScorer(weights)))


def plain(folder: Path, about: Mapping[str, Any]) -> "StaticClassifier":
    """See `Loader.plain`."""
    from retort.models.static import StaticClassifier

    return StaticClassifier.of(StaticWeights.load(folder, about["attributes"]), about["attributes"])
