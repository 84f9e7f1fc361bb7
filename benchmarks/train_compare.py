"""A whole comparison (teacher, odd, even, LoRA), from the start of the process to its end, against the usual way.

One side is `retort compare`. The other is four processes of usual_way.py: `transformers.Trainer` in fp32, padded
to 128, the teacher asked at every step. Both read the same files, start from the same base and have the same
epochs, batch size, learning rates, dropout and terms of the loss, those of the preset `seed`. retort is measured
before and after every turn of the other side, which takes longer.

What only retort does (speed, report) is counted on its side, at its smallest settings. Quality is average
precision on the test rows, with the interval of the difference between the two sides.

Example: python benchmarks/train_compare.py --base minilm
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import serving
import side_comments
import side_models
import side_script
import sides

from retort import runs
from retort.config import ExperimentSettings, resolve
from retort.evaluation.predictions import read_predictions
from retort.models.bases import resolve_base

ARMS = ("teacher", "odd", "even", "lora")
COMMENTS = {"minilm": 2000, "bert": 500}
GOALS = {"minilm": 5.0, "bert": 6.0}
_QUICK = 120
_BATCH = 16
# What the other side does not do at all is turned down as far as it goes.
_SMALLEST = ("evaluation.latency_comments=1", "evaluation.speed_comments=1", "evaluation.bootstrap_samples=100")
_TABLES = ("teacher", "student", "lora_training")
_SAMPLES = 1000


def main() -> int:
    given = _parsed()
    count = _QUICK if given.quick else given.comments or COMMENTS[given.base]
    with side_script.workshop(given) as folder, sides.watched() as others:
        parts = side_comments.write_parts(folder / "comments", count, given.seed)
        base = resolve_base("minilm").folder if given.base == "minilm" else side_models.models(given, folder).base()
        chosen = assignments(given.set)
        settings = resolve("seed", None, chosen, {"base": str(base), "base_revision": None, "seed": given.seed})
        layers = resolve_base(str(base)).layers
        name = "minilm" if given.base == "minilm" else str(base)
        ours: list[dict[str, Any]] = []
        theirs: list[dict[str, Any]] = []
        for turn in range(given.rounds):
            ours += [our_way(name, chosen, parts, given.seed, folder / "retort")] if turn == 0 else []
            theirs.append(usual_way(base, settings, layers, parts, folder / "usual"))
            ours.append(our_way(name, chosen, parts, given.seed, folder / "retort"))
        compared = quality(parts, ours[-1], theirs[-1])
    data = str(parts)
    rows = [*speed(given.base, ours, theirs), *parts_of_time(ours, theirs), *compared]
    rows.append(sides.bystanders(others.share))
    sizes = f"base {given.base}, {layers} layers; max length {settings.max_length}, batch {settings.teacher.batch_size}"
    precision = ours[-1]["precision"]
    notes = [f"{sizes}, epochs {settings.teacher.epochs}; retort's precision {precision}, Trainer's fp32"]
    if given.base != "minilm":
        notes.append("random weights: average precision is near chance on both sides and says little")
    if given.set:
        notes.append(f"settings of retort's side alone: {', '.join(given.set)}")
    figures = {"retort": [_told(one) for one in ours], "usual": [_told(one) for one in theirs], "rows": parts.rows}
    return sides.tell(given, rows, data=data, notes=notes, figures=figures)


def assignments(further: list[str]) -> list[str]:
    """The settings of both sides, as --set of retort; `further` are laid over them."""
    both = [f"{table}.{key}" for table in _TABLES for key in ("epochs=1", f"batch_size={_BATCH}")]
    # The files hold what was drawn: all of it is wanted.
    shared = [f"arms=[{','.join(ARMS)}]", f"max_length={side_models.MAX_LENGTH}", 'data.comments=""']
    return [*shared, *both, *_SMALLEST, *further]


def our_way(base: str, chosen: list[str], parts: side_comments.Parts, seed: int, folder: Path) -> dict[str, Any]:
    """`retort compare` as a process: its seconds, each arm's, and what it says of the test rows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run = folder / "run"
    command = sides.retort("compare", "--preset", "seed", "--base", base, "--seed", str(seed), "--out", run)
    command += ["--data", parts.train, "--validation", parts.validation, "--test", parts.test]
    command += [part for one in chosen for part in ("--set", one)]
    seconds = sides.timed(command, folder / "compare.log")
    serving.note(f"retort compare: {seconds:.1f} s")
    arms = json.loads((run / runs.COMPARISON).read_text("utf-8"))["arms"]
    said = {name: read_predictions(run / name / runs.PREDICTIONS) for name in ARMS}
    return {
        "seconds": seconds,
        "train_seconds": {name: arms[name]["cost"]["train_seconds"] for name in ARMS},
        "teacher_outputs_seconds": sum(arms[name]["cost"].get("teacher_outputs_seconds", 0) for name in ARMS),
        "test": {name: one.loc[one["split"] == "test", side_comments.PRIMARY].tolist() for name, one in said.items()},
        "precision": json.loads((run / runs.RUN).read_text("utf-8"))["precision"].replace("no", "fp32"),
    }


def usual_way(
    base: Path, settings: ExperimentSettings, layers: int, parts: side_comments.Parts, folder: Path
) -> dict[str, Any]:
    """A process for every arm: all their seconds, each arm's, and what they say of the test rows."""
    shutil.rmtree(folder, ignore_errors=True)
    seconds, results = {}, {}
    for name in ARMS:
        out = folder / name
        out.mkdir(parents=True)
        command = sides.usual_way("train", *arguments(name, base, settings, layers, parts, folder))
        seconds[name] = sides.timed(command, folder / f"{name}.log")
        serving.note(f"the usual way, {name}: {seconds[name]:.1f} s")
        results[name] = json.loads((out / "result.json").read_text("utf-8"))
    return {
        "seconds": sum(seconds.values()),
        "process_seconds": seconds,
        "train_seconds": {name: result["train_seconds"] for name, result in results.items()},
        "test": {name: result["test"] for name, result in results.items()},
    }


