"""Useful FLOP of retort's training loop, relative to the machine's bf16 matrix rate, for a model of bert-base's size.

Useful work is three forward passes (one forward, twice that backward) over real tokens, without padding and without
what retort skips of the last layer. Frozen word embeddings save no matrix product. An epoch's time is without
validation. The first epoch is a warm-up, in which kernels are compiled for every new shape. Settings are those of the
preset `civil-comments`, with a maximum length of 128.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Side
from retort.bench.flops import forward_flops
from retort.config import TrainingSettings
from retort.data.batches import encode, padded_length, training_batches
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, load_tokenizer, set_dropout
from retort.recipes.experiment import resolve
from retort.training.engine import make_accelerator
from retort.training.gradient import TrainingSet
from retort.training.history import ValidationSet
from retort.training.loop import fit
from retort.training.objective import Objective, labels_alone

GOAL = 0.5
_VALIDATION = 16


class Stopwatch:
    """Progress of `fit`: times epochs from first batch to last step, and measures the matrix rate after each."""

    def __init__(self, ceiling: Callable[[], float]) -> None:
        self._ceiling = ceiling
        self._last = self._began = time.perf_counter()
        self.seconds: list[float] = []
        self.ceilings: list[float] = []

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:  # noqa: ARG002
        """After every optimiser step."""
        self._last = time.perf_counter()
        if step in (1, steps) or step % 8 == 0:
            script.note(f"epoch {epoch} of {epochs}, step {step} of {steps}")

    def epoch(self, row: dict[str, Any]) -> None:
        """After every validated epoch."""
        self.seconds.append(self._last - self._began)
        if row["epoch"] > 1:
            self.ceilings.append(self._ceiling())
        self._began = time.perf_counter()


def main() -> int:
    sizes = {"rounds": (3, 3, "epochs after the first"), "comments": (512, 48, "of an epoch")}
    given = script.parsed(models.parser(__doc__, **sizes))
    count = given.comments
    settings = resolve("civil-comments", overrides={"teacher": {"epochs": given.rounds + 1}}).teacher
    accelerator = make_accelerator("auto")
    precision = "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    ceiling = models.Ceiling(precision, 0.2 if given.quick else 4.0)
    watch = Stopwatch(ceiling)
    with models.prepared(given) as made, processes.other_load() as load:
        tokenizer = load_tokenizer(made.base())
        texts = comments.drawn_texts(count + _VALIDATION, given.seed)
        tokens, unseen = (encode(some, tokenizer, models.MAX_LENGTH) for some in (texts[:count], texts[count:]))
        model = teacher_of(made, settings, given.seed)
        targets = np.random.default_rng(given.seed).integers(0, 2, (count, 1)).astype(np.float32)
        training = TrainingSet(tokens, targets, targets)
        validation = ValidationSet(unseen, (np.arange(len(unseen)) % 2).astype(np.float32)[:, None], 0.5)
        fitted = fit(
            model, "teacher", Objective.of(labels_alone()), training, validation, settings, accelerator,
            seed=given.seed, progress=watch,
        )  # fmt: skip
    losses = [row["train_loss"]["total"] for row in fitted.history]
    useful = 3 * forward_flops(model.config, tokens.lengths, first_token=True)
    ours = Side("training", tuple(useful / seconds / 1e9 for seconds in watch.seconds[1:]), "GFLOP/s")
    matrices = ceiling.side(watch.ceilings, "GFLOP/s")
    rows = [
        results.share_of_the_rate("training, teacher: useful FLOP / matrix rate", ours, matrices, GOAL),
        results.figure("  comments per second", count / results.median(watch.seconds[1:])),
        results.figure("  tokens computed / real tokens", padding(tokens.lengths, settings.batch_size, given.seed)),
        results.figure("  training loss, first and last epoch", f"{losses[0]:.4f}, {losses[-1]:.4f}"),
        processes.load_row(load.share),
    ]
    total = int(tokens.lengths.sum())
    notes = [f"{made.described()}; batch {settings.batch_size}"]
    notes.append(f"{total:,} tokens an epoch, {total / count:.0f} a comment")
    figures = {"useful": useful, "epoch_seconds": watch.seconds, "ceilings": watch.ceilings, "losses": losses}
    return script.finish(given, rows, data=comments.source().described(count), notes=notes, figures=figures)


def teacher_of(made: models.Models, settings: TrainingSettings, seed: int) -> Any:
    """A classifier with random weights, prepared as `retort compare` does."""
    model = classifier_from_base(resolve_base(str(made.base())), (comments.LABEL,), seed, [0.1])
    if settings.dropout is not None:
        set_dropout(model, settings.dropout)
    model.bert.embeddings.word_embeddings.requires_grad_(not settings.freeze_word_embeddings)
    return model


def padding(lengths: Any, batch_size: int, seed: int) -> float:
    """Tokens computed in an epoch per real token."""
    batches = training_batches(lengths, batch_size, seed, 1)
    return float(sum(padded_length(int(lengths[rows].max())) * len(rows) for rows in batches) / lengths.sum())


if __name__ == "__main__":
    script.run(main)
