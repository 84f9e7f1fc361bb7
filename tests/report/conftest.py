"""A finished run folder with made-up but plausible content, of one training seed or several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.evaluation.metrics import Array
from retort.evaluation.predictions import write_predictions
from retort.evaluation.statistics import judge
from retort.evaluation.thresholds import choose_threshold
from retort.report.choice import recommend, verdict
from retort.report.limits import why_excluded
from retort.report.page import write_report
from retort.tasks import Task, default_task
from retort.threshold_target import ThresholdTarget

NASTY_TEXT = "<script>alert('gotcha')</script><img src=x onerror=alert(1)> \u202egnihton\u202c & more"


class Made(NamedTuple):
    """A made-up arm: `layers` from the teacher's number of layers, `skill` in standard deviations."""

    role: str
    loader: str | None
    layers: Callable[[int], list[int]] | None
    skill: float
    start: str | None = None
    distilled: bool = False


def _all(number: int) -> list[int]:
    return list(range(number))


def _odd(number: int) -> list[int]:
    return list(range(0, number, 2))


ARMS = {
    "majority": Made("baseline", None, None, 0.0),
    "tfidf": Made("baseline", "tfidf", None, 1.1),
    "teacher": Made("teacher", "transformers", _all, 2.3, "base"),
    "odd": Made("student", "transformers", _odd, 2.15, "teacher", distilled=True),
    "even": Made("student", "transformers", lambda n: list(range(1, n, 2)), 2.1, "teacher", distilled=True),
    "lora": Made("adapter", "peft", _all, 2.2, "base"),
    "static": Made("student", "transformers", None, 1.7, "teacher", distilled=True),
    "odd-alone": Made("student", "transformers", _odd, 1.9, "teacher"),
    "odd-random": Made("student", "transformers", _odd, 1.3, "random", distilled=True),
    "odd-base": Made("student", "transformers", _odd, 1.7, "base"),
    "lora-odd": Made("adapter", "peft", _odd, 2.0, "teacher", distilled=True),
    "first": Made("student", "transformers", lambda n: list(range(n // 2)), 2.0, "teacher", distilled=True),
    "last": Made("student", "transformers", lambda n: list(range(n // 2, n)), 1.6, "teacher", distilled=True),
}
SEEDED = ("majority", "static", "teacher", "odd", "even", "lora")
USUAL = ("majority", "tfidf", "teacher", "odd", "even", "lora")

_SUBJECTS = ("The bridge", "This editor", "My neighbour's bus", "The new tax", "Your column", "That ferry plan")
_REMARKS = ("is late again, and nobody says why", "reads like it was written by a turnip", "deserves a second look")


def write_run(
    folder: Path,
    *,
    arms: tuple[str, ...] = USUAL,
    rows: tuple[int, int, int] = (458, 98, 98),
    share: float = 0.2,
    task: Task | None = None,
    attributes: tuple[str, ...] | None = None,
    teacher_layers: int = 6,
    epochs: int = 3,
    learns: bool = True,
    overfits: bool = False,
    texts: bool = True,
    preset: str = "quickstart",
    test_positives: int | None = None,
    seed: int = 0,
    seeds: tuple[int, ...] = (0,),
    calibrated: bool = False,
    limits: dict[str, float] | None = None,
    draws: int = 0,
) -> Path:
    """Writes all files that the report reads; returns the folder. `learns=False`: no arm flags anything.

    `seed` is that of the data, `seeds` are those of training; `draws` is the number of other draws of the data.
    """
    task = task or default_task()
    attributes = attributes or task.names
    rng = np.random.default_rng(seed)
    split = np.repeat(runs.SPLIT_NAMES, rows)
    ids = [f"c{number:05d}" for number in range(sum(rows))]
    fractions = {name: _fractions(rng, split, share if i == 0 else share / 3) for i, name in enumerate(attributes)}
    if test_positives is not None:
        fractions[task.primary][split == "test"] = 0.1
        fractions[task.primary][np.flatnonzero(split == "test")[:test_positives]] = 0.8
    identities = {name: rng.choice([0, 0, 0, 0.5, 1.0], len(ids)) for name in task.identities.columns[:4]}
    frame = pd.DataFrame({"id": ids, "text_sha256": "0" * 64, "split": split} | fractions | identities)
    folder.mkdir(parents=True)
    frame.to_parquet(folder / runs.SPLITS, index=False)
    if texts:
        comments = [_text(rng, i) for i in range(len(ids))]
        comments[-1] = NASTY_TEXT
        pd.DataFrame({"id": ids, "text": comments}).to_parquet(folder / runs.COMMENTS, index=False)

    labels = np.column_stack([fractions[name] >= np.float32(0.6) for name in attributes]).astype(float)
    hardness = rng.normal(0, 1, labels.shape)
    test, validation = split == "test", split == "validation"
    final: dict[str, Array] = {}
    thresholds: dict[str, Array] = {}
    for arm in arms:
        raw = _probabilities(rng, labels, hardness, ARMS[arm], share, learns, len(seeds))
        made = calibrated and arm != "majority"
        final[arm] = raw**1.4 / (raw**1.4 + (1 - raw) ** 1.4) if made else raw
        thresholds[arm] = np.array(
            [
                [_best_f1(labels[validation, i], one[validation, i]) if learns and made else 0.5
                 for i in range(len(attributes))]
                for one in final[arm]
            ]
        )  # fmt: skip
        for number in range(len(raw)):
            place = folder / arm if number == 0 else folder / runs.SEEDS / str(seeds[number]) / arm
            place.mkdir(parents=True)
            own = raw[number] if made else None
            write_predictions(place / runs.PREDICTIONS, ids, list(split), final[arm][number], attributes, own)
    judged: dict[str, Any] = {"samples": 100, "seed": 0, "margin": 0.01, "primary": task.primary}
    tests, pairs = judge(
        labels[test], {arm: p[:, test] for arm, p in final.items()}, attributes, thresholds, **judged
    )  # fmt: skip
    on_validation, _ = judge(
        labels[validation], {arm: p[:, validation] for arm, p in final.items()}, attributes, thresholds, **judged
    )  # fmt: skip
    shares = {
        name: {"rows": int((split == name).sum())}
        | {a: float(labels[split == name, i].mean()) for i, a in enumerate(attributes)}
        for name in runs.SPLIT_NAMES
    }
    positives = int(labels[validation, 0].sum())
    comparison = {
        "schema": 3,
        "preset": preset,
        "seed": seeds[0],
        "seeds": list(seeds),
        "failed_seeds": {},
        "margin": 0.01,
        "limits": limits or {},
        "attributes": list(attributes),
        "primary": task.primary,
        "task": task.as_dict(),
        "terms": {"soft": {"title": "soft term (KL from the teacher)"}, "hidden": {}},
        "costs": {"teacher_outputs_seconds": 12.3},
        "label_threshold": 0.6,
        "decision_threshold": 0.5,
        "data": {
            "rows": dict(zip(runs.SPLIT_NAMES, rows, strict=True)),
            "shares": shares,
            "seed": seed,
            "source": "sample" if preset == "quickstart" else "google/civil_comments",
            "duplicates": {"within": 2},
            "dropped": {"comments": {"blank text": {"count": 1, "first_rows": [17]}}},
        },
        "notes": [],
        "arms": {
            arm: _facts(rng, arm, teacher_layers, epochs, learns, overfits, shares, seeds, limits or {})
            | _chosen(arm, final[arm][:, test], labels[test], thresholds[arm], attributes, positives, calibrated)
            | {
                "test": tests[arm],
                "validation": {
                    name: {m: {"value": f["value"], "seeds": f["seeds"]} for m, f in figures.items()}
                    for name, figures in on_validation[arm].items()
                },
            }
            for arm in arms
        },
        "pairs": pairs,
    }
    if draws:
        comparison["resplits"] = _draws(rng, comparison, draws)
    comparison |= {"recommendation": recommend(comparison), "verdict": verdict(comparison)}
    runs.write_json(folder / runs.COMPARISON, comparison)
    return folder


def _best_f1(labels: Array, scores: Array) -> float:
    return choose_threshold(labels, scores, ThresholdTarget.parse("f1"), 0.5).value


def _chosen(arm, scores, labels, thresholds, attributes, positives, calibrated):
    """Thresholds, calibration and review of an arm."""
    made = calibrated and arm != "majority"
    few = positives < 10
    choice = {
        "target": "f1", "value": float(thresholds[0, 0]), "rows": 100, "positives": positives,
        "why": "fewer than 10 positive validation comments: 0.5" if few else None,
    }  # fmt: skip
    fitted = {
        "method": "platt" if made else "none", "rows": 100, "positives": positives,
        "log_loss": {"none": 0.31, "platt": 0.28}, "why": None if made else "nothing to calibrate",
    }  # fmt: skip
    review = {}
    for share in (0.01, 0.05, 0.1):
        seen = np.argsort(np.abs(scores[0, :, 0] - thresholds[0, 0]))[: max(1, round(share * len(labels)))]
        verdicts = scores[0, :, 0] >= thresholds[0, 0]
        verdicts[seen] = labels[seen, 0] == 1
        right = verdicts == (labels[:, 0] == 1)
        recall = None if not labels[:, 0].any() else float(verdicts[labels[:, 0] == 1].mean())
        review[str(share)] = {"share": len(seen) / len(labels), "accuracy": float(right.mean()), "recall": recall}
    first = attributes[0]
    return {
        "thresholds": {name: [float(t) for t in thresholds[:, i]] for i, name in enumerate(attributes)},
        "threshold_choices": {first: choice},
        "calibration": {first: fitted},
        "review": {} if arm == "majority" else {first: review},
    }


def _draws(rng, comparison, count):
    """The comparison's own draw, and others whose figures are shifted by chance."""
    primary = comparison["primary"]
    rows = comparison["data"]["shares"]["test"]
    found = []
    for draw in range(count):
        shift = {arm: 0.0 if draw == 0 else float(rng.normal(0, 0.03)) for arm in comparison["arms"]}
        arms = {}
        for arm, facts in comparison["arms"].items():
            figure = facts["test"][primary]["average_precision"]
            moved = {key: None if figure[key] is None else figure[key] + shift[arm] for key in ("value", "low", "high")}
            arms[arm] = {"average_precision": figure | moved}
        pairs = []
        for row in comparison["pairs"]:
            if row["metric"] == "average_precision" and row["difference"] is not None:
                by = shift[row["a"]] - shift[row["b"]]
                pairs.append(row | {key: row[key] + by for key in ("difference", "low", "high")})
        found.append(
            {
                "data_seed": draw, "arms": arms, "pairs": pairs, "rows": rows["rows"],
                "positives": round(rows["rows"] * rows[primary]),
                "recommendation": recommend(comparison | {"pairs": pairs}),
            }
        )  # fmt: skip
    return found


def _fractions(rng: np.random.Generator, split: Array, share: float) -> Array:
    low = rng.choice([0, 0, 0, 0.1, 0.25, 0.4, 0.5], len(split))
    high = rng.choice([0.6, 0.75, 0.8, 1.0], len(split))
    return np.where(rng.random(len(split)) < share, high, low).astype(np.float32)


def _text(rng: np.random.Generator, number: int) -> str:
    words = int(rng.lognormal(1.0, 0.6)) + 1
    return " ".join(f"{rng.choice(_SUBJECTS)} {rng.choice(_REMARKS)}." for _ in range(min(words, 12))) + f" ({number})"


def _probabilities(rng, labels, hardness, arm, share, learns, seeds):
    """(S, n, L); S is 1 for the arm without chance in its training."""
    if arm.loader is None:
        return np.full((1, *labels.shape), round(share, 3))
    logits = arm.skill * labels + 0.8 * hardness + 0.45 * rng.normal(0, 1, labels.shape)
    logits = np.stack([logits, *(logits + 0.25 * rng.normal(0, 1, labels.shape) for _ in range(seeds - 1))])
    if not learns:
        return 1 / (1 + np.exp(-(0.25 * (logits - 0.7 * arm.skill * labels) - 3.0)))
    return 1 / (1 + np.exp(-(1.9 * logits - 2.6)))


def _facts(rng, arm, teacher_layers, epochs, learns, overfits, shares, seeds, limits):
    made = ARMS[arm]
    kept = made.layers(teacher_layers) if made.layers else None
    per_layer, embeddings = (7_087_872, 23_837_186) if teacher_layers == 12 else (1_774_464, 12_012_551)
    total = {"majority": 7, "tfidf": 31_402}.get(arm) or embeddings + per_layer * len(kept or [])
    trainable = 24_576 * len(kept or []) + 1_538 if made.role == "adapter" else total
    # As in quickstart, the teacher trains longer.
    last = epochs + 2 if arm == "teacher" else epochs
    histories = [
        [_epoch(rng, made, epoch / last, epoch, learns, overfits, shares) for epoch in range(1, last + 1) if kept]
        for _ in (seeds if made.loader else seeds[:1])
    ]
    depth = len(kept or []) or None
    latency = {"majority": None, "tfidf": 0.21, "static": 0.34}.get(arm) or (1.9 * depth + 1.1 if depth else None)
    seconds = None if arm == "majority" else 4.4 * depth * epochs / 3 if depth else 0.4
    before = 4.4 * teacher_layers * epochs / 3 + 12.3 if made.distilled else None
    size = None if arm == "majority" else int(total * 4.02)
    adapter = int(trainable * 4.02) if made.role == "adapter" else None
    cost: dict[str, Any] = {
        "train_seconds": seconds,
        "teacher_seconds": before,
        "total_seconds": None if seconds is None else seconds + (before or 0),
        "peak_train_memory_bytes": None if not depth else int(trainable * 16 + 8e7 * depth),
        "memory_kind": "process",
        "size_bytes": size,
        "adapter_bytes": adapter,
        "ten_tasks_bytes": None if size is None else size + 10 * adapter if adapter else 10 * size,
        "resident_bytes": None,
        "latency_ms": {"p50": None, "p95": None} if latency is None else {"p50": latency, "p95": latency * 1.35},
        "comments_per_second": None if latency is None else 1400 / latency,
        "device": "cpu",
    }
    return {
        "role": made.role,
        "loader": made.loader,
        "title": "TF-IDF with logistic regression" if arm == "tfidf" else arm,
        "description": f"This is {arm}.",
        "start": made.start,
        "distilled": made.distilled,
        "layer_indices": kept,
        "teacher_layers": teacher_layers if kept else None,
        "best_epoch": last if kept else None,
        "parameters": {"total": total, "trainable": trainable},
        "history": histories[0],
        "training": [
            {"seed": one, "best_epoch": last if kept else None, "train_seconds": seconds, "history": history}
            for one, history in zip(seeds, histories, strict=False)
        ],
        "excluded": why_excluded(cost, limits) if made.loader else None,
        "cost": cost,
    }


def _epoch(rng, made, done, epoch, learns, overfits, shares):
    """A row of the history; `done` is the share of the training that is over."""
    loss = (0.62 - 0.055 * made.skill * done - 0.08 * done if learns else 0.25 - 0.06 * done) + rng.normal(0, 0.008)
    rise = 0.22 * max(0.0, done - 0.4) if overfits else 0.0
    soft, hidden = (0.55 * (1 - 0.6 * done), 0.42 * (1 - 0.7 * done)) if made.distilled else (None, None)
    positives = list(shares["validation"].values())[1]
    gain = 0.0 if not learns else 0.06 * made.skill / 2.3 * done + rng.normal(0, 0.006)
    return {
        "epoch": epoch,
        "label_loss": loss,
        "train_loss": {
            "total": loss if soft is None else 0.5 * loss + 0.5 * soft + hidden, "fractions": loss, "soft": soft,
            "hidden": hidden,
        },
        "validation_loss": loss + 0.03 + rise + rng.normal(0, 0.006),
        "validation": {
            "accuracy": min(1.0, max(positives, 1 - positives) + gain),
            "f1": 0.3 * made.skill * done / 2 if learns else 0.0,
            "average_precision": 0.3 + 0.2 * made.skill * done if learns else 0.1,
            "roc_auc": 0.6 + 0.14 * made.skill * done,
        },
        "seconds": 4.2,
    }  # fmt: skip


def seed_like(folder: Path) -> Path:
    """The original assignment as it turns out: 350/75/75, 3 of 75 test comments toxic, all arms at 96 %."""
    return write_run(
        folder, rows=(350, 75, 75), share=0.055, attributes=("toxicity",), teacher_layers=12, epochs=3,
        learns=False, preset="seed", test_positives=3,
    )  # fmt: skip


def wide(folder: Path) -> Path:
    """Ten arms of a 12-layer teacher on many comments, among them all controls."""
    arms = tuple(arm for arm in ARMS if arm != "static")[:10]
    return write_run(
        folder, arms=arms, rows=(600, 200, 900), share=0.14, teacher_layers=12, epochs=4,
        attributes=("toxicity", "insult"), overfits=True, preset="civil-comments", seed=2,
    )  # fmt: skip


def seeded_like(folder: Path) -> Path:
    """Six arms, a static student among them, with three seeds on 300 test comments, and four draws of the data."""
    return write_run(
        folder, arms=SEEDED, rows=(700, 300, 300), share=0.12, attributes=("toxicity", "insult"), seeds=(0, 1, 2),
        calibrated=True, limits={"latency_ms": 12.0, "size_mb": 80.0}, draws=4, preset="civil-comments", seed=5,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_run():
    """The builder, for tests that need a run of their own."""
    return write_run


@pytest.fixture(scope="session")
def quick(tmp_path_factory) -> Path:
    """Six arms on the embedded sample's size, with its report."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "quick")
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def seed(tmp_path_factory) -> Path:
    """The original assignment, with its report."""
    folder = seed_like(tmp_path_factory.mktemp("runs") / "seed")
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def ten_arms(tmp_path_factory) -> Path:
    """Ten arms of a 12-layer teacher that overfit, with their report."""
    folder = wide(tmp_path_factory.mktemp("runs") / "wide")
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def seeded(tmp_path_factory) -> Path:
    """Three seeds with calibration, limits and other draws, with their report."""
    folder = seeded_like(tmp_path_factory.mktemp("runs") / "seeded")
    write_report(folder)
    return folder
