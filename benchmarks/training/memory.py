"""The memory that training adds at its peak, at bert-base's size: full fine-tuning, LoRA, and a 6-layer student.

Every arm trains a few steps of 16 comments of 128 tokens, alone in a fresh process, where the kernel reports the peak;
then all of them train one after the other in one process, forwards and backwards, where `PeakMemory` has to find the
same. The student learns from the outputs of its teacher, which are computed before; loading and copying the model that
an arm starts from is part of the arm, saving it is not.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.processes import ROOT, peak_bytes
from benchmarks.shared.results import Row, Side
from retort.bench.peak_memory import PeakMemory
from retort.config import LoraSettings, TrainingSettings
from retort.data.batches import Tokens
from retort.errors import RunError
from retort.models.adapters import with_adapter
from retort.models.bases import resolve_base
from retort.models.classifier import classifier_from_base, count_parameters, load_classifier
from retort.models.layers import student_from_teacher
from retort.training.engine import make_accelerator
from retort.training.gradient import TeacherSide, TrainingSet
from retort.training.history import ValidationSet
from retort.training.loop import fit
from retort.training.objective import Objective, distillation_settings, labels_alone
from retort.training.teacher_outputs import TeacherOutputs, teacher_outputs

ARMS = ("full fine-tuning", "LoRA on query and value", "LoRA on all linear layers", "student of half the layers")
FULL, LORA, LORA_ALL, STUDENT = ARMS
_MODULES = {LORA: ("query", "value"), LORA_ALL: ("query", "key", "value", "dense")}
# How much an arm's figure may change with what ran before it in the process.
ORDER_GOAL = 1.05
_BATCH = 16
# 4 bytes a weight.
_FP32 = 4


def main() -> int:
    sizes = {"rounds": (3, 1, "fresh processes of each arm"), "steps": (4, 2, "of the optimiser")}
    options = models.parser(__doc__, **sizes)
    options.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of training [auto]")
    options.add_argument("--arms", nargs="+", choices=ARMS, help=argparse.SUPPRESS)
    given = script.parsed(options)
    if given.arms:
        with models.prepared(given) as made:
            print(json.dumps(measured(made, given.arms, given.steps, given.precision)))
        return 0
    with models.prepared(given) as made:
        made.base(), made.teacher()
        given.folder = made.folder
        alone = processes.alternated({arm: one_alone(given, arm) for arm in ARMS}, given.rounds)
        together = [in_a_process(given, order) for order in (ARMS, ARMS[::-1])]
        notes = [f"{made.described()}; batch {_BATCH} of {models.MAX_LENGTH} tokens, {given.steps} steps"]
    rows = result_rows(alone, together)
    notes.append(f"precision {together[0]['precision']}; {together[0]['words']:,} word embeddings occur")
    return script.finish(given, rows, notes=notes, figures={"alone_bytes": alone, "together": together})


def result_rows(alone: Mapping[str, Sequence[float]], together: Sequence[Mapping[str, Any]]) -> list[Row]:
    """LoRA relative to full fine-tuning, the largest effect of the order, then every arm."""
    sides = {arm: Side(arm, tuple(one / 1e6 for one in alone[arm]), "MB") for arm in ARMS}
    what = "peak memory that training adds, LoRA / full fine-tuning"
    rows = [results.at_most(what, sides[LORA].median / sides[FULL].median, 1.0, "x")]
    found = {arm: [run["arms"][arm]["added"] / 1e6 for run in together] for arm in ARMS}
    ratios = [one / sides[arm].median for arm in ARMS for one in found[arm]]
    worst = max(max(ratio, 1 / ratio) for ratio in ratios)
    rows.append(results.at_most("largest change of an arm's figure by what ran before it", worst, ORDER_GOAL, "x"))
    for arm in ARMS:
        weights = together[0]["arms"][arm]["weights"] / 1e6
        rows.append(results.figure(f"  {arm}", sides[arm].median, "MB"))
        rows.append(results.figure("    without its weights", sides[arm].median - weights, "MB"))
        rows.append(results.figure("    in one process, in either order", " and ".join(map(_megabytes, found[arm]))))
    return rows


def _megabytes(value: float) -> str:
    return results.quantity(value, "MB")


def one_alone(given: argparse.Namespace, arm: str) -> Callable[[], float]:
    """Trains the arm in a fresh process; what it added by the kernel's count, in bytes."""
    return lambda: float(in_a_process(given, [arm])["arms"][arm]["kernel"])


