"""comparison.json as an object: arms by their role, figures and paired differences on the primary label."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from retort import runs
from retort.former_schema import COMPARISON_SCHEMA
from retort.report import display
from retort.report.limits import why_excluded
from retort.tasks import Task, recorded_task


class Comparison:
    """Reads `content`, which is as `runs.read_comparison` returns it; errors name the file as `where`.

    Figures are those on the primary label unless another is named.
    """

    def __init__(self, content: Mapping[str, Any], where: object = runs.COMPARISON) -> None:
        self.content = content
        self._where = where
        self.arms: Mapping[str, Mapping[str, Any]] = content["arms"]

    @cached_property
    def task(self) -> Task:
        """The labels, their titles and the words of a verdict. Raises ModelError when it is not readable."""
        return recorded_task(self.content["task"], self._where)

    @property
    def primary(self) -> str:
        """The label that decides the verdict."""
        return str(self.content["primary"])

    @property
    def labels(self) -> list[str]:
        """The labels that were compared, in the task's order."""
        return list(self.content["attributes"])

    @property
    def constant(self) -> str | None:
        """The baseline without a model: it gives all comments the same scores."""
        return next((arm for arm in self.baselines if self.arms[arm]["loader"] is None), None)

    @property
    def models(self) -> list[str]:
        """Arms with a model that can be used: all but the constant baseline."""
        return [arm for arm in self.arms if arm != self.constant]

    @property
    def baselines(self) -> list[str]:
        """Arms that are no neural networks, in the order of the comparison."""
        return self._of_role("baseline")

    @property
    def teacher(self) -> str | None:
        """The arm that the students learn from."""
        return next(iter(self._of_role("teacher")), None)

    @property
    def students(self) -> list[str]:
        """Arms with some of the layers of a larger model."""
        return self._of_role("student")

    @property
    def adapters(self) -> list[str]:
        """Arms that train adapters on a frozen model."""
        return self._of_role("adapter")

    @property
    def networks(self) -> list[str]:
        """All arms but the baselines."""
        return [arm for arm in self.arms if arm not in self.baselines]

    def _of_role(self, role: str) -> list[str]:
        return [arm for arm, facts in self.arms.items() if facts["role"] == role]

    def title(self, arm: str) -> str:
        """`TF-IDF with logistic regression`; the arm's name where no title is recorded."""
        return str(self.arms[arm].get("title") or arm)

    @property
    def former(self) -> bool:
        """Whether the run was made before seeds, validation figures, calibration and margins were recorded."""
        return int(self.content.get("schema", COMPARISON_SCHEMA)) < COMPARISON_SCHEMA

    @property
    def seeds(self) -> list[int]:
        """The training seeds that were judged; the first one's models are those in the arms' own folders."""
        return list(self.content["seeds"])

    @property
    def failed_seeds(self) -> dict[str, str]:
        """Training (`seed 3`; `draw 2, seed 3`) -> why it has no figures."""
        return dict(self.content.get("failed_seeds") or {})

    @property
    def margin(self) -> float | None:
        """The difference in average precision that does not matter; None in a former run."""
        return self.content.get("margin")

    @property
    def limits(self) -> Mapping[str, float]:
        """What a model may cost at most, by `latency_ms`, `size_mb` and `memory_mb`; those that were set."""
        return {name: limit for name, limit in (self.content.get("limits") or {}).items() if limit is not None}

    def excluded(self, arm: str) -> str | None:
        """Why the arm exceeds a limit, or None: as recorded, else from its costs."""
        facts = self.arms[arm]
        return facts["excluded"] if "excluded" in facts else why_excluded(facts.get("cost") or {}, self.limits)

    def seeds_of(self, arm: str) -> list[int]:
        """The seeds that an arm was trained with: the first alone where nothing in its training is left to chance."""
        trained = [once["seed"] for once in self.arms[arm].get("training") or []]
        return [seed for seed in self.seeds if seed in trained] or self.seeds[:1]

    def thresholds(self, arm: str, label: str | None = None) -> list[float]:
        """The probabilities at or above which a verdict is positive, one for each of the arm's seeds."""
        return [float(value) for value in self.arms[arm]["thresholds"][label or self.primary]]

    def threshold(self, arm: str, label: str | None = None) -> float:
        """That of the first seed, whose model is in the arm's folder."""
        return self.thresholds(arm, label)[0]

    def validation(self, arm: str, metric: str = "average_precision") -> float | None:
        """A figure on validation, its mean over the seeds; None where it was not measured."""
        return ((self.arms[arm].get("validation") or {}).get(self.primary, {}).get(metric) or {}).get("value")

    def figure(self, arm: str, metric: str, label: str | None = None) -> Mapping[str, Any]:
        """{"value", "low", "high", "seeds", "spread"} on the test split, with "why" where one is missing.

        The value is the mean over the seeds. Empty when not recorded.
        """
        return (self.arms[arm]["test"].get(label or self.primary) or {}).get(metric) or {}

    def value(self, arm: str, metric: str) -> float | None:
        """The figure without its interval."""
        return self.figure(arm, metric).get("value")

    def best(self, arms: list[str]) -> str:
        """Of `arms`, which is not empty, the one with the highest average precision."""
        return max(arms, key=lambda arm: self.value(arm, "average_precision") or 0)

    def written(self, arm: str, metric: str) -> str:
        """`0.748 (0.721 to 0.773)`."""
        figure = self.figure(arm, metric)
        interval = display.between(figure.get("low"), figure.get("high"))
        return display.number(figure.get("value")) + (f" ({interval})" if interval else "")

    def pairs(self, metric: str = "average_precision") -> list[Mapping[str, Any]]:
        """The paired differences on one metric."""
        return [row for row in self.content["pairs"] if row["metric"] == metric]

    def pair(self, a: str, b: str, metric: str = "average_precision") -> dict[str, Any] | None:
        """The pair with its difference as a - b, and as `favours` the name of the arm that its verdict speaks for."""
        for row in self.pairs(metric):
            if {row["a"], row["b"]} == {a, b}:
                found = dict(row) | {"favours": row[row["favours"]] if row["favours"] else None}
                return found if row["a"] == a else _turned(found)
        return None

    def better(self, a: str, b: str, metric: str = "average_precision") -> bool:
        """Whether a is shown to be better than b."""
        row = self.pair(a, b, metric)
        return row is not None and row["verdict"] == "better" and row["favours"] == a

    def not_worse(self, a: str, b: str) -> bool:
        """Whether a is shown not to be worse than b by more than the margin: better, equivalent or not worse."""
        row = self.pair(a, b)
        return row is not None and (row["verdict"] == "equivalent" or row["favours"] == a)

    def has_baseline(self, pair: Mapping[str, Any]) -> bool:
        """Whether one side of a pair is a baseline."""
        return any(pair[side] in self.baselines for side in "ab")

    def cost(self, arm: str, key: str) -> float | None:
        """`train_seconds`, `size_bytes` and so on; None where it was not measured."""
        return (self.arms[arm].get("cost") or {}).get(key)

    def latency(self, arm: str) -> float | None:
        """Milliseconds for one comment, the median."""
        return ((self.arms[arm].get("cost") or {}).get("latency_ms") or {}).get("p50")

    def history(self, arm: str) -> list[Mapping[str, Any]]:
        """A row for each epoch of the first seed; empty for an arm that is not trained in epochs."""
        return list(self.arms[arm].get("history") or [])

    def histories(self, arm: str) -> list[list[Mapping[str, Any]]]:
        """The history of every seed that the arm was trained with in epochs."""
        found = [list(once.get("history") or []) for once in self.arms[arm].get("training") or []]
        return [history for history in found if history] or [history for history in [self.history(arm)] if history]

    def share(self, split: str) -> float | None:
        """The share of positive comments in a split, or None when not recorded."""
        return self._shares(split).get(self.primary)

    def majority_share(self, split: str) -> float | None:
        """The accuracy of always giving the larger class, or None when not recorded."""
        share = self.share(split)
        return None if share is None else max(share, 1 - share)

    def test_counts(self) -> tuple[int, int] | None:
        """(test comments, positive ones), or None when not recorded."""
        share = self.share("test")
        if share is None:
            return None
        rows = int(self._shares("test")["rows"])
        return rows, round(rows * share)

    def _shares(self, split: str) -> Mapping[str, Any]:
        return self.content.get("data", {}).get("shares", {}).get(split) or {}


def _turned(pair: dict[str, Any]) -> dict[str, Any]:
    """The pair seen from its other arm."""
    turned = pair | {"a": pair["b"], "b": pair["a"]}
    if pair["difference"] is None:
        return turned
    return turned | {
        "difference": -pair["difference"],
        "low": None if pair["high"] is None else -pair["high"],
        "high": None if pair["low"] is None else -pair["low"],
        "seeds": [None if value is None else -value for value in pair.get("seeds") or []],
    }
