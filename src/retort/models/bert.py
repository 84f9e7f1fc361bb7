"""The BERT classifier within a model, whatever wraps it."""

import torch
from transformers import BertForSequenceClassification


def inner_bert(model: torch.nn.Module) -> BertForSequenceClassification:
    """`model` itself, or the classifier that an adapter, a compiled or a distributed model wraps.

    Raises TypeError when there is none.
    """
    for module in model.modules():
        if isinstance(module, BertForSequenceClassification):
            return module
    raise TypeError(f"{type(model).__name__} holds no BertForSequenceClassification")
