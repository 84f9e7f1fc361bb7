"""How near training comes to the machine's own bf16 matrix rate: retort's loop on a model of bert-base's size.

Useful work is three forward passes' FLOP (forward, and twice that backward) of real tokens; what is spent on padding
counts as nothing, nor does what retort leaves out: of the last layer, all but the first token's part. Frozen word
embeddings save no matrix product, so three is right for the teacher. An epoch's time runs from its first batch to its
last optimiser step, all in between included; validation is not training and is left out. The first epoch warms up:
kernels are compiled for every new shape. After every further epoch the matrix rate is measured again, so that the
two take turns.

The settings are those of the preset `civil-comments`, with a maximum length of 128.

Example: python benchmarks/train_flops.py
"""

import argparse
import time
from typing import Any

import numpy as np
import serving
import side_comments
import side_models
import side_script
import sides

GOAL = 0.5
_QUICK = 48
_VALIDATION = 16


class Stopwatch:
    """Times epochs from their first batch to their last step, and measures the matrix rate after each of them."""

    def __init__(self, ceiling: Any) -> None:
        self._ceiling = ceiling
        self._last = self._began = time.perf_counter()
        self.seconds: list[float] = []
        self.ceilings: list[float] = []

    def step(self, arm: str, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:  # noqa: ARG002
        """A step is done."""
        self._last = time.perf_counter()
        if step in (1, steps) or step % 8 == 0:
            serving.note(f"epoch {epoch} of {epochs}, step {step} of {steps}")

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch is done and validated."""
        self.seconds.append(self._last - self._began)
        if row["epoch"] > 1:
            self.ceilings.append(self._ceiling())
        self._began = time.perf_counter()


def main() -> int:
    options = side_script.parser(__doc__ or "", "48 comments, a tiny model", rounds=3)
    options.add_argument("--comments", type=side_script.positive, default=512, metavar="N", help="of an epoch [512]")
    options.add_argument("--batch-size", type=side_script.positive, metavar="N", help="[that of the preset, 32]")
    given = options.parse_args()
    count = _QUICK if given.quick else given.comments
    with side_script.workshop(given) as folder, sides.watched() as others:
        watch, facts = measured(given, side_models.models(given, folder), count)
    ours = sides.Side("training", tuple(facts["useful"] / s / 1e9 for s in watch.seconds[1:]), "GFLOP/s")
    ceiling = sides.Side(
        f"{facts['precision']} matrices ({facts['engine']})", tuple(rate / 1e9 for rate in watch.ceilings), "GFLOP/s"
    )
    rows = [
        sides.share_of_the_rate("training, teacher: useful FLOP / matrix rate", ours, ceiling, GOAL),
        sides.figure("  comments per second", count / serving.middle(watch.seconds[1:])),
        sides.figure("  tokens computed / real tokens", facts["padding"]),
        sides.figure("  training loss, first and last epoch", f"{facts['losses'][0]:.4f}, {facts['losses'][-1]:.4f}"),
        sides.bystanders(others.share),
    ]
    notes = [f"{facts['shape']}, {facts['layers']} layers, random weights; batch {facts['batch_size']}"]
    notes.append(f"{facts['tokens']:,} tokens an epoch, {facts['tokens'] / count:.0f} a comment")
    data = f"{side_comments.source().origin}: {count:,}"
    figures = facts | {"epoch_seconds": watch.seconds, "ceilings": watch.ceilings}
    return sides.tell(given, rows, data=data, notes=notes, figures=figures)


def measured(given: argparse.Namespace, models: side_models.Models, count: int) -> tuple[Stopwatch, dict[str, Any]]:
    """Trains a teacher for a warm-up epoch and `--rounds` more."""
    from retort.bench.ceilings import measure_ceilings
    from retort.bench.flops import forward_flops
    from retort.config import DistillationSettings, resolve
    from retort.data.batches import encode
    from retort.models.bases import resolve_base
    from retort.models.classifier import classifier_from_base, load_tokenizer, set_dropout
    from retort.training.engine import make_accelerator
    from retort.training.loop import TrainingSet, ValidationSet, fit
    from retort.training.objectives import Objective

    base = resolve_base(str(models.base()))
    changes: dict[str, Any] = {"epochs": given.rounds + 1} | (
        {"batch_size": given.batch_size} if given.batch_size else {}
    )
    training = resolve("civil-comments", overrides={"teacher": changes}).teacher
    model = classifier_from_base(base, (side_comments.PRIMARY,), given.seed, [0.1])
    if training.dropout is not None:
        set_dropout(model, training.dropout)
    model.bert.embeddings.word_embeddings.requires_grad_(not training.freeze_word_embeddings)
    texts = side_comments.drawn_texts(count + _VALIDATION, given.seed)
    tokenizer = load_tokenizer(base.folder)
    tokens, unseen = (encode(some, tokenizer, side_models.MAX_LENGTH) for some in (texts[:count], texts[count:]))
    generator = np.random.default_rng(given.seed)
    targets = generator.integers(0, 2, (count, 1)).astype(np.float32)
    labels = (np.arange(_VALIDATION) % 2).astype(np.float32)[:, None]
    accelerator = make_accelerator("auto")
    precision = "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    engines = []

    def ceiling() -> float:
        rate = measure_ceilings(seconds=0.2 if given.quick else 4.0)[precision]
        engines.append(rate.engine)
        return rate.flop_per_second

    watch = Stopwatch(ceiling)
    fitted = fit(
        model,
        "teacher",
        Objective(DistillationSettings(hard=1, soft=0, hidden=0)),
        TrainingSet(tokens, targets),
        ValidationSet(unseen, labels, 0.5),
        training,
        accelerator,
        seed=given.seed,
        progress=watch,
    )
    return watch, {
        "useful": 3 * forward_flops(model.config, tokens.lengths, first_token=True),
        "precision": precision,
        "engine": engines[-1],
        "padding": _padding(tokens.lengths, training.batch_size, given.seed),
        "tokens": int(tokens.lengths.sum()),
        "losses": [row["train_loss"]["total"] for row in fitted.history],
        "batch_size": training.batch_size,
        "shape": models.shape.name,
        "layers": models.shape.layers,
    }


def _padding(lengths: Any, batch_size: int, seed: int) -> float:
    """How many tokens an epoch computes for each real one."""
    from retort.data.batches import padded_length, training_batches

    batches = training_batches(lengths, batch_size, seed, 1)
    return float(sum(padded_length(int(lengths[rows].max())) * len(rows) for rows in batches) / lengths.sum())


if __name__ == "__main__":
    side_script.ended(main)
