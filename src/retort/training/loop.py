"""One `fit` for the teacher, the students and LoRA: they differ in their objective alone.

Written on Accelerate, so that bf16, GPUs and several processes come from there. Every call makes a fresh
optimiser and schedule: nothing of one arm's training reaches the next.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import get_linear_schedule_with_warmup

from retort.config import TrainingSettings
from retort.data.batches import Integers, Tokens, training_batches
from retort.errors import RunError
from retort.evaluation.metrics import measure
from retort.models.attention import attention_for_training
from retort.models.dropout import quicken_dropout
from retort.models.first_token import first_token_only
from retort.models.forward import logits
from retort.models.probability import sigmoid
from retort.training.checkpoints import KeptEpoch
from retort.training.objectives import TERMS, Batch, Objective, hard_target_loss
from retort.training.seen_words import only_seen_words
from retort.training.teacher_outputs import TeacherOutputs

# Measured beside the terms, and no part of the loss: cross-entropy against labels where targets are fractions.
_LABELS = "labels"
EPOCH_METRICS = ("accuracy", "f1", "average_precision", "roc_auc")
OptimizerFactory = Callable[[torch.nn.Module, TrainingSettings], torch.optim.Optimizer]


@dataclass(frozen=True)
class TrainingSet:
    """The comments to learn from. targets: (n, n_attributes), NaN where unrated or unlabelled.

    labels: of the same shape, given when the targets are not the 0/1 labels: the train loss is then also
    measured against them, because that is the quantity that validation loss is.
    """

    tokens: Tokens
    targets: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class ValidationSet:
    """The comments that epochs are chosen on. labels: (n, n_attributes), 0/1 or NaN; primary first."""

    tokens: Tokens
    labels: npt.NDArray[np.float32]
    decision_threshold: float


@dataclass(frozen=True)
class TeacherSignal:
    """The teacher's outputs with the entries of its `hidden_states` that this student's layers resemble."""

    outputs: TeacherOutputs
    entries: tuple[int, ...]


class Progress(Protocol):
    """Told of every step and epoch; draws them, or does not."""

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None: ...

    def epoch(self, row: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Fitted:
    """The history (one dict per epoch, as history.jsonl), the epoch kept, and the time it took."""

    history: list[dict[str, Any]]
    best_epoch: int
    seconds: float


def adamw(model: torch.nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW over what can learn; biases and layer norms do not decay (Devlin et al. 2019's recipe)."""
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
    teacher: TeacherSignal | None = None,
    progress: Progress | None = None,
    make_optimizer: OptimizerFactory = adamw,
) -> Fitted:
    """Trains `model` in place and leaves it holding the epoch that `settings.keep` asks for.

    Raises RunError, naming arm, epoch, step and term, as soon as a loss is not finite.
    """
    began = time.perf_counter()
    set_seed(seed)
    quicken_dropout(model)
    with only_seen_words(model, train.tokens):
        prepared, optimizer = accelerator.prepare(model, make_optimizer(model, settings))
        steps = math.ceil(len(train.tokens) / settings.batch_size)
        total = steps * settings.epochs
        schedule = get_linear_schedule_with_warmup(optimizer.optimizer, round(settings.warmup * total), total)
        kept = KeptEpoch(settings.keep)
        history = []
        for epoch in range(1, settings.epochs + 1):
            epoch_began = time.perf_counter()
            sums, counts = dict.fromkeys((*TERMS, _LABELS), 0.0), dict.fromkeys((*TERMS, _LABELS), 0)
            prepared.train()
            batches = training_batches(train.tokens.lengths, settings.batch_size, seed, epoch)
            with attention_for_training(model, accelerator.device), _last_layer_as_needed(model, objective):
                for step, rows in enumerate(batches, 1):
                    step_sums, step_counts = _gradient(
                        prepared, objective, train, rows, settings.accumulation_steps, teacher, accelerator
                    )
                    _require_finite(step_sums, arm, epoch, step)
                    accelerator.clip_grad_norm_(prepared.parameters(), settings.max_gradient_norm)
                    optimizer.step()
                    schedule.step()
                    optimizer.zero_grad(set_to_none=True)
                    for term, value in step_sums.items():
                        sums[term] += value
                        counts[term] += step_counts[term]
                    if progress and accelerator.is_main_process:
                        loss = sum(objective.weight(t) * step_sums.get(t, 0.0) / max(1, step_counts[t]) for t in TERMS)
                        progress.step(arm, epoch, settings.epochs, step, steps, loss)
            row = _epoch_row(epoch, objective, sums, counts, prepared, validation)
            row["seconds"] = round(time.perf_counter() - epoch_began, 3)
            history.append(row)
            kept.offer(model, epoch, row["validation"]["average_precision"], row["validation_loss"])
            _track(accelerator, arm, row)
            if progress and accelerator.is_main_process:
                progress.epoch(row)
        accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
        accelerator.free_memory()
        kept.restore(model)
    model.eval()
    return Fitted(history, kept.epoch, time.perf_counter() - began)


