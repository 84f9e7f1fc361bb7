"""The classifier is found within whatever wraps it."""

from pathlib import Path

import pytest
import torch

from retort.config import LoraSettings
from retort.models.adapters import with_adapter
from retort.models.bases import resolve_base
from retort.models.bert import inner_bert
from retort.models.classifier import classifier_from_base


def test_it_is_found_alone_and_within_an_adapter(tiny_bert: Path, tmp_path: Path) -> None:
    classifier = classifier_from_base(resolve_base(str(tiny_bert)), ("toxicity",), seed=0)
    assert inner_bert(classifier) is classifier
    assert inner_bert(with_adapter(classifier, LoraSettings(), "tiny", 0, tmp_path)) is classifier


def test_a_model_without_one_is_refused() -> None:
    with pytest.raises(TypeError, match="Linear holds no BertForSequenceClassification"):
        inner_bert(torch.nn.Linear(2, 2))
