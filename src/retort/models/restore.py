"""A LoRA arm loaded from its folder: the base that it names, checked by content, and the adapter on it."""

from pathlib import Path
from typing import Any

import torch
from transformers import BertForSequenceClassification

from retort import runs
from retort.errors import ModelError
from retort.models.adapters import load_adapter, merged
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_classifier
from retort.models.layers import student_from_teacher

_WEIGHTS = "model.safetensors"


def load_adapted(folder: Path, about: dict[str, Any]) -> torch.nn.Module:
    """The adapter in `folder` on its base; `about` is the folder's retort.json.

    The base is a pre-trained model (by its id), or chosen layers of a classifier in the same run (by its
    relative path). Raises ModelError when it is missing or its weights are not those trained on.
    """
    return load_adapter(_base(folder, about), folder)


def load_merged(folder: Path, about: dict[str, Any]) -> BertForSequenceClassification:
    """As `load_adapted`, with the adapter added into the weights: a plain classifier of the base's shape."""
    return merged(load_adapter(_base(folder, about), folder))


def _base(folder: Path, about: dict[str, Any]) -> BertForSequenceClassification:
    base = about["base"]
    if base.get("arm"):
        source = folder.parent / base["arm"]
        if not (source / _WEIGHTS).is_file():
            raise ModelError(f"{folder}: adapts {source}, which is missing; use {folder / 'merged'} alone instead")
        _require_same(runs.sha256(source / _WEIGHTS), base["sha256"], source, folder)
        return student_from_teacher(load_classifier(source), base["layer_indices"])
    found = resolve_base(base["id"], base.get("revision"))
    _require_same(found.sha256, base["sha256"], found.folder, folder)
    # The head is drawn anew and then replaced by the adapter's own.
    whole = classifier_from_base(found, about["attributes"], seed=0)
    return student_from_teacher(whole, base["layer_indices"])


def _require_same(found: str, expected: str, source: Path, folder: Path) -> None:
    if found != expected:
        raise ModelError(
            f"{folder}: trained on a base with sha256 {expected[:12]}…, {source} has {found[:12]}…; "
            f"use {folder / 'merged'}, which needs no base"
        )
