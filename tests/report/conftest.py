"""A finished run folder with made-up but plausible content, judged by the real evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort import runs
from retort.attributes import ATTRIBUTES
from retort.evaluation.metrics import Array
from retort.evaluation.predictions import write_predictions
from retort.evaluation.statistics import judge
from retort.report.page import write_report

NASTY_TEXT = "<script>alert('gotcha')</script><img src=x onerror=alert(1)> \u202egnihton\u202c & more"

# (kind, layers as a function of the teacher's number, skill in standard deviations, trainable share)
ARMS: dict[str, tuple[str, Any, float]] = {
    "majority": ("majority", None, 0.0),
    "tfidf": ("tfidf", None, 1.1),
    "teacher": ("teacher", lambda n: list(range(n)), 2.3),
    "odd": ("student", lambda n: list(range(0, n, 2)), 2.15),
    "even": ("student", lambda n: list(range(1, n, 2)), 2.1),
    "lora": ("lora", lambda n: list(range(n)), 2.2),
    "odd-alone": ("student", lambda n: list(range(0, n, 2)), 1.9),
    "odd-random": ("student", lambda n: list(range(0, n, 2)), 1.3),
    "lora-odd": ("lora", lambda n: list(range(0, n, 2)), 2.0),
    "spread": ("student", lambda n: [0, 2, 4, 7, 9, 11][: n // 2], 2.12),
    "first": ("student", lambda n: list(range(n // 2)), 2.0),
    "last": ("student", lambda n: list(range(n // 2, n)), 1.6),
}
USUAL = ("majority", "tfidf", "teacher", "odd", "even", "lora")

_SUBJECTS = ("The bridge", "This editor", "My neighbour's bus", "The new tax", "Your column", "That ferry plan")
_REMARKS = ("is late again, and nobody says why", "reads like it was written by a turnip", "deserves a second look")


def write_run(
    folder: Path,
    *,
    arms: tuple[str, ...] = USUAL,
    rows: tuple[int, int, int] = (458, 98, 98),
    share: float = 0.2,
    attributes: tuple[str, ...] = ATTRIBUTES,
    teacher_layers: int = 6,
    epochs: int = 5,
    learns: bool = True,
    overfits: bool = False,
    texts: bool = True,
    preset: str = "quickstart",
    test_positives: int | None = None,
    seed: int = 0,
) -> Path:
    """Writes all files that the report reads; returns the folder. `learns=False`: no arm ever says "toxic"."""
    rng = np.random.default_rng(seed)
    split = np.repeat(runs.SPLIT_NAMES, rows)
    ids = [f"c{number:05d}" for number in range(sum(rows))]
    fractions = {name: _fractions(rng, split, share if i == 0 else share / 3) for i, name in enumerate(attributes)}
    if test_positives is not None:
        fractions["toxicity"][split == "test"] = 0.1
        fractions["toxicity"][np.flatnonzero(split == "test")[:test_positives]] = 0.8
    frame = pd.DataFrame({"id": ids, "text_sha256": "0" * 64, "split": split} | fractions)
    folder.mkdir(parents=True)
    frame.to_parquet(folder / runs.SPLITS, index=False)
    if texts:
        comments = [_text(rng, i) for i in range(len(ids))]
        comments[-1] = NASTY_TEXT
        pd.DataFrame({"id": ids, "text": comments}).to_parquet(folder / runs.COMMENTS, index=False)

    labels = np.column_stack([fractions[name] >= np.float32(0.6) for name in attributes]).astype(float)
    hardness = rng.normal(0, 1, labels.shape)
    predictions = {arm: _probabilities(rng, labels, hardness, ARMS[arm], share, learns) for arm in arms}
    for arm, probabilities in predictions.items():
        (folder / arm).mkdir()
        write_predictions(folder / arm / runs.PREDICTIONS, ids, list(split), probabilities, attributes)
    test = split == "test"
    tests, pairs = judge(
        labels[test], {arm: p[test] for arm, p in predictions.items()}, attributes, 0.5,
        samples=300, seed=0, tie_margin=0.01,
    )  # fmt: skip
    shares = {
        name: {"rows": int((split == name).sum())}
        | {a: float(labels[split == name, i].mean()) for i, a in enumerate(attributes)}
        for name in runs.SPLIT_NAMES
    }
    runs.write_json(
        folder / runs.COMPARISON,
        {
            "schema": 1,
            "preset": preset,
            "seed": seed,
            "attributes": list(attributes),
            "primary": "toxicity",
            "label_threshold": 0.6,
            "decision_threshold": 0.5,
            "data": {
                "rows": dict(zip(runs.SPLIT_NAMES, rows, strict=True)),
                "shares": shares,
                "source": "sample" if preset == "quickstart" else "google/civil_comments",
                "duplicates": {"within": 2},
                "dropped": {"comments": {"blank text": {"count": 1, "first_rows": [17]}}},
            },
            "notes": [],
            "arms": {
                arm: _facts(rng, arm, teacher_layers, epochs, learns, overfits, shares, labels, predictions[arm], split)
                | {"test": tests[arm]}
                for arm in arms
            },
            "pairs": pairs,
            "verdict": "",
        },
    )
    return folder


def _fractions(rng: np.random.Generator, split: Array, share: float) -> Array:
    low = rng.choice([0, 0, 0, 0.1, 0.25, 0.4, 0.5], len(split))
    high = rng.choice([0.6, 0.75, 0.8, 1.0], len(split))
    return np.where(rng.random(len(split)) < share, high, low).astype(np.float32)


def _text(rng: np.random.Generator, number: int) -> str:
    words = int(rng.lognormal(1.0, 0.6)) + 1
    return " ".join(f"{rng.choice(_SUBJECTS)} {rng.choice(_REMARKS)}." for _ in range(min(words, 12))) + f" ({number})"


def _probabilities(rng, labels, hardness, arm, share, learns):
    kind, _, skill = arm
    if kind == "majority":
        return np.full(labels.shape, round(share, 3))
    logits = skill * labels + 0.8 * hardness + 0.45 * rng.normal(0, 1, labels.shape)
    if not learns:
        return 1 / (1 + np.exp(-(0.25 * (logits - 0.7 * skill * labels) - 3.0)))
    return 1 / (1 + np.exp(-(1.9 * logits - 2.6)))


def _facts(rng, arm, teacher_layers, epochs, learns, overfits, shares, labels, probabilities, split):
    kind, layers, skill = ARMS[arm]
    kept = layers(teacher_layers) if layers else None
    per_layer, embeddings = (7_087_872, 23_837_186) if teacher_layers == 12 else (1_774_464, 12_012_551)
    total = {"majority": 7, "tfidf": 31_402}.get(kind) or embeddings + per_layer * len(kept)
    trainable = 24_576 * len(kept or []) + 1_538 if kind == "lora" else total
    history = []
    for epoch in range(1, epochs + 1) if kind not in ("majority", "tfidf") else ():
        done = epoch / epochs
        hard = (0.62 - 0.055 * skill * done - 0.08 * done if learns else 0.25 - 0.06 * done) + rng.normal(0, 0.008)
        rise = 0.22 * max(0.0, done - 0.4) if overfits else 0.0
        distilled = (kind == "student" and "alone" not in arm) or arm == "lora-odd"
        soft, hidden = (0.55 * (1 - 0.6 * done), 0.42 * (1 - 0.7 * done)) if distilled else (None, None)
        accuracy = max(shares["validation"]["toxicity"], 1 - shares["validation"]["toxicity"])
        gain = 0.0 if not learns else 0.06 * skill / 2.3 * done + rng.normal(0, 0.006)
        history.append(
            {
                "epoch": epoch,
                "train_loss": {
                    "total": hard if soft is None else 0.5 * hard + 0.5 * soft + hidden, "hard": hard,
                    "soft": soft, "hidden": hidden,
                },
                "validation_loss": hard + 0.03 + rise + rng.normal(0, 0.006),
                "validation": {
                    "accuracy": min(1.0, accuracy + gain), "f1": 0.3 * skill * done / 2 if learns else 0.0,
                    "average_precision": 0.3 + 0.2 * skill * done if learns else 0.1,
                    "roc_auc": 0.6 + 0.14 * skill * done,
                },
                "seconds": 4.2,
            }
        )  # fmt: skip
    depth = len(kept or []) or None
    latency = {"majority": None, "tfidf": 0.21}.get(kind) or (1.9 * depth + 1.1 if depth else None)
    cost: dict[str, Any] = {
        "train_seconds": None if kind == "majority" else 0.4 if kind == "tfidf" else 4.4 * depth * epochs / 3,
        "peak_train_memory_bytes": None if not depth else int(6.1e8 + 8e7 * depth),
        "size_bytes": None if kind == "majority" else int(total * 4.02),
        "latency_ms": None if latency is None else {"p50": latency, "p95": latency * 1.35},
        "comments_per_second": None if latency is None else 1400 / latency,
    }
    return {
        "kind": kind,
        "layer_indices": kept,
        "teacher_layers": teacher_layers if kept else None,
        "best_epoch": epochs if history else None,
        "parameters": {"total": total, "trainable": trainable},
        "history": history,
        "cost": cost,
    }


def seed_like(folder: Path) -> Path:
    """The original assignment as it turns out: 350/75/75, 3 of 75 test comments toxic, all arms at 96 %."""
    return write_run(
        folder, rows=(350, 75, 75), share=0.055, attributes=("toxicity",), teacher_layers=12, epochs=3,
        learns=False, preset="seed", test_positives=3,
    )  # fmt: skip


def wide(folder: Path) -> Path:
    """Ten arms of a 12-layer teacher on many comments."""
    return write_run(
        folder, arms=tuple(ARMS)[:10], rows=(600, 200, 900), share=0.14, teacher_layers=12, epochs=4,
        attributes=("toxicity", "insult"), overfits=True, preset="civil-comments", seed=2,
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
    """Ten arms of a 12-layer teacher that overfit, without a report."""
    return wide(tmp_path_factory.mktemp("runs") / "wide")
