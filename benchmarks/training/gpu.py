"""On a CUDA device: training against its bf16 matrix rate and Trainer, scoring against pipeline in fp16.

Trains a teacher of bert-base's size and its odd and even students for one epoch on 200,000 comments (the real ones
repeated, numbered, with random labels): `retort compare` in bf16 against usual_way.py in bf16 with dynamic padding.
Scoring runs the student over all comments: retort's tokenizer and batches in bf16 against `pipeline` in fp16, in
batches of 256. `retort score` itself runs on the CPU. Useful FLOP are those of training/flops.py, and one forward pass
for the teacher's outputs.

Not yet run on a GPU; `--device cpu --quick` runs all of it at toy size.
"""

import itertools
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.scoring.file import agreement, pipeline_score, read_alike
from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Row, Side
from benchmarks.training.compare import Comparison, Measured
from retort.bench.ceilings import measure_ceilings, measure_gpu_ceilings
from retort.bench.flops import Shape, forward_flops
from retort.data.batches import encode
from retort.errors import ResourceError
from retort.evaluation.probability import sigmoid
from retort.models.classifier import load_classifier, load_tokenizer
from retort.models.forward import logits

RATE_GOAL, TRAINER_GOAL, SCORE_GOAL = 0.4, 3.0, 5.0
ARMS = ("teacher", "odd", "even")
_HELD_OUT = 1024
_SCORE_BATCH = 256


def main() -> int:
    sizes = {
        "rounds": (3, 3, "of scoring, each side"), "comments": (200_000, 48, "different ones"),
        "batch_size": (64, 64, "of training"),
    }  # fmt: skip
    options = models.parser(__doc__, **sizes)
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu only as a smoke test [cuda]")
    given = script.parsed(options)
    device = chosen_device(given.device)
    with models.prepared(given) as made, processes.other_load() as load:
        parts, texts = write_numbered(made.folder, given.comments, given.seed)
        batches = [f"{table}.batch_size={given.batch_size}" for table in ("teacher", "student")]
        further = ["precision=bf16", f"arms=[{','.join(ARMS)}]", *batches]
        both = Comparison.of(made.base(), parts, given.seed, further)
        matrix_rate(device, given.quick)  # warm-up
        ceilings = [matrix_rate(device, given.quick)]
        ours = both.retort_side(made.folder / "retort")
        ceilings.append(matrix_rate(device, given.quick))
        theirs = both.usual_side(made.folder / "usual", padding="longest", bf16=True, cpu=device.type == "cpu")
        ceilings.append(matrix_rate(device, given.quick))
        scores = scoring_rows(made.student(), made.folder, texts, device, given.rounds)
    useful = useful_flop(made, texts)
    rows = [*training_rows(ours, theirs, useful, ceilings), *scores, processes.load_row(load.share)]
    notes = [f"{device_name(device)}; {made.size.name}, random weights; batch {given.batch_size}"]
    data = f"{comments.source().described(given.comments)}, repeated where there are fewer"
    return script.finish(given, rows, data=data, notes=notes, figures={"ceilings": ceilings, "useful": useful})


def chosen_device(name: str) -> torch.device:
    """Raises ResourceError where there is no such GPU."""
    if name == "cpu":
        # Hides the GPU from this process and from those of both sides.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not torch.cuda.is_available():
        raise ResourceError("no CUDA device here; run it on a machine with one, or try --device cpu --quick")
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The card's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU (the goals are for a GPU)"


def matrix_rate(device: torch.device, quick: bool) -> float:
    """FLOP/s of bf16 matrix products on the device."""
    seconds = 0.2 if quick else 1.0
    rates = measure_gpu_ceilings(seconds) if device.type == "cuda" else measure_ceilings(seconds=seconds)
    return rates["bf16"].flop_per_second


