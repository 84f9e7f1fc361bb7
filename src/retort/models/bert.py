"""The BERT classifier within a model, whatever wraps it."""

import torch
from transformers import BertForSequenceClassification


def bert_within(model: torch.nn.Module) -> BertForSequenceClassification | None:
    """`model` itself, or the classifier that an adapter, a compiled or a distributed model wraps.

    None for a static student, which has no layers.
    """
    return next((module for module in model.modules() if isinstance(module, BertForSequenceClassification)), None)


def inner_bert(model: torch.nn.Module) -> BertForSequenceClassification:
    """As `bert_within`. Raises TypeError when there is none."""
    found = bert_within(model)
    if found is None:
        raise TypeError(f"{type(model).__name__} holds no BertForSequenceClassification")
    return found
