"""The verdict: which model to ship on a CPU, from the figures and paired differences alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retort.evaluation.intervals import FEW
from retort.report import formats
from retort.report.tables import BASELINES, Comparison

# Latencies nearer than this are one speed: odd and even do the same work, and noise must not choose.
_SAME_SPEED = 1.1


@dataclass(frozen=True)
class Choice:
    """Which model to ship on a CPU: None where no model is shown to be worth it."""

    arm: str | None
    headline: str
    reason: str


class Facts:
    """Reads one comparison: figures and pairs on the primary attribute, whichever way round they were written."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.primary = str(comparison["primary"])
        self.arms: Mapping[str, Any] = comparison["arms"]

    def of_kind(self, *kinds: str) -> list[str]:
        return [arm for arm, facts in self.arms.items() if facts.get("kind") in kinds]

    @property
    def learned(self) -> list[str]:
        return [arm for arm, facts in self.arms.items() if facts.get("kind") not in BASELINES]

    def entry(self, arm: str, metric: str) -> dict[str, Any]:
        return dict((self.arms[arm]["test"].get(self.primary) or {}).get(metric) or {})

    def value(self, arm: str, metric: str) -> float | None:
        return self.entry(arm, metric).get("value")

    def written(self, arm: str, metric: str) -> str:
        """`0.748 (0.721 to 0.773)`."""
        entry = self.entry(arm, metric)
        interval = formats.between(entry.get("low"), entry.get("high"))
        return formats.number(entry.get("value")) + (f" ({interval})" if interval else "")

    def pair(self, a: str, b: str, metric: str) -> dict[str, Any] | None:
        """The pair with its difference as a - b and "better": the better arm's name, "tie" or "cannot tell"."""
        for row in self.comparison["pairs"]:
            if row["metric"] == metric and {row["a"], row["b"]} == {a, b}:
                better = {"a": row["a"], "b": row["b"]}.get(row["verdict"], row["verdict"])
                found = dict(row) | {"better": better}
                if row["a"] != a and row["difference"] is not None:
                    found |= {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
                return found
        return None

    def better(self, a: str, b: str, metric: str = "average_precision") -> bool:
        """Whether a is shown to be better than b."""
        row = self.pair(a, b, metric)
        return row is not None and row["better"] == a

    def latency(self, arm: str) -> float | None:
        return ((self.arms[arm].get("cost") or {}).get("latency_ms") or {}).get("p50")

    def cost(self, arm: str, key: str) -> float | None:
        return (self.arms[arm].get("cost") or {}).get(key)

    def test_counts(self) -> tuple[int, int] | None:
        """(test comments, positive ones), or None when not recorded."""
        share = (self.comparison.get("data", {}).get("shares", {}).get("test")) or {}
        if share.get(self.primary) is None:
            return None
        return int(share["rows"]), round(share["rows"] * share[self.primary])

    @property
    def name(self) -> str:
        """The primary attribute as an adjective."""
        return "toxic" if self.primary == "toxicity" else f"positive for {formats.attribute(self.primary)}"


def verdict(comparison: Comparison) -> str:
    """The text that `comparison.json` carries under "verdict"."""
    choice = choose(comparison)
    return f"{choice.headline} {choice.reason}"


def choose(comparison: Comparison) -> Choice:
    """The fastest model that is shown to rank better than the majority baseline and not shown to be worse
    than the best one; of those that are as fast but for noise, the one that ranks best. Baselines may win:
    the cheapest thing that does the job is the answer."""
    facts = Facts(comparison)
    majority = next(iter(facts.of_kind("majority")), None)
    candidates = [arm for arm in facts.arms if arm != majority and facts.value(arm, "average_precision") is not None]
    counts = facts.test_counts()
    if counts is not None and counts[1] < FEW:
        return Choice(None, "No model here is shown to be worth shipping.", _nothing_shown(facts, majority))
    if majority is not None:
        candidates = [arm for arm in candidates if facts.better(arm, majority)]
    if not candidates:
        return Choice(None, "No model here is shown to be worth shipping.", _nothing_shown(facts, majority))
    best = max(candidates, key=lambda arm: facts.value(arm, "average_precision") or 0)
    rivals = [arm for arm in candidates if not facts.better(best, arm)]
    timed = [arm for arm in rivals if facts.latency(arm) is not None]
    if not timed:
        return Choice(best, f"Best by average precision: {best}.", f"{_quality(facts, best)}. No latency was measured.")
    fastest = min(facts.latency(arm) or 0 for arm in timed)
    level = [arm for arm in timed if (facts.latency(arm) or 0) <= fastest * _SAME_SPEED]
    arm = max(level, key=lambda name: facts.value(name, "average_precision") or 0)
    return Choice(arm, f"On a CPU, ship {arm}.", _why_this_one(facts, arm, best))


def _nothing_shown(facts: Facts, majority: str | None) -> str:
    counts = facts.test_counts()
    if counts is None or majority is None:
        return "No average precision could be computed."
    rows, positives = counts
    text = f"The test split has {formats.counted(rows, 'comment')}, {positives:,} of them {facts.name}"
    if positives < FEW:
        return f"{text}: too few to choose a model by. Compare again with more comments."
    return f"{text}. On these, no model is shown to rank better than the majority baseline, which reads nothing."


def _why_this_one(facts: Facts, arm: str, best: str) -> str:
    latency = formats.milliseconds(facts.latency(arm))
    text = f"{_quality(facts, arm)}; one comment takes {latency}"
    if facts.cost(arm, "size_bytes") is not None:
        text += f", and it needs {formats.size(facts.cost(arm, 'size_bytes'))} on disk"
    if arm == best:
        text += (
            ". Its average precision is also the highest; whether that is more than luck, the paired differences say"
        )
        return f"{text}.{_faster_but_worse(facts, arm)}"
    row = facts.pair(best, arm, "average_precision") or {}
    known = {
        "tie": f"and the difference is surely smaller than the tie margin ({span(row)})",
        "cannot tell": f"but these test comments cannot tell the two apart ({span(row)}; {needed(row)})",
    }.get(str(row.get("better")), "")
    times = (facts.latency(best) or 0) / (facts.latency(arm) or 1)
    faster = f", {times:.1f} times as long" if times >= 1.05 else ""
    return (
        f"{text}. The highest figure is that of {best}, {facts.written(best, 'average_precision')}, at "
        f"{formats.milliseconds(facts.latency(best))} a comment{faster}, {known}."
    )


def _faster_but_worse(facts: Facts, arm: str) -> str:
    """What the best student gives up for its speed, when it is shown to be worse than the model to ship."""
    top, slow = facts.value(arm, "average_precision"), facts.latency(arm)
    students = [name for name in facts.of_kind("student") if name != arm and facts.latency(name)]
    if not students or not top or not slow:
        return ""
    student = max(students, key=lambda name: facts.value(name, "average_precision") or 0)
    value, times = facts.value(student, "average_precision"), slow / (facts.latency(student) or slow)
    if value is None or times < 1.05:
        return ""
    kept = formats.percent(value / top, 0)
    return f" Where speed counts more, {student} keeps {kept} of that at {times:.1f} times the speed."


def _quality(facts: Facts, arm: str) -> str:
    return f"Average precision of {arm} on the test split: {facts.written(arm, 'average_precision')}"


def span(row: Mapping[str, Any]) -> str:
    return f"{formats.signed(row['difference'])}, 95 % interval {formats.between(row['low'], row['high'], sign=True)}"


def needed(row: Mapping[str, Any]) -> str:
    if row.get("comments_needed") is None:
        return str(row.get("why") or "nothing to show")
    return f"showing a difference of this size would take about {formats.rounded(row['comments_needed'])} test comments"
