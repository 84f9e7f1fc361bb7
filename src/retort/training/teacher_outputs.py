"""The outputs of the frozen teacher for every training comment, computed once and kept for all students."""

import contextlib
import math
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
from retort.models.features import Feature, captured
from retort.models.forward import BATCH_SIZE, batch_outputs, logits

# Features may take this share of the free disk; beyond it the teacher runs along with the student.
_SHARE_OF_DISK = 0.5


@dataclass(frozen=True)
class TeacherOutputs:
    """The teacher's logits, (n, n_attributes), and the features that students are matched with.

    `cached` is memory-mapped, (all tokens, len(features), width) in half precision, comment after comment as in
    `tokens`. Where it would not fit on the disk it is None, and `live` computes those of a batch; the teacher stays in
    memory only then.
    """

    tokens: Tokens
    logits: npt.NDArray[np.float32]
    features: tuple[Feature, ...]
    cached: npt.NDArray[np.float16] | None
    live: Callable[[Tensor, Tensor], list[Tensor]] | None
    heads: int

    def of(self, rows: Integers, features: Sequence[Feature], input_ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """One (batch, tokens, width) for each of `features`, of the given rows, padded with zeros."""
        if not features:
            return ()
        columns = [self.features.index(feature) for feature in features]
        if self.cached is None:
            assert self.live is not None, "features were asked for"
            computed = self.live(input_ids, mask)
            return tuple(computed[column] for column in columns)
        padded = np.zeros((len(rows), len(columns), input_ids.shape[1], self.cached.shape[2]), np.float16)
        for line, row in enumerate(rows):
            begin, end = self.tokens.starts[row], self.tokens.starts[row + 1]
            padded[line, :, : end - begin] = self.cached[begin:end, columns].swapaxes(0, 1)
        return torch.from_numpy(padded).to(input_ids.device).unbind(dim=1)


def teacher_outputs(
    teacher: BertForSequenceClassification,
    tokens: Tokens,
    features: Sequence[Feature],
    cache: Path | None,
    autocast: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
) -> TeacherOutputs:
    """Runs the frozen teacher over `tokens` once.

    The features go to the file `cache`; without any only logits are computed. Without `cache`, or where it would take
    too much of the disk, the teacher computes the features of each batch when they are asked for. `autocast` sets the
    precision that the teacher computes in, as `Accelerator.autocast` does; without it fp32.
    """
    wanted = tuple(sorted(set(features)))

    def live(input_ids: Tensor, mask: Tensor) -> list[Tensor]:
        # no_grad, not inference_mode: the student's loss saves these for its backward pass.
        with torch.no_grad(), autocast(), captured(teacher, wanted) as features_of:
            return features_of(teacher(input_ids=input_ids, attention_mask=mask, output_hidden_states=True))

    heads, width = teacher.config.num_attention_heads, teacher.config.hidden_size
    shape = (len(tokens.ids), len(wanted), width)
    if not wanted or cache is None or not _fits(shape, cache.parent):
        with autocast():
            return TeacherOutputs(tokens, logits(teacher, tokens), wanted, None, live if wanted else None, heads)
    cached = np.lib.format.open_memmap(cache, "w+", np.float16, shape)
    with autocast():
        computed = _compute(teacher, tokens, wanted, cached)
    cached.flush()
    return TeacherOutputs(tokens, computed, wanted, cached, None, heads)


def _fits(shape: tuple[int, ...], folder: Path) -> bool:
    return math.prod(shape) * np.dtype(np.float16).itemsize <= _SHARE_OF_DISK * shutil.disk_usage(folder).free


def _compute(
    teacher: BertForSequenceClassification,
    tokens: Tokens,
    features: tuple[Feature, ...],
    cached: npt.NDArray[np.float16],
) -> npt.NDArray[np.float32]:
    """Fills `cached` with the features and returns the logits, (n, n_attributes)."""
    found = np.empty((len(tokens), teacher.classifier.out_features), np.float32)
    with captured(teacher, features) as features_of:
        for rows, output in batch_outputs(teacher, tokens, BATCH_SIZE, hidden_states=True):
            found[rows] = output.logits.float().cpu().numpy()
            states = torch.stack(features_of(output), dim=2).to(torch.float16)
            for line, row in enumerate(rows):
                begin, end = tokens.starts[row], tokens.starts[row + 1]
                cached[begin:end] = states[line, : end - begin].cpu().numpy()
    return found
