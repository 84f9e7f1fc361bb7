"""Loads a LoRA arm from its folder: the base that it records, checked by sha256, and the adapter on it."""

from collections.abc import Mapping
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


def load_adapted(folder: Path, about: Mapping[str, Any]) -> torch.nn.Module:
    """The adapter in `folder` on its base; `about` is the folder's retort.json.

    The base is some layers of a pre-trained model (recorded by its id) or of a classifier in the same run (recorded by
    its arm). Raises ModelError when it is missing, or its weights differ from those that the adapter was trained on.
    """
    return load_adapter(_base(folder, about), folder)


def load_merged(folder: Path, about: Mapping[str, Any]) -> BertForSequenceClassification:
    """As `load_adapted`, with the adapter added to the weights: a plain classifier of the base's shape."""
    return merged(load_adapter(_base(folder, about), folder))


def _base(folder: Path, about: Mapping[str, Any]) -> BertForSequenceClassification:
    base = about["base"]
    if base.get("arm"):
        source = folder.parent / base["arm"]
        if not (source / runs.WEIGHTS).is_file():
            raise ModelError(f"{folder}: adapts {source}, which is missing; use {folder / 'merged'} alone instead")
        _require_same(runs.sha256(source / runs.WEIGHTS), base["sha256"], source, folder)
        return student_from_teacher(load_classifier(source), base["layer_indices"])
    found = resolve_base(base["id"], base.get("revision"))
    _require_same(found.sha256, base["sha256"], found.folder, folder)
    # The random head is replaced by the adapter's.
    whole = classifier_from_base(found, about["attributes"], seed=0)
    return student_from_teacher(whole, base["layer_indices"])


def _require_same(found: str, expected: str, source: Path, folder: Path) -> None:
    if found != expected:
        raise ModelError(
            f"{folder}: trained on a base with sha256 {expected[:12]}…, {source} has {found[:12]}…; "
            f"use {folder / 'merged'}, which needs no base"
        )
