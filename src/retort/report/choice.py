"""Which model to ship, and why: chosen on validation by quality and cost, then confirmed or not on the test comments.

The contenders are the arms with a model within the limits. The candidate is the cheapest of those whose average
precision on validation is within the margin of the highest. It is recommended only when the test comments show it
better than, equivalent to or not worse than every other contender (and better than the constant baseline): the pairs
decide, and the sentences say no more than they do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retort.report import display
from retort.report.comparison import Comparison

# Latencies within this factor count as equal, of arms and of formats: noise must not decide.
SAME_SPEED = 1.1

_NAMED = 3


@dataclass(frozen=True)
class Choice:
    """`candidate` was chosen on validation; `arm` is it where the test comments confirm it, else None."""

    candidate: str | None
    arm: str | None
    headline: str
    reason: str


@dataclass(frozen=True)
class Standing:
    """What the test comments show about one model against the others, by average precision: lists of arms.

    The first three are those against which it is shown not to be worse by more than the margin.
    """

    arm: str
    better: list[str]
    equivalent: list[str]
    not_worse: list[str]
    undecided: list[str]
    worse: list[str]

    @property
    def confirmed(self) -> bool:
        """Whether it is shown not to be worse than any of the others."""
        return not self.undecided and not self.worse

    def sentences(self, margin: float | None) -> str:
        """` odd is shown to be better than a and equivalent to b. These test comments cannot tell odd from c.`"""
        within = "" if margin is None else f" by more than {margin:g}"
        parts = [
            f"better than {display.listed(self.better)}" if self.better else "",
            f"equivalent to {display.listed(self.equivalent)}" if self.equivalent else "",
            f"not worse than {display.listed(self.not_worse)}{within}" if self.not_worse else "",
        ]
        shown = display.listed([part for part in parts if part])
        text = f" On the test comments {self.arm} is shown to be {shown}." if shown else ""
        if self.undecided:
            text += f" They cannot tell whether it is worse than {_listed_or(self.undecided)}." if shown else (
                f" The test comments cannot tell whether {self.arm} is worse than {_listed_or(self.undecided)}."
            )  # fmt: skip
        if self.worse:
            verb = "is" if len(self.worse) == 1 else "are"
            text += f" {display.listed(self.worse)} {verb} shown to be better than {self.arm}."
        return text


def verdict(content: Mapping[str, Any]) -> str:
    """The text that comparison.json has under "verdict"; `content` is that file without it."""
    choice = choose(Comparison(content))
    return f"{choice.headline} {choice.reason}".strip()


def recommend(content: Mapping[str, Any]) -> dict[str, Any]:
    """What comparison.json has under "recommendation"; `content` is that file without it.

    {"candidate": the arm chosen on validation or None, "arm": it where the test comments confirm it, else None,
    "shown": whether they do}.
    """
    choice = choose(Comparison(content))
    return {"candidate": choice.candidate, "arm": choice.arm, "shown": choice.arm is not None}


def choose(comparison: Comparison) -> Choice:
    """The cheapest model that is as good as the best on validation, and whether the test comments confirm it."""
    contenders = [arm for arm in comparison.models if comparison.excluded(arm) is None]
    if not contenders:
        return _nothing_fits(comparison)
    unmeasured = [arm for arm in contenders if comparison.validation(arm) is None]
    if unmeasured or comparison.margin is None:
        return _not_chosen(comparison, contenders, unmeasured)
    best = max(contenders, key=lambda arm: comparison.validation(arm) or 0)
    candidate = _candidate(comparison, contenders, best)
    standing = standing_of(comparison, candidate, contenders)
    if standing.confirmed and _above_constant(comparison, candidate):
        return _confirmed(comparison, standing, best)
    return _unconfirmed(comparison, contenders, standing, best)


def standing_of(comparison: Comparison, arm: str, others: list[str]) -> Standing:
    """The verdicts of an arm's pairs with each of `others` but itself; a missing pair is undecided."""
    found: dict[str, list[str]] = {"better": [], "equivalent": [], "not worse": [], "undecided": [], "worse": []}
    for other in others:
        if other != arm:
            pair = comparison.pair(arm, other)
            if pair is not None and comparison.not_worse(arm, other):
                found[pair["verdict"]].append(other)
            else:
                found["worse" if comparison.better(other, arm) else "undecided"].append(other)
    return Standing(arm, *found.values())


