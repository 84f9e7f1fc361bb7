"""What the frozen teacher says of every training comment, computed once and kept for all students."""

import contextlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import BertForSequenceClassification

from retort.data.batches import Integers, Tokens
from retort.models.forward import BATCH_SIZE, batch_outputs, logits

# Hidden states may take this share of the free disk; beyond it the teacher runs beside the student.
_SHARE_OF_DISK = 0.5


@dataclass(frozen=True)
class TeacherOutputs:
    """The teacher's logits, (n, n_attributes), and the hidden states that students are matched with.

    `hidden` is memory-mapped, (all tokens, len(entries), width) in half precision, comment after comment
    as in `tokens`; None when it would not fit on the disk: `live` is then asked for each batch.
    """

    tokens: Tokens
    logits: npt.NDArray[np.float32]
    entries: tuple[int, ...]
    hidden: npt.NDArray[np.float16] | None
    live: Callable[[Tensor, Tensor], tuple[Tensor, ...]]

    def hidden_states(self, rows: Integers, entries: Sequence[int], input_ids: Tensor, mask: Tensor) -> Tensor:
        """(batch, len(entries), tokens, width) for the given rows, padded with zeros."""
        if self.hidden is None:
            states = self.live(input_ids, mask)
            return torch.stack([states[entry] for entry in entries], dim=1)
        columns = [self.entries.index(entry) for entry in entries]
        padded = np.zeros((len(rows), len(columns), input_ids.shape[1], self.hidden.shape[2]), np.float16)
        for line, row in enumerate(rows):
            begin, end = self.tokens.starts[row], self.tokens.starts[row + 1]
            padded[line, :, : end - begin] = self.hidden[begin:end, columns].swapaxes(0, 1)
        return torch.from_numpy(padded).to(input_ids.device)


def teacher_outputs(
    teacher: BertForSequenceClassification,
    tokens: Tokens,
    entries: Sequence[int],
    cache: Path,
    autocast: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
) -> TeacherOutputs:
    """Runs the frozen teacher over `tokens` once. `entries` index its `hidden_states` (0: embeddings).

    The hidden states go to the file `cache`; without entries only logits are computed. `autocast` sets the
    precision that the teacher computes in, as `Accelerator.autocast` does; without it fp32.
    """
    entries = tuple(sorted(set(entries)))

    def live(input_ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        # no_grad, not inference_mode: the student's loss saves these for its backward pass.
        with torch.no_grad(), autocast():
            states: tuple[Tensor, ...] = teacher(
                input_ids=input_ids, attention_mask=mask, output_hidden_states=True
            ).hidden_states
        return states

    width = teacher.config.hidden_size
    bytes_needed = len(tokens.ids) * len(entries) * width * np.dtype(np.float16).itemsize
    if not entries or bytes_needed > _SHARE_OF_DISK * shutil.disk_usage(cache.parent).free:
        with autocast():
            return TeacherOutputs(tokens, logits(teacher, tokens), entries, None, live)
    hidden = np.lib.format.open_memmap(cache, "w+", np.float16, (len(tokens.ids), len(entries), width))
    said = np.empty((len(tokens), teacher.classifier.out_features), np.float32)
    with autocast():
        for rows, output in batch_outputs(teacher, tokens, BATCH_SIZE, hidden_states=True):
            said[rows] = output.logits.float().cpu().numpy()
            states = torch.stack([output.hidden_states[entry] for entry in entries], dim=2).to(torch.float16)
            for line, row in enumerate(rows):
                begin, end = tokens.starts[row], tokens.starts[row + 1]
                hidden[begin:end] = states[line, : end - begin].cpu().numpy()
    hidden.flush()
    return TeacherOutputs(tokens, said, entries, hidden, live)
