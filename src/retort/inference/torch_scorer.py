"""Windows scored by a classifier in torch."""

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
from retort.text import VERSION

FORMAT = "torch"


@dataclass(frozen=True)
class TorchScorer:
    """Logits of a classifier, (n windows, n attributes), in fp32 on the device that it is on.

    Safe to call from several threads; an accelerator computes one call after the other.
    """

    model: torch.nn.Module

    def __call__(self, windows: Tokens) -> npt.NDArray[np.float32]:
        return logits(self.model, windows)


def torch_model(
    model: torch.nn.Module,
    tokenizer_folder: Path,
    max_length: int,
    *,
    threads: int | None = None,
    truncate: bool = False,
    device: torch.device | None = None,
    version: int = VERSION,
) -> WindowedModel:
    """Scores whole comments with `model`, which is permanently restricted to the first token in its last layer.

    threads: set for the whole process, as torch has one number of threads. truncate: read one window per comment.
    device: where the model is moved; without one it stays where it is. version: of normalising. Raises ModelError when
    the tokenizer cannot be loaded.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    if device is not None:
        model.to(device)
    model.eval()
    use_first_token(model)
    reader = Reader(load_tokenizer(tokenizer_folder), max_length, truncate=truncate, version=version)
    return WindowedModel(reader, TorchScorer(model))
