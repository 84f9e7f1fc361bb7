"""A whole comparison (teacher, odd, even, LoRA), from the start of the process to its end, against the usual way.

One side is `retort compare`, the other four processes of usual_way.py. Both read the same files and have the base,
epochs, batch size, learning rates, dropout and terms of the loss of the preset `seed`. retort is measured before and
after every round of the other side, which takes longer. Quality is average precision on the test rows.
"""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Row, Side
from retort import runs
from retort.evaluation.predictions import read_predictions
from retort.evaluation.statistics import judge
from retort.models.bases import resolve_base
from retort.models.layer_strategies import layer_indices
from retort.recipes.experiment import ExperimentSettings, resolve
from retort.training.terms.hidden import matched_entries

ARMS = ("teacher", "odd", "even", "lora")
COMMENTS = {"minilm": 2000, "bert": 500}
GOALS = {"minilm": 5.0, "bert": 6.0}
_QUICK, _BATCH = 120, 16
# What only retort does, at its smallest.
_SMALLEST = ("evaluation.latency_comments=1", "evaluation.speed_comments=1", "evaluation.bootstrap_samples=100")
_SAMPLES = 1000


@dataclass(frozen=True)
class Measured:
    """One side once. seconds: in total; train_seconds: by arm; test: by arm, the probabilities of the test rows."""

    seconds: float
    train_seconds: dict[str, float]
    test: dict[str, list[float]]
    precision: str = "fp32"
    teacher_outputs_seconds: float = 0.0

    @property
    def other_seconds(self) -> float:
        """Everything but training."""
        return self.seconds - sum(self.train_seconds.values())


