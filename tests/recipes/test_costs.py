"""What an arm costs altogether, for arms whose parts are known."""

from retort.recipes.costs import cost_of, costs_of, ten_tasks_bytes
from retort.recipes.experiment import resolve

MB = 1_000_000
TEACHER = {"train_seconds": 100.0, "size_bytes": 440 * MB}
STUDENT = {"train_seconds": 60.0, "size_bytes": 265 * MB}
ADAPTER = {"train_seconds": 80.0, "size_bytes": 440 * MB, "adapter_bytes": 2 * MB, "base_bytes": 438 * MB}
READY_MADE = {"train_seconds": None, "size_bytes": 440 * MB, "why": "it was given ready-made with --teacher"}


def test_a_student_costs_its_teacher_its_teachers_outputs_and_itself() -> None:
    cost = cost_of(STUDENT, TEACHER, 15.0)
    assert (cost["teacher_seconds"], cost["total_seconds"]) == (115.0, 175.0)
    assert "teacher_why" not in cost
    assert STUDENT.items() <= cost.items(), "what was measured is kept"


def test_an_arm_without_a_teacher_costs_itself() -> None:
    cost = cost_of(ADAPTER, None)
    assert (cost["teacher_seconds"], cost["total_seconds"]) == (None, 80.0)
    assert cost["teacher_why"] == "it needs no teacher"


def test_with_a_ready_made_teacher_the_total_is_not_known() -> None:
    cost = cost_of(STUDENT, READY_MADE, 15.0)
    assert (cost["teacher_seconds"], cost["total_seconds"]) == (None, None)
    assert "ready-made" in cost["teacher_why"]
    assert cost_of(READY_MADE, None)["total_seconds"] is None


def test_ten_tasks_take_ten_models_or_one_base_and_ten_adapters() -> None:
    assert ten_tasks_bytes(STUDENT) == 2650 * MB
    assert ten_tasks_bytes(TEACHER) == 4400 * MB
    assert ten_tasks_bytes(ADAPTER) == 458 * MB
    assert ten_tasks_bytes({"size_bytes": None}) is None


def test_every_arm_of_a_comparison_gets_the_parts_that_it_needs() -> None:
    settings = resolve("quickstart", overrides={"arms": ["tfidf", "teacher", "odd", "odd-labels", "odd-base", "lora"]})
    measured = {name: {"train_seconds": 10.0, "size_bytes": 5} for name in settings.arms}
    measured["teacher"]["train_seconds"] = 100.0
    found = costs_of(settings, measured, 7.0)
    assert {name: cost["teacher_seconds"] for name, cost in found.items()} == {
        "tfidf": None,
        "teacher": None,
        "odd": 107.0,
        "odd-labels": 100.0,  # its layers come from the teacher, but it does not learn from its outputs
        "odd-base": None,
        "lora": None,
    }
    assert found["odd"]["total_seconds"] == 117.0
    assert found["teacher"]["total_seconds"] == 100.0