def arguments(
    name: str, base: Path, settings: ExperimentSettings, layers: int, parts: side_comments.Parts, folder: Path
) -> list[str | Path]:
    """One arm's settings, as usual_way.py takes them: the same as retort's."""
    from retort.models.layers import hidden_state_targets, layer_indices

    kind = settings.arm[name].kind
    training = settings.training_of(name)
    told: list[str | Path] = [kind, "--base", base, "--out", folder / name]
    told += ["--train", parts.train, "--validation", parts.validation, "--test", parts.test]
    options: dict[str, Any] = {
        "epochs": training.epochs,
        "batch-size": training.batch_size,
        "learning-rate": training.learning_rate,
        "max-length": settings.max_length,
        "label-threshold": settings.label_threshold,
        "seed": settings.seed,
    }
    if kind == "student":
        weights = settings.distillation_of(name)
        kept = layer_indices(settings.arm[name].layers, layers)
        entries = hidden_state_targets(kept, layers, weights.hidden_match)
        told += ["--teacher", folder / "teacher"]
        options |= {
            "layers": ",".join(map(str, kept)),
            "entries": ",".join(map(str, entries)),
            "temperature": weights.temperature,
            "hard": weights.hard,
            "soft": weights.soft,
            "hidden": weights.hidden,
        }
    if kind == "lora":
        adapter = settings.lora_of(name)
        options |= {"lora-r": adapter.r, "lora-alpha": adapter.alpha, "lora-dropout": adapter.dropout}
    return [*told, *(part for key, value in options.items() for part in (f"--{key}", str(value)))]


def speed(base: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[sides.Row]:
    """The ratio that has a goal."""
    mine = sides.Side("retort compare", tuple(one["seconds"] for one in ours))
    other = sides.Side("Trainer, 4 processes", tuple(one["seconds"] for one in theirs))
    return [sides.times_faster(f"whole comparison, {base}", mine, other, GOALS[base])]


def parts_of_time(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[sides.Row]:
    """Where the time goes: training of each arm, and all the rest."""
    rows = []
    for name in ARMS:
        mine = sides.Side("retort", tuple(one["train_seconds"][name] for one in ours))
        other = sides.Side("Trainer", tuple(one["train_seconds"][name] for one in theirs))
        ratio = sides.times(other.median / mine.median)
        rows.append(sides.figure(f"  training {name}, validation included", ratio, sides=(mine, other)))
    rest = sides.Side("retort", tuple(one["seconds"] - sum(one["train_seconds"].values()) for one in ours))
    others = sides.Side("Trainer", tuple(one["seconds"] - sum(one["train_seconds"].values()) for one in theirs))
    told = "start, reading, predictions, saving; retort: teacher's outputs, speed, report too"
    return [*rows, sides.figure(f"  all else ({told})", "", sides=(rest, others))]


def quality(parts: side_comments.Parts, mine: dict[str, Any], other: dict[str, Any]) -> list[sides.Row]:
    """Average precision of both sides' arms on the same test rows; met where ours is not shown to be worse."""
    from retort.evaluation.statistics import judge

    ratings = pd.read_csv(parts.test)[side_comments.PRIMARY].to_numpy(np.float32)
    labels = (ratings >= np.float32(parts.label_threshold)).astype(np.float64)[:, None]
    rows = []
    for name in ARMS:
        said = {"retort": np.array(mine["test"][name])[:, None], "Trainer": np.array(other["test"][name])[:, None]}
        _, pairs = judge(labels, said, (side_comments.PRIMARY,), 0.5, samples=_SAMPLES, seed=0, tie_margin=0.01)
        pair = next(one for one in pairs if one["metric"] == "average_precision")
        found = [_average_precision(labels[:, 0], one[:, 0]) for one in said.values()]
        both = tuple(sides.Side(which, (value,), "") for which, value in zip(said, found, strict=True))
        rows.append(_quality_row(f"  average precision of {name} on {len(labels)} test rows", pair, both))
    return rows


def _quality_row(what: str, pair: dict[str, Any], both: tuple[sides.Side, ...]) -> sides.Row:
    if pair["difference"] is None or pair["low"] is None or pair["high"] is None:
        return sides.figure(what, f"no interval: {pair.get('why', 'too few test rows')}", sides=both)
    measured = f"{pair['difference']:+.3f} ({pair['low']:+.3f} to {pair['high']:+.3f})"
    return sides.required(what, measured, "not shown to be worse", pair["high"] >= 0, both)


def _average_precision(labels: Any, probabilities: Any) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, probabilities)) if labels.any() else float("nan")


def _told(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != "test"}


def _parsed() -> argparse.Namespace:
    options = side_script.parser(__doc__ or "", "120 comments; with --base bert a tiny model", rounds=1)
    options.add_argument("--base", choices=tuple(GOALS), default="minilm", help="MiniLM, or bert-base's size [minilm]")
    options.add_argument(
        "--comments", type=side_script.positive, metavar="N", help="drawn, split 70/15/15 [2000; bert 500]"
    )
    options.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of retort's side; repeatable"
    )
    return options.parse_args()


if __name__ == "__main__":
    side_script.ended(main)