def _last_layer_as_needed(model: torch.nn.Module, objective: Objective) -> contextlib.AbstractContextManager[None]:
    """All tokens of the last layer where they are compared with the teacher's, the first alone where not."""
    return contextlib.nullcontext() if objective.uses_hidden_states else first_token_only(model)


def _gradient(
    model: torch.nn.Module,
    objective: Objective,
    train: TrainingSet,
    rows: Integers,
    parts: int,
    teacher: TeacherSignal | None,
    accelerator: Accelerator,
) -> tuple[dict[str, float], dict[str, int]]:
    """Adds one batch's gradient, computed in `parts` and on every process; returns sums and counts by term."""
    labelled = int((~np.isnan(train.targets[rows])).any(axis=1).sum())
    counts = dict.fromkeys(TERMS, len(rows)) | {"hard": labelled, _LABELS: labelled}
    processes = accelerator.num_processes
    mine = rows[accelerator.process_index :: processes]
    pieces = [piece for piece in np.array_split(mine, parts) if len(piece)]
    # A process without a row still has to take part in the exchange of gradients.
    idle = not pieces
    pieces = pieces or [rows[:1]]
    sums: dict[str, float] = {}
    for number, piece in enumerate(pieces, 1):
        last = number == len(pieces)
        with contextlib.nullcontext() if last else accelerator.no_sync(model):
            batch = _batch(train, piece, teacher, objective, accelerator.device)
            output = model(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                output_hidden_states=objective.uses_hidden_states,
            )
            terms = objective.terms(output.logits.float(), output.hidden_states, batch)
            # Processes' gradients are averaged, ours are to be summed.
            loss = sum(objective.weight(t) * s / max(1, counts[t]) for t, s in terms.items()) * processes
            accelerator.backward(loss * 0.0 if idle else loss)
        if train.labels is not None and "hard" in terms:
            labels = torch.from_numpy(train.labels[piece]).to(accelerator.device)
            terms[_LABELS] = hard_target_loss(output.logits.detach().float(), labels)
        for term, value in terms.items():
            sums[term] = sums.get(term, 0.0) + (0.0 if idle else float(value.detach()))
    if processes > 1:
        sums = {t: float(accelerator.reduce(torch.tensor(v, device=accelerator.device))) for t, v in sums.items()}
    return sums, counts


def _batch(
    train: TrainingSet,
    rows: Integers,
    teacher: TeacherSignal | None,
    objective: Objective,
    device: torch.device,
) -> Batch:
    input_ids, mask = (torch.from_numpy(array).to(device) for array in train.tokens.padded(rows))
    batch = Batch(input_ids, mask, torch.from_numpy(train.targets[rows]).to(device))
    if teacher is None:
        return batch
    return dataclasses.replace(
        batch,
        teacher_logits=torch.from_numpy(teacher.outputs.logits[rows]).to(device),
        teacher_hidden=(
            teacher.outputs.hidden_states(rows, teacher.entries, input_ids, mask)
            if objective.uses_hidden_states
            else None
        ),
    )


def _require_finite(sums: dict[str, float], arm: str, epoch: int, step: int) -> None:
    for term, value in sums.items():
        if not math.isfinite(value):
            raise RunError(
                f"arm {arm}: epoch {epoch}, step {step}: the {term} term is {value}; "
                "lower its learning rate or set precision=fp32"
            )


def _epoch_row(
    epoch: int,
    objective: Objective,
    sums: dict[str, float],
    counts: dict[str, int],
    model: torch.nn.Module,
    validation: ValidationSet,
) -> dict[str, Any]:
    means = {term: sums[term] / counts[term] if counts[term] else None for term in TERMS}
    weighted = [objective.weight(term) * mean for term, mean in means.items() if mean is not None]
    if counts[_LABELS]:
        means = {**means, "hard": sums[_LABELS] / counts[_LABELS], "fractions": means["hard"]}
    said = logits(model, validation.tokens)
    primary = validation.labels[:, 0]
    rated = ~np.isnan(primary)
    found = measure(primary[rated], sigmoid(said[rated, 0]), validation.decision_threshold)
    return {
        "epoch": epoch,
        "train_loss": {"total": sum(weighted), **means},
        "validation_loss": cross_entropy(said, validation.labels),
        "validation": {name: found[name] for name in EPOCH_METRICS},
    }


def cross_entropy(said: npt.NDArray[np.float32], labels: npt.NDArray[np.float32]) -> float:
    """Mean binary cross-entropy of logits over the rated labels, both (n, n_attributes): the validation
    loss of every arm, whatever it was trained on, so that arms compare."""
    wide = said.astype(np.float64)
    each = np.logaddexp(0, wide) - wide * np.nan_to_num(labels)
    return float(each[~np.isnan(labels)].mean())


def _track(accelerator: Accelerator, arm: str, row: dict[str, Any]) -> None:
    values = {f"{arm}/train_loss/{k}": v for k, v in row["train_loss"].items() if v is not None}
    values |= {f"{arm}/validation/{k}": v for k, v in row["validation"].items() if v is not None}
    accelerator.log(values | {f"{arm}/validation/loss": row["validation_loss"]}, step=row["epoch"])
