"""The models against each other: odd and even students, students and teacher, adapters, baselines."""

from collections.abc import Iterator, Mapping
from typing import Any

from retort.evaluation.intervals import FEW
from retort.report import display
from retort.report.choice import difference_with_interval
from retort.report.comparison import Comparison
from retort.report.comparison_tables import verdict_words
from retort.report.observations.observation import Observation, shown


def odd_and_even(comparison: Comparison) -> Iterator[Observation]:
    """The question of the original assignment: which half of the layers makes the better student."""
    if not {"odd", "even"} <= set(comparison.arms):
        return
    pair = comparison.pair("odd", "even")
    if pair is None:
        return
    odd, even = (display.layers(comparison.arms[arm].get("layer_indices")) for arm in ("odd", "even"))
    which = f"odd keeps teacher layers {odd}, even keeps {even}."
    if pair["difference"] is None:
        text = f"{which} They could not be compared: {display.why(pair)}."
        yield Observation("warning", "Odd or even layers?", text)
        return
    values = [display.number(comparison.value(arm, "average_precision")) for arm in ("odd", "even")]
    accuracy = comparison.pair("odd", "even", "accuracy")
    equal = " Their accuracies are equal." if accuracy and accuracy["difference"] == 0 else ""
    take = " Take either." if pair["verdict"] == "equivalent" else ""
    result = shown(pair, {arm: f"{arm} is better on these comments" for arm in ("odd", "even")})
    yield Observation(
        "finding",
        f"Odd or even layers: {verdict_words(pair)}",
        f"{which} Average precision {values[0]} against {values[1]}, difference {difference_with_interval(pair)}"
        f"{_signs(pair)}: {result}.{take}{equal}",
    )


def _signs(pair: Mapping[str, Any]) -> str:
    """` (higher with 2 of 3 seeds)`; nothing with one seed."""
    values = [value for value in pair.get("seeds") or [] if value is not None]
    if len(values) < 2:
        return ""
    return f" ({pair['a']} is ahead with {sum(value > 0 for value in values)} of {len(values)} seeds)"


def students_and_teacher(comparison: Comparison) -> Iterator[Observation]:
    """The share of the teacher's average precision that each student has, and its speed."""
    teacher, counts = comparison.teacher, comparison.test_counts()
    # With few positives a share of the teacher's figure means nothing.
    if teacher is None or (counts is not None and counts[1] < FEW):
        return
    lines = [line for arm in comparison.students if (line := _kept(comparison, arm, teacher))]
    if lines:
        title = "The students against the teacher"
        yield Observation("finding", title, "; ".join(lines) + _sizes(comparison, teacher) + ".")


def _kept(comparison: Comparison, arm: str, teacher: str) -> str:
    value, top = comparison.value(arm, "average_precision"), comparison.value(teacher, "average_precision")
    if value is None or not top:
        return ""
    line = f"{arm} has {display.percent(value / top, 0)} of the teacher's average precision"
    slow, fast = comparison.latency(teacher), comparison.latency(arm)
    line += f" at {slow / fast:.1f} times its speed" if slow and fast else ""
    pair = comparison.pair(arm, teacher)
    if pair is None:
        return line
    verdicts = {
        ("equivalent", None): "equivalent", ("cannot tell", None): "cannot tell whether it is worse",
        ("better", arm): "shown to be better", ("better", teacher): "shown to be worse",
        ("not worse", arm): "shown not to be worse by more than the margin",
        ("not worse", teacher): "not shown to be as good, and not better by more than the margin",
    }  # fmt: skip
    return f"{line} ({verdicts[pair['verdict'], pair['favours']]})"


def _sizes(comparison: Comparison, teacher: str) -> str:
    small = comparison.students[0]
    totals = [(comparison.arms[arm].get("parameters") or {}).get("total") for arm in (small, teacher)]
    if not all(totals):
        return ""
    return f". {small} has {display.whole(totals[0])} parameters, the teacher {display.whole(totals[1])}"


def adapters(comparison: Comparison) -> Iterator[Observation]:
    """What share of the parameters adapters train, and what that saves."""
    for arm in comparison.adapters:
        parameters = comparison.arms[arm].get("parameters") or {}
        total, trainable = parameters.get("total"), parameters.get("trainable")
        if not total or trainable is None:
            continue
        text = (
            f"{arm} trained {display.whole(trainable)} of {display.whole(total)} parameters "
            f"({display.percent(trainable / total, 2)})"
        )
        if comparison.teacher:
            text += _against_teacher(comparison, arm, comparison.teacher)
        yield Observation("finding", f"What {arm} trained, and what it cost", f"{text}.")


def _against_teacher(comparison: Comparison, arm: str, teacher: str) -> str:
    text = ""
    spent, full = comparison.cost(arm, "train_seconds"), comparison.cost(teacher, "train_seconds")
    if spent and full:
        text += f" in {display.seconds(spent)}; full fine-tuning of the teacher took {display.seconds(full)}"
    own, other = comparison.latency(arm), comparison.latency(teacher)
    if own and other:
        text += f". One comment takes {display.milliseconds(own)}, with the teacher {display.milliseconds(other)}"
        layers = [comparison.arms[name].get("layer_indices") for name in (arm, teacher)]
        text += ": adapters do not make the model lighter" if layers[0] == layers[1] else ""
    pair = comparison.pair(arm, teacher)
    if pair and pair["difference"] is not None:
        text += f". Average precision against the teacher's: {difference_with_interval(pair)}: {shown(pair, {})}"
    return text


def against_baselines(comparison: Comparison) -> Iterator[Observation]:
    """Which networks are shown to rank better than a baseline that has a model."""
    for baseline in comparison.baselines:
        if baseline == comparison.constant or not comparison.networks:
            continue
        title = comparison.title(baseline)
        above = [arm for arm in comparison.networks if comparison.better(arm, baseline)]
        others = [arm for arm in comparison.networks if arm not in above]
        if others:
            tail = f"Shown: {display.listed(above)}." if above else "It costs a fraction of them; start there."
            text = f"Not shown to rank better than {title}: {display.listed(others)}. {tail}"
            yield Observation("warning", "A baseline keeps up", text)
        else:
            text = (
                f"Each of {display.listed(above)} is shown to rank better than {title}, which has an average precision "
                f"of {comparison.written(baseline, 'average_precision')}."
            )
            yield Observation("finding", "Better than the baseline", text)
