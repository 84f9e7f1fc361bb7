"""Which model to ship on a CPU, and why, from the figures and paired differences.

The sentences follow the verdicts of the pairs: a model is called better, tied or undecided exactly where its pair is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retort.evaluation.intervals import FEW
from retort.report import display
from retort.report.comparison import Comparison

# Latencies within this factor count as equal, of arms and of formats: noise must not decide.
SAME_SPEED = 1.1


@dataclass(frozen=True)
class Choice:
    """Which model to ship on a CPU: None where no model is shown to be worth it."""

    arm: str | None
    headline: str
    reason: str


@dataclass(frozen=True)
class PairVerdicts:
    """What the pairs show about one model against each of the others, by average precision: lists of arms."""

    arm: str
    beaten: list[str]
    tied: list[str]
    undecided: list[str]
    ahead: list[str]

    @property
    def best_or_tied(self) -> bool:
        """Whether the model is shown to be better than, or tied with, every other."""
        return not self.undecided and not self.ahead

    @property
    def not_beaten(self) -> list[str]:
        """The arms that are not shown to be worse."""
        return [*self.tied, *self.undecided, *self.ahead]

    def sentences(self) -> str:
        """` odd is shown to rank better than a and ties with b. These test comments cannot tell odd from c.`"""
        parts = [
            f"is shown to rank better than {display.listed(self.beaten)}" if self.beaten else "",
            f"ties with {display.listed(self.tied)}" if self.tied else "",
        ]
        shown = " and ".join(part for part in parts if part)
        text = f" {self.arm} {shown}." if shown else ""
        if self.undecided:
            text += f" These test comments cannot tell {self.arm} from {display.listed(self.undecided)}."
        if self.ahead:
            verb = "is" if len(self.ahead) == 1 else "are"
            text += f" {display.listed(self.ahead)} {verb} shown to rank better than {self.arm}."
        return text


def verdict(content: Mapping[str, Any]) -> str:
    """The text that comparison.json has under "verdict"; `content` is that file without it."""
    choice = choose(Comparison(content))
    return f"{choice.headline} {choice.reason}"


def choose(comparison: Comparison) -> Choice:
    """The fastest model that is shown to rank better than the constant baseline and not shown to be worse than the
    model with the highest average precision; of those that are as fast but for noise, the one that ranks best.

    Baselines can be chosen too: the cheapest model that does the job is the answer.
    """
    candidates = _candidates(comparison)
    counts = comparison.test_counts()
    if not candidates or (counts is not None and counts[1] < FEW):
        return _no_choice(comparison)
    best = comparison.best(candidates)
    rivals = [arm for arm in candidates if not comparison.better(best, arm)]
    timed = {arm: latency for arm in rivals if (latency := comparison.latency(arm)) is not None}
    if not timed:
        return _without_latency(comparison, best)
    fastest = min(timed.values())
    arm = comparison.best([arm for arm, latency in timed.items() if latency <= fastest * SAME_SPEED])
    verdicts = pair_verdicts(comparison, arm)
    excluded = [other for other in verdicts.not_beaten if other not in candidates]
    field = "the candidates" if excluded else "those"
    speed = "the fastest" if timed[arm] == fastest else "about as fast as any"
    reason = _reason(comparison, verdicts, best) + _excluded(comparison, excluded) + _faster_but_worse(comparison, arm)
    return Choice(arm, _headline(verdicts, best, f"{speed} of {field}"), reason)


def _candidates(comparison: Comparison) -> list[str]:
    """The models that are shown to rank better than the constant baseline; without one, all that are ranked."""
    constant = comparison.constant
    ranked = [arm for arm in comparison.arms if comparison.value(arm, "average_precision") is not None]
    return [arm for arm in ranked if constant is None or comparison.better(arm, constant)]


def pair_verdicts(comparison: Comparison, arm: str) -> PairVerdicts:
    """The verdicts of an arm's pairs with every other arm that has a model."""
    found: dict[str, list[str]] = {arm: [], "tie": [], "cannot tell": [], "ahead": []}
    for other in comparison.arms:
        if other not in (arm, comparison.constant):
            better = (comparison.pair(arm, other) or {"better": "cannot tell"})["better"]
            found["ahead" if better == other else better].append(other)
    return PairVerdicts(arm, found[arm], found["tie"], found["cannot tell"], found["ahead"])


def _headline(verdicts: PairVerdicts, best: str, field: str) -> str:
    """`field` is "the fastest of those" or the like."""
    if verdicts.best_or_tied:
        return f"On a CPU, ship {verdicts.arm}."
    than = f" than {best}" if verdicts.ahead else ""
    return f"No model is shown to be best; {verdicts.arm} is {field} not shown to be worse{than}."


