"""Observations on a comparison in plain sentences, all computed from its numbers."""

from collections.abc import Callable, Iterator

from retort.report.comparison import Comparison
from retort.report.observations import accuracy, bias, controls, data, limits, models, training
from retort.report.observations.observation import CATEGORIES, Observation

__all__ = ["CATEGORIES", "Observation", "observe"]

# In the order of the report.
_PARTS: tuple[Callable[[Comparison], Iterator[Observation]], ...] = (
    limits.failed_seeds,
    accuracy.worth_of_accuracy,
    accuracy.never_positive,
    models.odd_and_even,
    models.students_and_teacher,
    controls.controls,
    models.adapters,
    models.against_baselines,
    bias.costs_of_groups,
    bias.groups_without_answer,
    training.overfitting,
    training.unfinished,
    limits.few_positives,
    limits.chance_in_training,
    limits.many_pairs,
    limits.untuned_thresholds,
    limits.former_version,
    limits.labels,
    limits.sample,
    data.left_out,
    data.duplicates,
    data.notes,
)


def observe(comparison: Comparison) -> list[Observation]:
    """All observations; within each category the most important first."""
    return [observation for part in _PARTS for observation in part(comparison)]
