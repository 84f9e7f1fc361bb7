"""Windows scored by a classifier in memory, with torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from retort.data.batches import Tokens
from retort.inference.reading import Reader, WindowedModel
from retort.models.classifier import load_tokenizer
from retort.models.first_token import use_first_token
from retort.models.forward import logits


@dataclass(frozen=True)
class TorchScorer:
    """Logits of a classifier in evaluation mode, in fp32 on the device that it is on.

    `columns` are those of its labels that are wanted, in the order wanted; None takes all.
    """

    model: torch.nn.Module
    columns: Sequence[int] | None = None

    def __call__(self, windows: Tokens) -> npt.NDArray[np.float32]:
        found = logits(self.model, windows)
        return found if self.columns is None else found[:, list(self.columns)]


def torch_model(
    model: torch.nn.Module,
    tokenizer_folder: Path,
    max_length: int,
    *,
    columns: Sequence[int] | None = None,
    threads: int | None = None,
    truncate: bool = False,
) -> WindowedModel:
    """Scores whole comments with `model`, or with `truncate` one window of each.

    torch knows one number of `threads` for the whole process.

    Raises ModelError when the tokenizer cannot be loaded.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    model.eval()
    use_first_token(model)
    return WindowedModel(
        Reader(load_tokenizer(tokenizer_folder), max_length, truncate=truncate), TorchScorer(model, columns)
    )