def write_numbered(folder: Path, count: int, seed: int) -> tuple[comments.Parts, list[str]]:
    """Files of `count` comments to train on and few to validate and test on, all different; and the first's texts."""
    held_out = min(_HELD_OUT, max(16, count // 8))
    rows = {"train": count, "validation": held_out, "test": held_out}
    texts = [f"{text} {number}" for number, text in enumerate(comments.drawn_texts(sum(rows.values()), seed))]
    labels = np.random.default_rng(seed).permutation(np.arange(len(texts)) % 2).tolist()
    numbered, paths = iter(zip(texts, labels, strict=True)), {}
    for name, size in rows.items():
        part = zip(*itertools.islice(numbered, size), strict=True)
        paths[name] = comments.write_labelled(folder / f"{name}.csv", *part)
    return comments.Parts(**paths, rows=rows, origin=comments.source().origin), texts[:count]


def useful_flop(made: models.Models, texts: list[str]) -> float:
    """Of training all arms for one epoch, with the teacher's outputs."""
    lengths = encode(texts, load_tokenizer(made.base()), models.MAX_LENGTH).lengths
    width, layers = made.size.width, made.size.layers
    teacher, student = (Shape(width, 4 * width, depth, 1) for depth in (layers, layers // 2))
    trained = forward_flops(teacher, lengths, first_token=True) + 2 * forward_flops(student, lengths)
    return 3 * trained + forward_flops(teacher, lengths)


def training_rows(ours: Measured, theirs: Measured, useful: float, ceilings: list[float]) -> list[Row]:
    """Both ratios with goals, then each arm."""
    mine, other = sum(ours.train_seconds.values()) + ours.teacher_outputs_seconds, sum(theirs.train_seconds.values())
    rate = Side("training", (useful / mine / 1e12,), "TFLOP/s")
    ceiling = Side("bf16 matrices", tuple(one / 1e12 for one in ceilings), "TFLOP/s")
    sides = Side("retort", (mine,)), Side("Trainer, bf16, dynamic padding", (other,))
    rows = [
        results.share_of_the_rate("training, useful FLOP / bf16 matrix rate", rate, ceiling, RATE_GOAL),
        results.times_faster("training, teacher and both students", *sides, goal=TRAINER_GOAL),
    ]
    for name in ARMS:
        pair = Side("retort", (ours.train_seconds[name],)), Side("Trainer", (theirs.train_seconds[name],))
        rows.append(results.times_faster(f"  training {name}", *pair))
    return rows


def scoring_rows(student: Path, folder: Path, texts: list[str], device: torch.device, rounds: int) -> list[Row]:
    """The student over all texts: the ratio of the rates of both sides in turns, the difference of probabilities."""
    model, tokenizer = load_classifier(student), load_tokenizer(student)
    model.to(device)  # type: ignore[arg-type]
    file = comments.write_texts(folder / "texts.csv", texts)
    probabilities: dict[str, Any] = {}

    def ours() -> float:
        began = time.perf_counter()
        tokens = encode(texts, tokenizer, models.MAX_LENGTH)
        with torch.autocast(device.type, torch.bfloat16):
            probabilities["ours"] = sigmoid(logits(model, tokens, _SCORE_BATCH))[:, 0]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return len(texts) / (time.perf_counter() - began)

    def pipeline() -> float:
        options = {"fp16": True, "device": device.type}
        seconds, probabilities["theirs"] = pipeline_score(student, file, _SCORE_BATCH, folder, **options)
        return len(texts) / seconds

    ours()  # warm-up
    found = processes.alternated({"retort, bf16": ours, "pipeline, fp16": pipeline}, rounds)
    mine, other = (Side(name, tuple(rates), "comments/s") for name, rates in found.items())
    same = agreement("  the two sides' probabilities", **probabilities, alike=read_alike(texts))
    return [results.times_the_rate("scoring, 6-layer student", mine, other, SCORE_GOAL), same]


if __name__ == "__main__":
    script.run(main)
