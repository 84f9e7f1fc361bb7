"""What is checked of an arm while it is fitted: bugs and settings that make a result worthless without any error.

Programs for this job were found with heads that never moved, students into which nothing was copied, rates that were
used up, and models that were saved with other layers, or re-initialised on the way to disk. Each check compares what
is there with what should be; a finding is a warning, or ends a strict run.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open

from retort import runs
from retort.data.batches import Tokens
from retort.evaluation.probability import sigmoid
from retort.models.forward import logits
from retort.recipes.preflight import Finding

# Comments on which the trained and the saved model are compared, and how far rounding may move a probability.
_SAMPLED, _APART = 16, 0.02
_ENCODER_LAYER = re.compile(r"(?:^|\.)encoder\.layer\.(\d+)\.")


@dataclass(frozen=True)
class Weights:
    """A model's trainable weights at one moment, to tell whether they moved: name -> (sum, sum of squares)."""

    sums: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, model: torch.nn.Module) -> "Weights":
        """Of the parameters that are trained, on any device."""
        return cls(
            {
                name: (float(one.detach().double().sum()), float(one.detach().double().square().sum()))
                for name, one in model.named_parameters()
                if one.requires_grad
            }
        )

    @property
    def has_head(self) -> bool:
        """Whether a classification head is among them."""
        return any("classifier" in name for name in self.sums)


def not_moved(before: Weights, after: Weights) -> list[Finding]:
    """No weight changed in the whole training, or the head did not, or is not trained at all."""
    moved = [name for name, sums in before.sums.items() if after.sums.get(name) != sums]
    if not moved:
        return [
            Finding(
                "dead_rate",
                f"none of the {len(before.sums)} trained tensors changed",
                "The learning rate is 0, or was used up before the training began",
            )
        ]
    if not any("classifier" in name for name in moved):
        state = "did not move" if before.has_head else "is not trained"
        return [
            Finding("frozen_head", f"the classification head {state}", "A random head makes every verdict worthless")
        ]
    return []


def not_copied(student: torch.nn.Module, source: torch.nn.Module, indices: Sequence[int]) -> list[Finding]:
    """Layers of a student that are not those of the model that they are to be copied from.

    indices: of the source's layers, in the student's order; both have BERT's names of weights.
    """
    own, other = student.state_dict(), source.state_dict()
    wrong = []
    for place, index in enumerate(indices):
        prefix = f"bert.encoder.layer.{place}."
        names = [name.removeprefix(prefix) for name in own if name.startswith(prefix)]
        expected = [other.get(f"bert.encoder.layer.{index}.{name}") for name in names]
        if index < 0 or not names or not all(
            one is not None and torch.equal(own[prefix + name], one) for name, one in zip(names, expected, strict=True)
        ):  # fmt: skip
            wrong.append(f"{place} (should be {index})")
    if not wrong:
        return []
    return [
        Finding(
            "not_copied",
            f"layers {', '.join(wrong)} of the student differ from those that they start from",
            "It is not the student that its name says, and has to learn from nothing",
        )
    ]


def saved_otherwise(folder: Path, layers: int) -> list[Finding]:
    """The saved configuration and the saved weights do not both have `layers` layers."""
    config, weights = folder / runs.CONFIG, folder / runs.WEIGHTS
    if not (config.is_file() and weights.is_file()):
        return []
    with safe_open(weights, framework="numpy") as file:
        in_weights = {int(match[1]) for name in file.keys() if (match := _ENCODER_LAYER.search(name))}  # noqa: SIM118
    in_config = json.loads(config.read_text("utf-8")).get("num_hidden_layers")
    if in_config == layers == len(in_weights):
        return []
    return [
        Finding(
            "config_unlike_weights",
            f"{layers} layers were trained, {len(in_weights)} are in {runs.WEIGHTS} and {in_config} in {runs.CONFIG}",
            "Whoever loads the folder gets another model than the one that was trained",
        )
    ]


@dataclass(frozen=True)
class Sample:
    """What a trained model says of a few validation comments. rows: (k,) which; probabilities: (k, n_attributes)."""

    rows: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]

    @classmethod
    def of(cls, model: torch.nn.Module, tokens: Tokens) -> "Sample":
        """Of the shortest comments, which every reader reads whole, in one window."""
        rows = np.argsort(tokens.lengths, kind="stable")[:_SAMPLED].astype(np.int64)
        return cls(rows, sigmoid(logits(model, tokens.of(rows))))


def judged_otherwise(trained: Sample, loaded: npt.NDArray[np.float64]) -> list[Finding]:
    """The model as loaded from its folder says something else than the trained one.

    loaded: (n, n_attributes) probabilities of all validation comments.
    """
    apart = float(np.abs(loaded[trained.rows] - trained.probabilities).max(initial=0.0))
    if apart <= _APART:
        return []
    return [
        Finding(
            "saved_otherwise",
            f"loaded from its folder, it gives probabilities up to {apart:.2f} away from the trained model's",
            "What was saved is not what was trained",
        )
    ]
