"""The figures of an export beside its model, and the gate they must pass."""

import dataclasses

import numpy as np
import pytest

from retort.export.parity import Parity, parity

ATTRIBUTES = ("toxicity", "insult")
PASSED = Parity(
    rows=1000,
    origin="comments",
    largest_difference=1e-5,
    flipped=0,
    most_flipped=10,
    average_precision={"toxicity": (0.8, 0.8), "insult": (0.7, 0.1)},
)


def test_the_figures_are_of_the_same_rows() -> None:
    before = np.array([[0.9, 0.1], [0.6, 0.2], [0.4, 0.3], [0.1, 0.4]])
    after = np.array([[0.9, 0.1], [0.3, 0.2], [0.45, 0.35], [0.1, 0.4]])
    labels = np.array([[1, 0], [1, 0], [0, np.nan], [0, 0]], np.float32)
    found = parity(before, after, labels, ATTRIBUTES, 0.5, "comments")
    assert found.rows == 4
    assert found.largest_difference == pytest.approx(0.3)
    assert found.flipped == 1
    assert found.average_precision["toxicity"] == (1.0, pytest.approx(1 / 2 + 2 / 3 / 2))
    assert found.average_precision["insult"] == (None, None)
    assert found.lost == pytest.approx(1 - 5 / 6)


def test_a_verdict_flips_at_the_primary_attributes_threshold() -> None:
    before, after = np.array([[0.30, 0.9], [0.29, 0.1]]), np.array([[0.29, 0.1], [0.30, 0.9]])
    labels = np.zeros((2, 2), np.float32)
    assert parity(before, after, labels, ATTRIBUTES, 0.3, "").flipped == 2
    assert parity(before, after, labels, ATTRIBUTES, 0.5, "").flipped == 0


@pytest.mark.parametrize(("rows", "allowed"), [(1, 2), (18, 2), (200, 2), (299, 2), (300, 3), (5000, 50)])
def test_one_in_a_hundred_verdicts_may_flip_and_two_at_least(rows: int, allowed: int) -> None:
    said = np.full((rows, 1), 0.5)
    assert parity(said, said, np.ones((rows, 1), np.float32), ("toxicity",), 0.5, "").most_flipped == allowed


def with_lost(lost: float) -> dict[str, tuple[float | None, float | None]]:
    return {"toxicity": (0.8, 0.8 - lost)}


@pytest.mark.parametrize(
    ("change", "int8", "complaint"),
    [
        ({}, False, None),
        ({}, True, None),
        ({"largest_difference": 1e-4}, False, None),
        ({"largest_difference": 1.1e-4}, False, "differs by up to 0.00011"),
        ({"largest_difference": 0.3}, True, None),
        ({"largest_difference": float("nan")}, False, "differs by up to nan"),
        ({"largest_difference": float("nan")}, True, "not numbers"),
        ({"flipped": 10}, True, None),
        ({"flipped": 11}, True, "flips 11 of 1,000 verdicts"),
        ({"average_precision": with_lost(0.0049)}, True, None),
        ({"average_precision": with_lost(0.0051)}, True, "loses 0.0051 of average precision"),
        ({"average_precision": with_lost(-0.1)}, True, None),
        ({"average_precision": with_lost(float("nan"))}, True, "loses nan"),
        ({"average_precision": {"toxicity": (None, None)}}, True, None),
        ({"average_precision": {"toxicity": (None, None)}, "flipped": 11}, True, "flips 11"),
    ],
)
def test_the_gate(change: dict[str, object], int8: bool, complaint: str | None) -> None:
    found = dataclasses.replace(PASSED, **change).complaint(int8=int8)  # type: ignore[arg-type]
    assert (found is None) == (complaint is None)
    assert complaint is None or complaint in (found or "")


def test_fewer_than_500_rows_are_a_weak_gate() -> None:
    assert dataclasses.replace(PASSED, rows=499).is_weak
    assert not dataclasses.replace(PASSED, rows=500).is_weak


def test_what_could_not_be_computed_says_why() -> None:
    shown = dataclasses.replace(PASSED, average_precision={"toxicity": (None, None)}).as_json()
    assert shown["average_precision"]["toxicity"] == {
        "before": None, "after": None, "why": "none of the 1,000 rows is positive",
    }  # fmt: skip
    assert PASSED.as_json()["average_precision"]["insult"] == {"before": 0.7, "after": 0.1}