def in_a_process(given: argparse.Namespace, arms: Sequence[str]) -> dict[str, Any]:
    """`measured` in a fresh process."""
    command = [
        sys.executable, "-m", "benchmarks.training.memory", "--folder", str(given.folder), "--seed", str(given.seed),
        "--steps", str(given.steps), "--precision", given.precision, *(["--quick"] if given.quick else []),
        "--arms", *arms,
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise RunError(f"{', '.join(arms)}: training ended with {ended.returncode}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def measured(made: models.Models, arms: Sequence[str], steps: int, precision: Any) -> dict[str, Any]:
    """Trains the arms one after the other: what each added, by `PeakMemory` and by the kernel, and its weights.

    The kernel's figure is of use only for the first.
    """
    training = _Training(made, steps, precision)
    outputs = training.outputs() if STUDENT in arms else None
    found = {}
    for arm in arms:
        with PeakMemory(str(training.accelerator.device)) as memory:
            _forget_peak()
            before = psutil.Process().memory_info().rss
            weights = training.fitted(arm, outputs)
            kernel = peak_bytes() - before
        found[arm] = {"added": memory.bytes, "kernel": kernel, "weights": weights * _FP32}
        script.note(f"{arm}: {memory.bytes / 1e6:,.0f} MB, by the kernel {kernel / 1e6:,.0f} MB")
    words = len(np.unique(training.tokens.ids))
    return {"arms": found, "precision": str(training.accelerator.mixed_precision), "words": words}


class _Training:
    """What the arms share: comments of random tokens with random labels, and the engine."""

    def __init__(self, made: models.Models, steps: int, precision: Any) -> None:
        self.accelerator = make_accelerator(precision)
        self._made = made
        self._base = resolve_base(str(made.base()))
        generator = np.random.default_rng(made.seed)
        ids = generator.integers(1000, 20_000, (steps + 1, _BATCH, models.MAX_LENGTH), np.int32).reshape(
            -1, models.MAX_LENGTH
        )
        self.tokens = Tokens.joined(list(ids[:-_BATCH]), 0)
        self._unseen = Tokens.joined(list(ids[-_BATCH:]), 0)
        self._labels = (np.arange(len(ids)) % 2).astype(np.float32)[:, None]

    def outputs(self) -> TeacherOutputs:
        """Of the teacher, with all that the student's terms compare."""
        teacher = load_classifier(self._made.teacher())
        layers = teacher.config.num_hidden_layers
        indices = tuple(range(0, layers, 2))
        pairs = _distilled().pairs(len(indices), indices, layers)
        cache = self._made.folder / "teacher-features.npy"
        teacher.to(self.accelerator.device)
        return teacher_outputs(teacher, self.tokens, [one for _, one in pairs], cache, self.accelerator.autocast)

    def fitted(self, arm: str, outputs: TeacherOutputs | None) -> int:
        """Makes and trains one arm; the number of its weights."""
        model, objective, teacher = self._model(arm), Objective.of(labels_alone()), None
        if arm == STUDENT:
            assert outputs is not None
            objective, layers = _distilled(), self._made.size.layers
            indices = tuple(range(0, layers, 2))
            teacher = TeacherSide.of(outputs, objective, len(indices), indices, layers)
        targets = self._labels[:-_BATCH]
        fit(
            model, arm, objective, TrainingSet(self.tokens, targets, targets),
            ValidationSet(self._unseen, self._labels[-_BATCH:], 0.5), TrainingSettings(epochs=1, batch_size=_BATCH),
            self.accelerator, seed=self._made.seed, teacher=teacher,
        )  # fmt: skip
        return count_parameters(model)["total"]

    def _model(self, arm: str) -> Any:
        if arm == STUDENT:
            teacher = load_classifier(self._made.teacher())
            return student_from_teacher(teacher, range(0, teacher.config.num_hidden_layers, 2))
        whole = classifier_from_base(self._base, (comments.LABEL,), self._made.seed, [0.5])
        if arm == FULL:
            return whole
        copied = student_from_teacher(whole, range(whole.config.num_hidden_layers))
        settings = LoraSettings(target_modules=_MODULES[arm])
        return with_adapter(copied, settings, "base", self._made.seed, self._made.folder)


def _distilled() -> Objective:
    return Objective.of(distillation_settings()())


def _forget_peak() -> None:
    """Sets the kernel's peak of this process back to what is resident now, where that is allowed (see proc(5))."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    script.run(main)
