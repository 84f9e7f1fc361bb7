"""Classifiers that retort did not make: the content of retort.json that follows from their config."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from retort import runs, text
from retort.config import DECISION_THRESHOLD
from retort.errors import ModelError
from retort.tasks import default_task

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def foreign_about(folder: Path) -> dict[str, Any]:
    """The keys of retort.json for a BERT classifier of Hugging Face, for the task that ships with retort.

    Raises ModelError unless the folder holds such a classifier with one sigmoid per label and the task's primary label
    among them. A single label may have any name.
    """
    if (folder / runs.ONNX_MODEL).is_file():
        raise ModelError(f"{folder}: {runs.ONNX_MODEL} without {runs.RETORT}; take a folder that retort export wrote")
    if (folder / runs.ADAPTER_CONFIG).is_file():
        raise ModelError(f"{folder}: an adapter without its base; merge the two with peft, then use the result")

    from retort.models.classifier import classifier_config

    config, task = classifier_config(folder), default_task()
    names = _labels(config, task.primary, folder)
    return {
        "arm": folder.name,
        "task": task.as_dict(),
        "role": "foreign",
        "loader": "transformers",
        "attributes": list(names),
        "label_threshold": task.label_threshold,
        "thresholds": dict.fromkeys(names, DECISION_THRESHOLD),
        "layer_indices": None,
        "max_length": config.max_position_embeddings,
        "normaliser_version": text.VERSION,
        "parent_run": None,
        "base": None,
    }


def _labels(config: "PretrainedConfig", primary: str, folder: Path) -> tuple[str, ...]:
    """The config's labels, the primary one first and the others in their order."""
    from retort.models.classifier import label_names

    names = label_names(config)
    if config.problem_type != "multi_label_classification" and len(names) > 1:
        raise ModelError(f"{folder}: one class out of {len(names)} (softmax); retort reads one sigmoid per attribute")
    if primary not in names and len(names) > 1:
        raise ModelError(f"{folder}: none of its labels is {primary!r} (found {', '.join(names)}); rename it there")
    if len(set(names)) < len(names):
        raise ModelError(f"{folder}: two of its labels have one name ({', '.join(names)}); rename one there")
    return tuple(sorted(names, key=lambda name: name != primary))
