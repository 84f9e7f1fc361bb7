"""What an arm costs altogether, from what was measured of it and of the teacher that it needs first."""

from collections.abc import Mapping
from typing import Any

from retort.recipes.experiment import ExperimentSettings
from retort.training.objective import Objective

TASKS = 10

Cost = Mapping[str, Any]


def costs_of(
    settings: ExperimentSettings, measured: Mapping[str, Cost], outputs_seconds: float | None
) -> dict[str, dict[str, Any]]:
    """`cost_of` every arm in `measured`. outputs_seconds: of computing the teacher's outputs, None where nobody did."""
    found = {}
    for name, cost in measured.items():
        teacher = measured[settings.teachers[0]] if settings.needs_teacher(name) else None
        learns = Objective.of(settings.distillation_of(name)).uses_teacher
        found[name] = cost_of(cost, teacher, (outputs_seconds or 0.0) if learns else 0.0)
    return found


def cost_of(measured: Cost, teacher: Cost | None, outputs_seconds: float = 0.0) -> dict[str, Any]:
    """An arm's cost as comparison.json records it: `measured`, and what follows from it.

    teacher: the measured cost of the teacher that the arm starts from or learns from; None when it needs none.
    outputs_seconds: of computing the teacher's outputs, where the arm learns from them.

    Adds `teacher_seconds`, null with its reason in `teacher_why`; `total_seconds`, from nothing to this one model, null
    where a part was not measured; and `ten_tasks_bytes`.
    """
    own = measured.get("train_seconds")
    first = None if teacher is None else teacher.get("train_seconds")
    why: dict[str, str] = {}
    if teacher is None:
        total = own
        why["teacher_why"] = "it needs no teacher"
    elif first is None:
        total = None
        why["teacher_why"] = "the training of a ready-made teacher is not known"
    else:
        first += outputs_seconds
        total = None if own is None else own + first
    return {
        **measured,
        "teacher_seconds": first,
        **why,
        "total_seconds": total,
        "ten_tasks_bytes": ten_tasks_bytes(measured),
    }


def ten_tasks_bytes(measured: Cost) -> int | None:
    """Storage for ten tasks: ten models of `size_bytes`, or one base (`base_bytes`) and ten adapters with their heads.

    None for an arm without a model.
    """
    if "adapter_bytes" in measured:
        return int(measured["base_bytes"] + TASKS * measured["adapter_bytes"])
    size = measured.get("size_bytes")
    return None if size is None else TASKS * int(size)
