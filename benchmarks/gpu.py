"""On a CUDA machine: training against the bf16 matrix rate and against Trainer, scoring against pipeline in fp16.

A teacher of bert-base's size and its odd and even students, random weights, on 200,000 comments (the real ones
repeated, with their lengths), one epoch. One side is retort's own loop in bf16. The other is usual_way.py with bf16
and dynamic padding, the teacher asked at every step. Arm by arm the sides take turns, and the matrix rate is
measured between arms. Scoring is the student over all comments, text to probability: retort's tokeniser and batches
under bf16 against `pipeline` in fp16 with batches of 256.

Useful FLOP: three forward passes of real tokens for what is trained, one for every time that the teacher is asked;
nothing for padding, nor for the part of the teacher's last layer that retort leaves out.
`retort score` runs on the CPU, so that scoring is measured with the parts that it is made of.

This script was never run on a GPU, for lack of one; `--device cpu --quick` goes the whole way at toy size.

Example: python benchmarks/gpu.py
"""

import argparse
import csv
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import serving
import side_comments
import side_models
import side_script
import sides

from retort.errors import ResourceError

RATE_GOAL, TRAINER_GOAL, SCORE_GOAL = 0.4, 3.0, 5.0
STUDENTS = ("odd", "even")
_QUICK = 48
_HELD_BACK = 1024
_SCORE_BATCH = 256


@dataclass
class Trained:
    """What training one arm took: seconds on both sides, and the useful FLOP of ours."""

    name: str
    useful: float
    ours: float
    theirs: float
    losses: tuple[float, float]


@dataclass
class Bench:
    """The comments, tokenised for our side and in files for the other."""

    given: argparse.Namespace
    folder: Path
    models: side_models.Models
    texts: list[str]
    device: Any
    ceilings: list[float] = field(default_factory=list)

    def ceiling(self) -> float:
        """FLOP/s of a bf16 matrix product on the device, kept for the table."""
        self.ceilings.append(matrix_rate(self.device, 0.2 if self.given.quick else 1.0))
        return self.ceilings[-1]


def main() -> int:
    options = side_script.parser(__doc__ or "", "48 comments, tiny models", rounds=3)
    options.add_argument("--comments", type=side_script.positive, default=200_000, metavar="N", help="[200000]")
    options.add_argument("--batch-size", type=side_script.positive, default=64, metavar="N", help="of training [64]")
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu only shows that it runs [cuda]")
    given = options.parse_args()
    device = chosen_device(given.device)
    count = _QUICK if given.quick else given.comments
    with side_script.workshop(given) as folder, sides.watched() as others:
        bench = Bench(
            given, folder, side_models.models(given, folder), side_comments.drawn_texts(count, given.seed), device
        )
        bench.ceiling()  # warms up, and does not count
        bench.ceilings.clear()
        arms = trained(bench)
        scores = scored(bench)
    ours = sides.Side("training", (sum(arm.useful for arm in arms) / sum(arm.ours for arm in arms) / 1e12,), "TFLOP/s")
    ceiling = sides.Side("bf16 matrices", tuple(rate / 1e12 for rate in bench.ceilings), "TFLOP/s")
    rows = [
        sides.share_of_the_rate("training, useful FLOP / bf16 matrix rate", ours, ceiling, RATE_GOAL),
        sides.times_faster(
            "training, teacher and both students",
            sides.Side("retort", (sum(arm.ours for arm in arms),)),
            sides.Side("Trainer, bf16, dynamic padding", (sum(arm.theirs for arm in arms),)),
            TRAINER_GOAL,
        ),
        *(
            sides.figure(
                f"  training {arm.name}; mean loss {arm.losses[0]:.3f} and {arm.losses[1]:.3f}",
                sides.times(arm.theirs / arm.ours),
                sides=(sides.Side("retort", (arm.ours,)), sides.Side("Trainer", (arm.theirs,))),
            )
            for arm in arms
        ),
        *scores,
        sides.bystanders(others.share),
    ]
    notes = [f"{device_name(device)}; {bench.models.shape.name}, random weights; batch {given.batch_size}"]
    data = f"{side_comments.source().origin}: {count:,}, repeated where there are fewer"
    return sides.tell(given, rows, data=data, notes=notes, figures={"ceilings": bench.ceilings})


