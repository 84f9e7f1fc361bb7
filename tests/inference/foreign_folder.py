"""Writes classifiers that retort did not make, as transformers saves them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification


def write_foreign(folder: Path, base: Path, labels: Mapping[int, str] | None = None, **config: Any) -> Path:
    """A randomly initialised classifier of the base's shape, with one sigmoid for each of `labels`."""
    if labels is not None:
        config |= {"problem_type": "multi_label_classification", "id2label": dict(labels)}
        config["label2id"] = {name: index for index, name in labels.items()}
    settings = AutoConfig.from_pretrained(base, **config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForSequenceClassification(settings)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder
