"""Models that judge by a rule, and suites written on the spot: what an audit finds is then known."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retort.data.suite import Suite, read_suite
from retort.inference.predictor import Classifier
from retort.inference.reading import Scored
from retort.recipes.audited import AuditedModel
from retort.tasks import default_task

TASK = default_task()


class Rule:
    """Scores a text by a function, and remembers every text that it was asked for."""

    def __init__(self, rule: Callable[[str], float | Sequence[float]]) -> None:
        self.rule = rule
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Scored:
        self.asked += texts
        scores = np.array([np.atleast_1d(self.rule(text)) for text in texts], np.float64)
        ones = np.ones(len(texts), np.int64)
        return Scored(scores, ones, ones * 0, ones, np.zeros(len(texts), bool))


def model(
    name: str,
    rule: Callable[[str], float | Sequence[float]],
    *,
    attributes: tuple[str, ...] = TASK.names[:1],
    thresholds: dict[str, float] | None = None,
    role: str = "student",
) -> AuditedModel:
    """A model with this rule."""
    limits = dict.fromkeys(attributes, 0.5) if thresholds is None else thresholds
    classifier = Classifier(name, TASK, attributes, limits, "0" * 64, "made", 128, Rule(rule))
    return AuditedModel(name, Path(name), classifier, role)


def suite(folder: Path, rows: Sequence[dict[str, Any]]) -> Suite:
    """A suite with these rows; the headers are the keys of the first."""
    path = folder / "suite.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return read_suite(path, TASK)


def silent(stage: str, done: int, total: int) -> None:
    """No progress is shown."""