def by_cost(comparison: Comparison, arms: list[str]) -> list[str]:
    """Cheapest first: by latency; of those within a factor of 1.1 of the fastest left, the smallest on disk first.

    A cost that was not measured counts as the highest; ties go to the higher average precision on validation.
    """

    def cost(value: float | None) -> float:
        return float("inf") if value is None else value

    def after_speed(arm: str) -> tuple[float, float]:
        return cost(comparison.cost(arm, "size_bytes")), -(comparison.validation(arm) or 0)

    left, ordered = list(arms), []
    while left:
        fastest = min(cost(comparison.latency(arm)) for arm in left)
        as_fast = [arm for arm in left if cost(comparison.latency(arm)) <= fastest * SAME_SPEED]
        ordered.append(min(as_fast, key=after_speed))
        left.remove(ordered[-1])
    return ordered


def _candidate(comparison: Comparison, contenders: list[str], best: str) -> str:
    """The cheapest of those within the margin of the best on validation; 1e-12 is for the rounding of 0.75 - 0.74."""
    top = comparison.validation(best) or 0
    near = [arm for arm in contenders if top - (comparison.validation(arm) or 0) <= (comparison.margin or 0) + 1e-12]
    return by_cost(comparison, near)[0]


def _above_constant(comparison: Comparison, arm: str) -> bool:
    """Whether a model is shown to rank better than giving all comments the same score; true where nothing does."""
    return comparison.constant is None or comparison.better(arm, comparison.constant)


# --- the sentences ---


def _confirmed(comparison: Comparison, standing: Standing, best: str) -> Choice:
    arm = standing.arm
    others = "" if any((standing.better, standing.equivalent, standing.not_worse)) else " It is the only contender."
    reason = _chosen(comparison, arm, best) + standing.sentences(comparison.margin) + others + _excluded(comparison)
    device = {"cuda": "On this GPU", "mps": "On this GPU"}.get(_device(comparison, arm), "On a CPU")
    return Choice(arm, arm, f"{device}, ship {arm}.", reason + _one_seed(comparison))


def _unconfirmed(comparison: Comparison, contenders: list[str], standing: Standing, best: str) -> Choice:
    """Why the candidate is not recommended, the cheapest candidates, and what it would take."""
    candidate, constant = standing.arm, comparison.constant
    if standing.worse:
        headline = f"No model is recommended: on test, {candidate} is shown to be worse than {standing.worse[0]}."
    elif standing.undecided:
        headline = f"{_these_comments(comparison)} cannot tell which model is best."
    else:
        assert constant is not None, "the only other reason"
        headline = (
            f"No model is recommended: {candidate} is not shown to rank better than {comparison.title(constant)}."
        )
    left = [arm for arm in contenders if not comparison.better(best, arm)]
    cheapest = by_cost(comparison, left)[:_NAMED]
    plural = "s" if len(cheapest) > 1 else ""
    reason = f"Cheapest candidate{plural}: {', '.join(cheapest)}."
    reason += _it_would_take(comparison, standing, best)
    reason += " " + _chosen(comparison, candidate, best) + standing.sentences(comparison.margin)
    if constant is not None and not _above_constant(comparison, candidate):
        reason += f" It is not shown to rank better than {comparison.title(constant)}."
    reason += _as_information(comparison, contenders, candidate) + _excluded(comparison)
    return Choice(candidate, None, headline, reason + _one_seed(comparison))


def _these_comments(comparison: Comparison) -> str:
    """`These 300 test comments (16 of them positive) and 3 seeds`."""
    counts = comparison.test_counts()
    these = "These test comments"
    if counts is not None:
        these = f"These {counts[0]:,} test comments ({counts[1]:,} {comparison.task.adjective})"
    return f"{these} and {display.counted(len(comparison.seeds), 'seed')}"


def _chosen(comparison: Comparison, arm: str, best: str) -> str:
    """How the candidate was chosen on validation, and what it costs."""
    value = display.number(comparison.validation(arm))
    if arm == best:
        text = f"Chosen on validation, where {arm} has the highest average precision ({value})"
    else:
        text = (
            f"Chosen on validation, where the average precision of {arm} ({value}) is within {comparison.margin:g} of "
            f"the highest ({best}, {display.number(comparison.validation(best))})"
        )
    costs = [
        f"{display.milliseconds(latency)} a comment" if (latency := comparison.latency(arm)) is not None else "",
        f"{display.size(size)} on disk" if (size := comparison.cost(arm, "size_bytes")) is not None else "",
    ]
    found = display.listed([cost for cost in costs if cost])
    why = "" if arm == best else " as the cheapest of those" if found else ""
    text += f",{why} at {found}." if found else ". Neither latency nor size was measured."
    return f"{text} On the test split it has {comparison.written(arm, 'average_precision')}."


