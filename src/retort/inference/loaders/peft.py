"""A LoRA adapter on the base that its retort.json names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import BertForSequenceClassification

from retort import runs
from retort.inference.devices import torch_device
from retort.inference.loaders import Loaded, transformers
from retort.inference.torch_scorer import FORMAT, torch_model
from retort.models.restore import load_adapted, load_merged


def load(folder: Path, about: Mapping[str, Any], threads: int | None, truncate: bool, device: str) -> Loaded:
    """See `Loader.load`."""
    where = torch_device(device)
    model = torch_model(
        load_adapted(folder, about),
        folder,
        int(about["max_length"]),
        threads=threads,
        truncate=truncate,
        device=where,
        version=about["normaliser_version"],
    )
    return Loaded(FORMAT, model, str(where))


def plain(folder: Path, about: Mapping[str, Any]) -> BertForSequenceClassification:
    """See `Loader.plain`; the merged model in the adapter's folder where there is one, which needs no base."""
    merged = folder / runs.MERGED
    return transformers.plain(merged, about) if merged.is_dir() else load_merged(folder, about).eval()