def _no_choice(comparison: Comparison) -> Choice:
    counts, constant, task = comparison.test_counts(), comparison.constant, comparison.task
    if counts is not None and counts[1] < FEW:
        rows, positives = display.counted(counts[0], "comment"), counts[1]
        return Choice(
            None,
            f"Too few {task.adjective} test comments to choose a model.",
            f"The test split has {rows}, {positives:,} of them {task.adjective}. Compare again with more comments.",
        )
    headline = "No model here is shown to be worth shipping."
    if constant is None or not any(comparison.pair(arm, constant) for arm in comparison.arms if arm != constant):
        return Choice(None, headline, "No average precision could be compared.")
    return Choice(
        None,
        headline,
        f"On these test comments none is shown to rank better than {comparison.title(constant)}, "
        "which gives all comments the same score.",
    )


def _without_latency(comparison: Comparison, best: str) -> Choice:
    verdicts = pair_verdicts(comparison, best)
    highest = f"{best} has the highest average precision."
    headline = highest if verdicts.best_or_tied else f"No model is shown to be best; {highest}"
    return Choice(best, headline, f"{_quality(comparison, best)}. No latency was measured.{verdicts.sentences()}")


def _reason(comparison: Comparison, verdicts: PairVerdicts, best: str) -> str:
    arm = verdicts.arm
    text = f"{_quality(comparison, arm)}; one comment takes {display.milliseconds(comparison.latency(arm))}"
    size = comparison.cost(arm, "size_bytes")
    text += f", and it needs {display.size(size)} on disk." if size is not None else "."
    ranked = [name for name in comparison.arms if comparison.value(name, "average_precision") is not None]
    highest = best == comparison.best(ranked)
    if arm != best:
        text += _best(comparison, arm, best, "The highest figure" if highest else "The candidates' highest figure")
    elif highest and len(ranked) > 1:
        text += " Its average precision is also the highest."
    return text + verdicts.sentences()


def _best(comparison: Comparison, arm: str, best: str, highest: str) -> str:
    """The model with the highest figure, and what separates it from the chosen one."""
    slow, fast = comparison.latency(best), comparison.latency(arm)
    at = f", at {display.milliseconds(slow)} a comment" if slow else ""
    if slow and fast and slow / fast >= 1.05:
        at += f", {slow / fast:.1f} times as long"
    pair = comparison.pair(best, arm)
    if pair is None or pair["difference"] is None:
        apart = ""
    elif pair["better"] == "tie":
        apart = f". The difference {best} − {arm} is within the tie margin ({difference_with_interval(pair)})"
    else:
        apart = f". The difference {best} − {arm} is {difference_with_interval(pair)}; {needed(pair)}"
    return f" {highest} is that of {best}, {comparison.written(best, 'average_precision')}{at}{apart}."


def _excluded(comparison: Comparison, arms: list[str]) -> str:
    """Why models that are not shown to be worse could not be chosen."""
    if not arms or comparison.constant is None:
        return ""
    who = f"{display.listed(arms)} {'is no candidate' if len(arms) == 1 else 'are no candidates'}"
    return f" {who}: not shown to rank better than {comparison.title(comparison.constant)}."


def _faster_but_worse(comparison: Comparison, arm: str) -> str:
    """What the best student gives up for its speed, where it is shown to be worse than the model to ship."""
    top, slow = comparison.value(arm, "average_precision"), comparison.latency(arm)
    worse = [student for student in comparison.students if comparison.better(arm, student)]
    faster = [name for name in worse if slow and (fast := comparison.latency(name)) and slow / fast >= SAME_SPEED]
    if not faster or not top or not slow:
        return ""
    student = comparison.best(faster)
    kept = display.percent((comparison.value(student, "average_precision") or 0) / top, 0)
    times = slow / (comparison.latency(student) or slow)
    return f" Where speed counts more, {student} keeps {kept} of its average precision at {times:.1f} times the speed."


def _quality(comparison: Comparison, arm: str) -> str:
    return f"Average precision of {arm} on the test split: {comparison.written(arm, 'average_precision')}"


def difference_with_interval(pair: Mapping[str, Any]) -> str:
    """`+0.010, 95 % interval −0.020 to +0.040`."""
    return (
        f"{display.signed(pair['difference'])}, 95 % interval {display.between(pair['low'], pair['high'], sign=True)}"
    )


def needed(pair: Mapping[str, Any]) -> str:
    """How many test comments it takes to show the difference of a pair, or why that is not known."""
    if pair.get("comments_needed") is None:
        return display.why(pair, "there is nothing to show")
    return f"showing a difference of this size takes about {display.rounded(pair['comments_needed'])} test comments"