def _it_would_take(comparison: Comparison, standing: Standing, best: str) -> str:
    """What would show the candidate to be within the margin of the best, or of the undecided model that takes most."""
    if not standing.undecided:
        return ""
    pairs = {other: comparison.pair(standing.arm, other) or {} for other in standing.undecided}
    other = best if best in pairs else max(pairs, key=lambda arm: pairs[arm].get("comments_needed") or 0)
    goal = f"show that {standing.arm} is within {comparison.margin:g} of {other}"
    if pairs[other].get("comments_needed") is None:
        return f" What it would take to {goal} is not known: {display.why(pairs[other])}."
    return f" To {goal} takes about {needed(pairs[other])}."


def _as_information(comparison: Comparison, contenders: list[str], candidate: str) -> str:
    """Models that the test comments show not to be worse than any other: to know, not to choose by."""
    shown = [
        arm
        for arm in contenders
        if arm != candidate and len(contenders) > 1 and standing_of(comparison, arm, contenders).confirmed
    ]
    if not shown:
        return ""
    verb = "is" if len(shown) == 1 else "are"
    return (
        f" For information: on the test comments {display.listed(shown)} {verb} shown not to be worse than any other "
        "model; choosing by them would need other comments to confirm it."
    )


def _nothing_fits(comparison: Comparison) -> Choice:
    if not comparison.models:
        return Choice(None, None, "There is no model to choose.", "No arm of this comparison has one.")
    return Choice(None, None, "No model is within the limits.", f"No recommendation.{_excluded(comparison)}")


def _not_chosen(comparison: Comparison, contenders: list[str], unmeasured: list[str]) -> Choice:
    """Without figures on validation nothing can be chosen; what the test comments show is still worth saying."""
    who = "any model" if unmeasured == contenders else display.listed(unmeasured)
    why = f"Average precision on validation was not measured for {who}." if unmeasured else "It has no margin."
    ranked = [arm for arm in contenders if comparison.value(arm, "average_precision") is not None]
    text = ""
    if ranked:
        best = comparison.best(ranked)
        text = f" On the test split {best} has the highest, {comparison.written(best, 'average_precision')}."
        text += standing_of(comparison, best, contenders).sentences(comparison.margin)
    former = (
        " This run was made by an earlier version; compare again for a recommendation." if comparison.former else ""
    )
    return Choice(None, None, "No model is recommended.", why + text + former + _excluded(comparison))


def _excluded(comparison: Comparison) -> str:
    """` Not within the limits: teacher (one comment 12.1 ms, over 10.0 ms).`"""
    over = [f"{arm} ({why})" for arm in comparison.models if (why := comparison.excluded(arm)) is not None]
    if not over:
        return ""
    return f" Not within the limits: {display.listed(over)}."


def _one_seed(comparison: Comparison) -> str:
    if len(comparison.seeds) != 1:
        return ""
    return " One seed: no spread. The intervals cover the choice of test comments, not the chance in training."


def _device(comparison: Comparison, arm: str) -> str:
    return str((comparison.arms[arm].get("cost") or {}).get("device") or "cpu").partition(":")[0]


def _listed_or(names: list[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def difference_with_interval(pair: Mapping[str, Any]) -> str:
    """`+0.010, 95 % interval −0.020 to +0.040`."""
    interval = display.between(pair["low"], pair["high"], sign=True)
    return display.signed(pair["difference"]) + (f", 95 % interval {interval}" if interval else ", without interval")


def needed(pair: Mapping[str, Any]) -> str:
    """`14,000 test comments and 4 seeds`: what shows a difference of the size of the margin, or why it is not known."""
    if pair.get("comments_needed") is None:
        return f"not known ({display.why(pair)})"
    text = f"{display.rounded(pair['comments_needed'])} test comments"
    if pair.get("seeds_needed") is None:
        return f"{text} for the chance in the comments alone ({display.why(pair, 'the seeds needed are not known')})"
    return f"{text} and {display.counted(int(pair['seeds_needed']), 'seed')}"
