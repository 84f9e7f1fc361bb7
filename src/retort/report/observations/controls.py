"""The effect of one ingredient of a student: the student against a control that differs only in that."""

import itertools
from collections.abc import Iterator
from typing import Any

from retort.report.choice import difference_with_interval
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation, shown

# (where the layers start from, whether distilled) -> what such a control is.
_WHAT = {
    ("teacher", False): "the same copied layers, fine-tuned on labels alone",
    ("base", False): "no teacher: layers of the pre-trained base, fine-tuned on labels alone",
    ("random", False): "random layers, fine-tuned on labels alone",
    ("base", True): "same distillation, layers of the pre-trained base",
    ("random", True): "same distillation, random layers",
}
# (start of the student, start of its control) -> what their difference shows.
_STARTS = {
    ("teacher", "base"): "What the teacher's fine-tuning of the layers is worth",
    ("teacher", "random"): "What copying layers is worth",
    ("base", "random"): "What pre-trained layers are worth",
}


def controls(comparison: Comparison) -> Iterator[Observation]:
    """Pairs of students with the same layers that differ in their start or in distillation, not in both.

    Both are recorded as `start` ("teacher", "base" or "random") and `distilled`; a folder without them has no controls.
    """
    known = [arm for arm in comparison.students if {"start", "distilled"} <= set(comparison.arms[arm])]
    for arm, control in itertools.permutations(known, 2):
        title = _title(comparison.arms[arm], comparison.arms[control])
        pair = comparison.pair(arm, control) if title else None
        if pair is None or pair["difference"] is None:
            continue
        result = shown(
            pair, {arm: "it helped", control: "it did harm here"},
            {arm: "it did no harm beyond the margin", control: "it is not shown to help by more than the margin"},
        )  # fmt: skip
        what = _WHAT[comparison.arms[control]["start"], comparison.arms[control]["distilled"]]
        yield Observation(
            "finding", title, f"{arm} against {control} ({what}): {difference_with_interval(pair)}; {result}."
        )


def _title(arm: Any, control: Any) -> str:
    """What the difference between a student and a control shows; empty where the second is no control of the first."""
    if arm["layer_indices"] != control["layer_indices"]:
        return ""
    if arm["start"] == control["start"]:
        return "What distillation is worth" if arm["distilled"] and not control["distilled"] else ""
    return _STARTS.get((arm["start"], control["start"]), "") if arm["distilled"] == control["distilled"] else ""
