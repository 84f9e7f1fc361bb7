"""A classifier as transformers saves it: teachers, students, merged adapters, and classifiers made elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import BertForSequenceClassification

from retort.inference.devices import torch_device
from retort.inference.loaders import Loaded
from retort.inference.torch_scorer import FORMAT, torch_model
from retort.models.classifier import load_classifier, set_label_order


def load(folder: Path, about: Mapping[str, Any], threads: int | None, truncate: bool, device: str) -> Loaded:
    """See `Loader.load`."""
    where = torch_device(device)
    model = torch_model(
        plain(folder, about),
        folder,
        int(about["max_length"]),
        threads=threads,
        truncate=truncate,
        device=where,
        version=about["normaliser_version"],
    )
    return Loaded(FORMAT, model, str(where))


def plain(folder: Path, about: Mapping[str, Any]) -> BertForSequenceClassification:
    """See `Loader.plain`."""
    model = load_classifier(folder)
    set_label_order(model, about["attributes"], folder)
    return model
