"""One `fit` for the teacher, the students and LoRA: they differ only in their objective.

Written on Accelerate, so that bf16, GPUs and several processes come from there. Every call makes a fresh
optimiser and schedule: nothing of one arm's training reaches the next.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import get_linear_schedule_with_warmup

from retort.config import TrainingSettings
from retort.data.batches import training_batches
from retort.models.attention import attention_for_training
from retort.models.bert import bert_within
from retort.models.dropout import quicken_dropout
from retort.models.first_token import first_token_only
from retort.training.checkpoints import KeptEpoch
from retort.training.gradient import GradientComputer, TeacherSide, TrainingSet
from retort.training.history import TrainLosses, ValidationSet, epoch_row
from retort.training.objective import Objective
from retort.training.seen_words import only_seen_words

OptimizerFactory = Callable[[torch.nn.Module, TrainingSettings], torch.optim.Optimizer]
# Called after each epoch, in every process, with its row of the history and the number of the epoch kept so far.
AfterEpoch = Callable[[dict[str, Any], int], None]


class TrainingProgress(Protocol):
    """Callbacks per step and epoch."""

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None: ...

    def epoch(self, row: dict[str, Any]) -> None: ...


class NoProgress:
    """Shows nothing."""

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Fitted:
    """The history (one dict per epoch, as history.jsonl), the epoch kept, and the seconds it took."""

    history: list[dict[str, Any]]
    best_epoch: int
    seconds: float


def adamw(model: torch.nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW over the trainable weights; biases and layer norms do not decay (Devlin et al. 2019, arXiv:1810.04805)."""
    learning = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.learning_rate, fused=True)


def fit(
    model: torch.nn.Module,
    arm: str,
    objective: Objective,
    train: TrainingSet,
    validation: ValidationSet,
    settings: TrainingSettings,
    accelerator: Accelerator,
    *,
    seed: int,
    teacher: TeacherSide | None = None,
    progress: TrainingProgress | None = None,
    make_optimizer: OptimizerFactory = adamw,
    after_epoch: AfterEpoch | None = None,
) -> Fitted:
    """Trains `model` in place and leaves it with the weights of the epoch that `settings.keep` chooses.

    `teacher` is needed when the objective uses one. An exception from `after_epoch` ends the training; the model is
    then of no use. Raises RunError, naming arm, epoch, step and term, as soon as a loss is not finite.
    """
    began = time.perf_counter()
    set_seed(seed)
    quicken_dropout(model)
    shown: TrainingProgress = progress if progress and accelerator.is_main_process else NoProgress()
    with (
        only_seen_words(model, train.tokens),
        _prepared(accelerator, model, make_optimizer(model, settings)) as (prepared, optimizer),
    ):
        steps = math.ceil(len(train.tokens) / settings.batch_size)
        total = steps * settings.epochs
        schedule = get_linear_schedule_with_warmup(optimizer.optimizer, round(settings.warmup * total), total)
        gradient = GradientComputer(prepared, objective, train, teacher, accelerator, _heads(model))
        kept = KeptEpoch(settings.keep)
        history = []
        for epoch in range(1, settings.epochs + 1):
            epoch_began = time.perf_counter()
            losses = TrainLosses(objective)
            prepared.train()
            with attention_for_training(model, accelerator.device), _last_layer_as_needed(model, gradient):
                for step, rows in enumerate(
                    training_batches(train.tokens.lengths, settings.batch_size, seed, epoch), 1
                ):
                    computed = gradient.add(rows, settings.accumulation_steps)
                    loss = losses.add(computed, arm, epoch, step)
                    accelerator.clip_grad_norm_(prepared.parameters(), settings.max_gradient_norm)
                    optimizer.step()
                    schedule.step()
                    optimizer.zero_grad(set_to_none=True)
                    shown.step(arm, epoch, settings.epochs, step, steps, loss)
            row = epoch_row(arm, epoch, losses, prepared, validation)
            row["seconds"] = round(time.perf_counter() - epoch_began, 3)
            history.append(row)
            kept.offer(model, epoch, row["validation"]["average_precision"], row["validation_loss"])
            shown.epoch(row)
            if after_epoch is not None:
                after_epoch(row, kept.epoch)
        kept.restore(model)
    model.eval()
    return Fitted(history, kept.epoch, time.perf_counter() - began)


@contextlib.contextmanager
def _prepared(
    accelerator: Accelerator, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[Any, Any]]:
    """Model and optimiser as the engine wraps them; afterwards it holds neither, whatever ended the training."""
    prepared, wrapped = accelerator.prepare(model, optimizer)
    try:
        yield prepared, wrapped
    finally:
        accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
        accelerator.free_memory()


def _heads(model: torch.nn.Module) -> int:
    """The number of attention heads; 0 for a model without attention."""
    bert = bert_within(model)
    return 0 if bert is None else int(bert.config.num_attention_heads)


def _last_layer_as_needed(
    model: torch.nn.Module, gradient: GradientComputer
) -> contextlib.AbstractContextManager[None]:
    """All tokens of the last layer where a term compares them, only the first where none does."""
    return contextlib.nullcontext() if gradient.compares_tokens else first_token_only(model)