@dataclass(frozen=True)
class Comparison:
    """What both sides train. name: the base as `retort compare` takes it; chosen: its `--set` assignments."""

    name: str
    base: Path
    layers: int
    parts: comments.Parts
    chosen: list[str]
    settings: ExperimentSettings

    @classmethod
    def of(cls, base: Path, parts: comments.Parts, seed: int, further: Sequence[str] = ()) -> "Comparison":
        """`further` assignments override those of both sides."""
        chosen = assignments(further)
        settings = resolve("seed", None, chosen, {"base": str(base), "base_revision": None, "seed": seed})
        found = resolve_base(str(base))
        name = "minilm" if resolve_base("minilm").folder == base else str(base)
        return cls(name, found.folder, found.layers, parts, chosen, settings)

    def retort_side(self, folder: Path) -> Measured:
        """`retort compare` as a process."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run, arms = folder / "run", self.settings.arms
        command = processes.retort("compare", "--preset", "seed", "--base", self.name, "--out", run)
        command += ["--seed", str(self.settings.seed), "--data", self.parts.train]
        command += ["--validation", self.parts.validation, "--test", self.parts.test]
        command += [part for one in self.chosen for part in ("--set", one)]
        seconds = processes.timed(command, folder / "compare.log")
        script.note(f"retort compare: {seconds:.1f} s")
        comparison = runs.read_comparison(run)
        predictions = {name: read_predictions(run / name / runs.PREDICTIONS) for name in arms}
        return Measured(
            seconds,
            {name: comparison["arms"][name]["cost"]["train_seconds"] for name in arms},
            {name: rows.loc[rows["split"] == "test", comments.LABEL].tolist() for name, rows in predictions.items()},
            json.loads((run / runs.RUN).read_text("utf-8"))["precision"].replace("no", "fp32"),
            comparison["costs"]["teacher_outputs_seconds"],
        )

    def usual_side(self, folder: Path, **further: Any) -> Measured:
        """One process of usual_way.py per arm; `further` settings are the same for all."""
        seconds, found = {}, {}
        for name in self.settings.arms:
            settings = self.usual_settings(name, folder) | further
            seconds[name], found[name] = processes.usual_way("train", settings, folder / name)
            script.note(f"the usual way, {name}: {seconds[name]:.1f} s")
        train_seconds, test = ({name: one[key] for name, one in found.items()} for key in ("train_seconds", "test"))
        return Measured(sum(seconds.values()), train_seconds, test)

    def usual_settings(self, name: str, folder: Path) -> dict[str, Any]:
        """One arm's settings for usual_way.py, the same as retort's. folder: of all its arms."""
        settings, training = self.settings, self.settings.training_of(name)
        found: dict[str, Any] = {
            "arm": "student" if name in ("odd", "even") else name,
            "base": self.base,
            **{part: getattr(self.parts, part) for part in runs.SPLIT_NAMES},
            **{key: getattr(training, key) for key in ("epochs", "batch_size", "learning_rate")},
            **{key: getattr(settings, key) for key in ("max_length", "label_threshold", "seed")},
        }
        if found["arm"] == "student":
            weights: Any = settings.distillation_of(name)
            kept = layer_indices(settings.arm[name].layers, self.layers)
            entries = matched_entries(len(kept), kept, self.layers, weights.hidden_match)
            found |= {"teacher": folder / "teacher", "layers": kept, "entries": entries}
            found |= {term: getattr(weights, term) for term in ("temperature", "hard", "soft", "hidden")}
        if name == "lora":
            found |= {f"lora_{key}": getattr(settings.lora_of(name), key) for key in ("r", "alpha", "dropout")}
        return found


def assignments(further: Sequence[str] = ()) -> list[str]:
    """The settings of both sides, as `--set` of retort; `further` override them."""
    tables = ("teacher", "student", "lora_training")
    both = [f"{table}.{key}" for table in tables for key in ("epochs=1", f"batch_size={_BATCH}")]
    # The files are already the drawn comments: all of them are wanted.
    shared = [f"arms=[{','.join(ARMS)}]", f"max_length={models.MAX_LENGTH}", 'data.comments=""']
    return [*shared, *both, *_SMALLEST, *further]


def main() -> int:
    options = models.parser(__doc__, rounds=(1, 1, "of the other side"))
    options.add_argument("--base", choices=tuple(GOALS), default="minilm", help="MiniLM, or bert-base's size [minilm]")
    options.add_argument("--comments", type=script.positive, metavar="N", help="drawn, split 70/15/15 [2000; bert 500]")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of retort's side; repeatable")
    given = script.parsed(options)
    count = given.comments or (_QUICK if given.quick else COMMENTS[given.base])
    with models.prepared(given) as made, processes.other_load() as load:
        parts = comments.write_parts(made.folder / "comments", count, given.seed)
        base = resolve_base("minilm").folder if given.base == "minilm" else made.base()
        both = Comparison.of(base, parts, given.seed, given.set)
        ours, theirs = [both.retort_side(made.folder / "retort")], []
        for _ in range(given.rounds):
            theirs.append(both.usual_side(made.folder / "usual"))
            ours.append(both.retort_side(made.folder / "retort"))
        compared = quality(parts, ours[-1], theirs[-1])
    rows = [*speed(given.base, ours, theirs), *compared, processes.load_row(load.share)]
    training = both.settings.teacher
    sizes = f"base {given.base}, {both.layers} layers; max length {models.MAX_LENGTH}, batch {training.batch_size}"
    notes = [f"{sizes}, epochs {training.epochs}; retort's precision {ours[-1].precision}, Trainer's fp32"]
    if given.base != "minilm":
        notes.append("random weights: average precision is near chance on both sides")
    if given.set:
        notes.append(f"settings of retort's side only: {', '.join(given.set)}")
    sides = {"retort": ours, "usual": theirs}
    figures = {name: [asdict(one) | {"test": None} for one in side] for name, side in sides.items()}
    return script.finish(given, rows, data=str(parts), notes=notes, figures=figures)


def speed(base: str, ours: list[Measured], theirs: list[Measured]) -> list[Row]:
    """The ratio with a goal, the training of each arm, and all other time."""

    def sides(values: Callable[[Measured], float]) -> tuple[Side, Side]:
        return Side("retort", tuple(map(values, ours))), Side("Trainer", tuple(map(values, theirs)))

    def trained(name: str) -> Row:
        both = sides(lambda one: one.train_seconds[name])
        return results.times_faster(f"  training {name}, validation included", *both)

    whole = Side("retort compare", tuple(one.seconds for one in ours))
    usual = Side("Trainer, 4 processes", tuple(one.seconds for one in theirs))
    what = "start, reading, predictions, saving; retort: teacher's outputs, speed, report too"
    return [
        results.times_faster(f"whole comparison, {base}", whole, usual, GOALS[base]),
        *map(trained, ARMS),
        results.figure(f"  all else ({what})", "", sides=sides(lambda one: one.other_seconds)),
    ]


def quality(parts: comments.Parts, mine: Measured, other: Measured) -> list[Row]:
    """Average precision on the same test rows; the goal is met where ours is not shown to be worse."""
    ratings = pd.read_csv(parts.test)[comments.LABEL].to_numpy(np.float32)
    labels = (ratings >= np.float32(comments.TASK.label_threshold)).astype(np.float64)
    rows = []
    for name in ARMS:
        both = {"retort": np.array(mine.test[name]), "Trainer": np.array(other.test[name])}
        columns = {which: one[None, :, None] for which, one in both.items()}
        half = {which: np.array([[0.5]]) for which in both}
        _, pairs = judge(labels[:, None], columns, (comments.LABEL,), half, samples=_SAMPLES, seed=0, margin=0.01)
        pair = next(one for one in pairs if one["metric"] == "average_precision")
        found = (average_precision_score(labels, one) if labels.any() else math.nan for one in both.values())
        sides = [Side(which, (float(value),), "") for which, value in zip(both, found, strict=True)]
        what = f"  average precision of {name} on {len(labels)} test rows"
        if pair["difference"] is None or pair["low"] is None or pair["high"] is None:
            why = f"no interval: {pair.get('why', 'too few test rows')}"
            rows.append(results.figure(what, why, sides=sides))
        else:
            measured = f"{pair['difference']:+.3f} ({pair['low']:+.3f} to {pair['high']:+.3f})"
            rows.append(results.required(what, measured, "not shown to be worse", pair["high"] >= 0, sides))
    return rows


if __name__ == "__main__":
    script.run(main)