def chosen_device(name: str) -> Any:
    """Raises ResourceError where there is no such GPU."""
    import torch

    if name == "cpu":
        # Neither the engine nor the other side's processes are to find a GPU then.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not torch.cuda.is_available():
        raise ResourceError("no CUDA device here; run it on a machine with one, or try --device cpu --quick")
    return torch.device(name)


def device_name(device: Any) -> str:
    """The card, in its maker's words."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU (the goals are for a GPU)"


def matrix_rate(device: Any, seconds: float) -> float:
    """FLOP/s of matrix products in bf16 on the device."""
    from retort.bench.ceilings import measure_ceilings, measure_gpu_ceilings

    found = measure_gpu_ceilings(seconds) if device.type == "cuda" else measure_ceilings(seconds=seconds)
    return found["bf16"].flop_per_second


def timed(device: Any, call: Callable[[], object]) -> float:
    """Seconds until the device has done all that was asked."""
    wait(device)
    began = time.perf_counter()
    call()
    wait(device)
    return time.perf_counter() - began


def wait(device: Any) -> None:
    """Until the device has done what it was asked for."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


# ---------------------------------------------------------------------------------------------- training


def trained(bench: Bench) -> list[Trained]:
    """Teacher, odd and even, each fitted by retort and then by Trainer."""
    from retort.bench.flops import forward_flops
    from retort.config import DistillationSettings, TrainingSettings
    from retort.data.batches import encode
    from retort.models.bases import resolve_base
    from retort.models.classifier import classifier_from_base, load_tokenizer
    from retort.models.layers import hidden_state_targets, layer_indices, student_from_teacher
    from retort.training.engine import make_accelerator
    from retort.training.loop import TeacherSignal, TrainingSet, ValidationSet, fit
    from retort.training.objectives import Objective
    from retort.training.teacher_outputs import teacher_outputs

    given, layers = bench.given, bench.models.shape.layers
    base = resolve_base(str(bench.models.base()))
    tokenizer = load_tokenizer(base.folder)
    held = min(_HELD_BACK, max(8, len(bench.texts) // 8))
    tokens, unseen = (encode(some, tokenizer, side_models.MAX_LENGTH) for some in (bench.texts, bench.texts[:held]))
    targets = np.random.default_rng(given.seed).integers(0, 2, (len(bench.texts), 1)).astype(np.float32)
    files = write_labelled(bench.folder, bench.texts, targets, held)
    accelerator = make_accelerator("bf16")
    settings = TrainingSettings(epochs=1, batch_size=given.batch_size)
    validation = ValidationSet(unseen, (np.arange(held) % 2).astype(np.float32)[:, None], 0.5)

    def fitted(model: Any, name: str, objective: Any, signal: Any = None) -> float:
        training = TrainingSet(tokens, targets)
        result = fit(
            model, name, objective, training, validation, settings, accelerator, seed=given.seed, teacher=signal
        )
        return float(result.history[-1]["train_loss"]["total"])

    def both(name: str, useful: float, ours: Callable[[], float], theirs: list[str | Path]) -> Trained:
        losses: list[float] = []
        seconds = timed(bench.device, lambda: losses.append(ours()))
        bench.ceiling()
        out = bench.folder / "trainer" / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        sides.timed(sides.usual_way("train", *theirs, "--out", out, *files), bench.folder / f"{name}.log")
        result = json.loads((out / "result.json").read_text("utf-8"))
        serving.note(f"{name}: retort {seconds:.1f} s, Trainer {result['train_seconds']:.1f} s")
        return Trained(name, useful, seconds, result["train_seconds"], (losses[0], result["train_loss"]))

    shared: list[str | Path] = ["--base", base.folder, "--epochs", "1", "--batch-size", str(given.batch_size)]
    shared += ["--padding", "longest", "--max-length", str(side_models.MAX_LENGTH), "--seed", str(given.seed), "--bf16"]
    shared += ["--cpu"] if bench.device.type == "cpu" else []
    teacher = classifier_from_base(base, (side_comments.PRIMARY,), given.seed, [0.5])
    forward = forward_flops(teacher.config, tokens.lengths)
    computed = forward_flops(teacher.config, tokens.lengths, first_token=True)
    alone = Objective(DistillationSettings(hard=1, soft=0, hidden=0))
    arms = [
        both("teacher", 3 * computed, lambda: fitted(teacher, "teacher", alone), ["teacher", *shared]),
    ]
    teacher.eval().requires_grad_(False).to(bench.device)
    weights = DistillationSettings()
    kept = {name: layer_indices(name, layers) for name in STUDENTS}
    entries = {name: hidden_state_targets(kept[name], layers, weights.hidden_match) for name in STUDENTS}
    signals: list[Any] = []
    for name in STUDENTS:
        student = student_from_teacher(teacher, kept[name]).requires_grad_(True)

        def distilled(name: str = name, student: Any = student) -> float:
            if not signals:  # asked once, in the time of the first student
                wanted = [entry for one in STUDENTS for entry in entries[one]]
                cache = bench.folder / "teacher-hidden.npy"
                signals.append(teacher_outputs(teacher, tokens, wanted, cache, accelerator.autocast))
            return fitted(student, name, Objective(weights), TeacherSignal(signals[0], entries[name]))

        lists = [",".join(map(str, one)) for one in (kept[name], entries[name])]
        theirs = ["student", *shared, "--teacher", bench.folder / "trainer" / "teacher", "--layers", lists[0]]
        theirs += ["--entries", lists[1]]
        first = not signals
        arm = both(name, 3 * forward_flops(student.config, tokens.lengths), distilled, theirs)
        # Hidden states that do not fit on the disk are computed beside the student, batch by batch.
        arm.useful += forward * (first + (signals[0].hidden is None))
        arms.append(arm)
    return arms


def write_labelled(folder: Path, texts: list[str], targets: Any, held: int) -> list[str | Path]:
    """The same comments and labels as files; of validation and test there are few, for they are not training."""
    options: list[str | Path] = []
    for name, count in (("train", len(texts)), ("validation", held), ("test", held)):
        path = folder / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", side_comments.PRIMARY])
            writer.writerows((row, texts[row], float(targets[row, 0])) for row in range(count))
        options += [f"--{name}", path]
    return options


# --------------------------------------------------------------------------------------------- scoring


def scored(bench: Bench) -> list[sides.Row]:
    """The student over all comments, both ways in turns, and how far apart they are."""
    import torch
    from score_file import read_alike

    from retort.data.batches import encode
    from retort.models.classifier import load_classifier, load_tokenizer
    from retort.models.forward import logits
    from retort.models.probability import sigmoid

    folder = bench.models.student()
    model, tokenizer = load_classifier(folder).to(bench.device), load_tokenizer(folder)
    texts = side_comments.write_texts(bench.folder / "texts.csv", bench.texts)
    said: dict[str, Any] = {}

    def ours() -> float:
        def call() -> None:
            tokens = encode(bench.texts, tokenizer, side_models.MAX_LENGTH)
            with torch.autocast(bench.device.type, torch.bfloat16):
                said["ours"] = sigmoid(logits(model, tokens, _SCORE_BATCH))[:, 0]

        return len(bench.texts) / timed(bench.device, call)

    def theirs() -> float:
        out = bench.folder / "pipeline.json"
        command = sides.usual_way("score", "--model", folder, "--texts", texts, "--out", out, "--fp16")
        command += ["--batch-size", str(_SCORE_BATCH), "--max-length", str(side_models.MAX_LENGTH)]
        sides.timed([*command, "--device", bench.device.type], bench.folder / "pipeline.log")
        result = json.loads(out.read_text("utf-8"))
        said["theirs"] = np.array(result["probabilities"])
        return len(bench.texts) / float(result["seconds"])

    ours()  # compiles and warms up
    found = sides.alternated({"retort": ours, "pipeline": theirs}, bench.given.rounds)
    mine = sides.Side("retort, bf16", tuple(found["retort"]), "comments/s")
    other = sides.Side(f"pipeline, fp16, batch {_SCORE_BATCH}", tuple(found["pipeline"]), "comments/s")
    alike = read_alike(bench.texts)
    apart = np.abs(said["ours"][alike] - said["theirs"][alike])
    flipped = int(np.count_nonzero((said["ours"][alike] >= 0.5) != (said["theirs"][alike] >= 0.5)))
    most = max(len(alike) // 100, 2)
    return [
        sides.times_the_rate("scoring, 6-layer student", mine, other, SCORE_GOAL),
        sides.required(
            "  the two sides' probabilities",
            f"at most {apart.max(initial=0):.2g} apart, {flipped} of {len(alike):,} verdicts flipped",
            f"<= {most} flipped",
            flipped <= most,
        ),
    ]


if __name__ == "__main__":
    side_script.ended(main)
