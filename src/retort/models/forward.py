"""Outputs of a classifier for encoded comments, without gradients."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from retort.data.batches import Integers, Tokens, evaluation_batches
from retort.models.first_token import first_token_only

BATCH_SIZE = 32


def logits(model: torch.nn.Module, tokens: Tokens, batch_size: int = BATCH_SIZE) -> npt.NDArray[np.float32]:
    """One logit per comment and attribute, (n, n_attributes), in the order of `tokens`."""
    result: npt.NDArray[np.float32] | None = None
    for rows, output in batch_outputs(model, tokens, batch_size, hidden_states=False):
        values = output.logits.float().cpu().numpy()
        if result is None:
            result = np.empty((len(tokens), values.shape[1]), np.float32)
        result[rows] = values
    return np.empty((0, 0), np.float32) if result is None else result


def batch_outputs(
    model: torch.nn.Module, tokens: Tokens, batch_size: int, *, hidden_states: bool
) -> Iterator[tuple[Integers, Any]]:
    """The rows of each batch with the model's output for them, computed in evaluation mode.

    Without `hidden_states` the last layer is computed for the first token only. The mode is restored afterwards.
    """
    device = next(model.parameters()).device
    before = model.training
    model.eval()
    try:
        with torch.inference_mode(), contextlib.nullcontext() if hidden_states else first_token_only(model):
            for rows in evaluation_batches(tokens.lengths, batch_size):
                input_ids, mask = (torch.from_numpy(array).to(device) for array in tokens.padded(rows))
                yield rows, model(input_ids=input_ids, attention_mask=mask, output_hidden_states=hidden_states)
    finally:
        model.train(before)
