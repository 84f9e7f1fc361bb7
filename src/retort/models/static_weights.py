"""The weights of a static student: what is in its files, without torch.

A static student has no transformer layers. A comment is represented by the mean and the element-wise maximum of its
token vectors, and a linear head reads both:

    logits = head [mean of vectors, largest of vectors] + bias
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retort import runs
from retort.errors import ModelError, first_line

# The mark of its config.json.
ARCHITECTURE = "retort-static"
# How the token vectors of a comment are pooled; the results are concatenated, so the head reads twice their width.
POOLS = ("mean", "max")

_VECTORS, _HEAD, _BIAS = "word_embeddings.weight", "classifier.weight", "classifier.bias"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class StaticWeights:
    """vectors: (tokens of the vocabulary, width). head: (n attributes, 2 * width), for mean and maximum. bias: (n,)."""

    vectors: Floats
    head: Floats
    bias: Floats

    def save(self, attributes: Sequence[str], folder: Path) -> None:
        """Writes model.safetensors and config.json; `attributes` names the rows of the head."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        (folder / runs.CONFIG).write_text(self.config(attributes), "utf-8")
        save_file({_VECTORS: self.vectors, _HEAD: self.head, _BIAS: self.bias}, folder / runs.WEIGHTS)

    def config(self, attributes: Sequence[str]) -> str:
        """The content of config.json."""
        content = {
            "architecture": ARCHITECTURE,
            "vocab_size": len(self.vectors),
            "width": self.vectors.shape[1],
            "pools": list(POOLS),
            "id2label": dict(enumerate(attributes)),
            "problem_type": "multi_label_classification",
        }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def load(cls, folder: Path, attributes: Sequence[str]) -> "StaticWeights":
        """The weights in a folder, whose logits are in the order of `attributes`.

        Raises ModelError when a file is missing or broken, or does not fit the others or `attributes`.
        """
        from safetensors.numpy import load_file

        config = runs.read_json(folder / runs.CONFIG, "take a whole copy of the model")
        if not isinstance(config, dict) or config.get("architecture") != ARCHITECTURE:
            raise ModelError(f"{folder / runs.CONFIG}: not that of a static student; take a whole copy of the model")
        try:
            found = load_file(folder / runs.WEIGHTS)
            weights = cls(found[_VECTORS], found[_HEAD], found[_BIAS])
        except Exception as error:  # safetensors raises its own kind for a broken file
            raise ModelError(
                f"{folder / runs.WEIGHTS}: not a whole static student ({first_line(error)}); take a whole copy"
            ) from error
        weights._require_fit(config, attributes, folder)
        return weights

    def _require_fit(self, config: dict[str, Any], attributes: Sequence[str], folder: Path) -> None:
        names = config.get("id2label")
        if names != {str(index): name for index, name in enumerate(attributes)} or config.get("pools") != list(POOLS):
            raise ModelError(
                f"{folder / runs.CONFIG}: other labels or pools than {runs.RETORT} and this retort have; "
                "take a whole copy of the model"
            )
        arrays = (self.vectors, self.head, self.bias)
        width = self.vectors.shape[-1]
        shapes = [
            (config.get("vocab_size"), config.get("width")),
            (len(attributes), len(POOLS) * width),
            (len(attributes),),
        ]
        if [array.shape for array in arrays] != shapes or any(array.dtype != np.float32 for array in arrays):
            raise ModelError(f"{folder / runs.WEIGHTS}: other shapes than {runs.CONFIG} says; take a whole copy")
        if not all(np.isfinite(array).all() for array in arrays):
            raise ModelError(
                f"{folder / runs.WEIGHTS}: holds NaN or infinity; the weights are broken, take another copy"
            )
