"""The figures of an export beside its model, and the gate that each label must pass."""

import dataclasses

import numpy as np
import pytest

from retort.export.parity import LabelParity, Parity, parity

THRESHOLDS = {"toxicity": 0.5, "insult": 0.2}
PRIMARY = LabelParity(
    positives=200, before=0.8, after=0.8, most_lost=0.005, flipped=0, largest_difference=1e-5
)  # fmt: skip
OTHER = dataclasses.replace(PRIMARY, positives=50, most_lost=0.01)
RARE = dataclasses.replace(PRIMARY, positives=9, most_lost=None)
PASSED = Parity(
    rows=1000,
    origin="comments",
    primary="toxicity",
    most_flipped=10,
    labels={"toxicity": PRIMARY, "insult": OTHER, "threat": RARE},
)


def with_label(name: str, **change: object) -> Parity:
    label = dataclasses.replace(PASSED.labels[name], **change)  # type: ignore[arg-type]
    return dataclasses.replace(PASSED, labels=PASSED.labels | {name: label})


def test_the_figures_of_a_label_are_those_of_its_column() -> None:
    before = np.array([[0.9, 0.1], [0.6, 0.2], [0.4, 0.3], [0.1, 0.4]])
    after = np.array([[0.9, 0.1], [0.3, 0.2], [0.45, 0.35], [0.1, 0.1]])
    labels = np.array([[1, 0], [1, 0], [0, np.nan], [0, 0]], np.float32)
    found = parity(before, after, labels, THRESHOLDS, "toxicity", "comments")
    assert (found.rows, found.primary, found.most_flipped) == (4, "toxicity", 2)
    assert found.labels["toxicity"] == LabelParity(
        positives=2,
        before=1.0,
        after=pytest.approx(1 / 2 + 2 / 3 / 2),
        most_lost=0.005,
        flipped=1,
        largest_difference=pytest.approx(0.3),
    )
    assert found.labels["insult"] == LabelParity(
        positives=0, before=None, after=None, most_lost=None, flipped=1, largest_difference=pytest.approx(0.3)
    )
    assert found.largest_difference == pytest.approx(0.3)


def test_verdicts_flip_at_the_threshold_of_their_label() -> None:
    before, after = np.array([[0.30, 0.30], [0.29, 0.1]]), np.array([[0.29, 0.29], [0.30, 0.1]])
    labels = np.zeros((2, 2), np.float32)
    found = parity(before, after, labels, {"toxicity": 0.3, "insult": 0.3}, "toxicity", "").labels
    assert (found["toxicity"].flipped, found["insult"].flipped) == (2, 1)
    found = parity(before, after, labels, {"toxicity": 0.5, "insult": 0.5}, "toxicity", "").labels
    assert (found["toxicity"].flipped, found["insult"].flipped) == (0, 0)


@pytest.mark.parametrize(("rows", "allowed"), [(1, 2), (18, 2), (200, 2), (299, 2), (300, 3), (5000, 50)])
def test_one_in_a_hundred_verdicts_may_flip_and_two_at_least(rows: int, allowed: int) -> None:
    same = np.full((rows, 1), 0.5)
    assert parity(same, same, np.ones((rows, 1), np.float32), {"x": 0.5}, "x", "").most_flipped == allowed


@pytest.mark.parametrize(
    ("positives", "most_lost"), [(0, None), (9, None), (10, 0.05), (50, 0.01), (100, 0.005), (1000, 0.005)]
)
def test_a_rarer_label_may_lose_what_one_exchange_at_the_top_costs(positives: int, most_lost: float | None) -> None:
    labels = np.zeros((1200, 2), np.float32)
    labels[:positives] = 1
    same = np.full((1200, 2), 0.5)
    found = parity(same, same, labels, THRESHOLDS, "toxicity", "").labels
    assert found["insult"].most_lost == most_lost
    assert found["toxicity"].most_lost == 0.005


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("toxicity", {}, None),
        ("toxicity", {"largest_difference": 0.3}, None),
        ("toxicity", {"after": 0.7951}, None),
        ("toxicity", {"after": 0.7949}, "loses 0.0051 of the average precision of toxicity (at most 0.005)"),
        ("toxicity", {"after": 0.9}, None),
        ("toxicity", {"after": float("nan")}, "loses nan"),
        ("toxicity", {"before": None, "after": None}, None),
        ("toxicity", {"flipped": 10}, None),
        ("toxicity", {"flipped": 11}, "flips 11 of 1,000 verdicts on toxicity (at most 10)"),
        ("insult", {"after": 0.791}, None),
        ("insult", {"after": 0.789}, "loses 0.0110 of the average precision of insult (at most 0.01)"),
        ("insult", {"flipped": 11}, "flips 11 of 1,000 verdicts on insult"),
        ("insult", {"largest_difference": float("nan")}, "differs by up to nan in the probability of insult"),
        ("threat", {"after": 0.1}, None),
        ("threat", {"largest_difference": 0.1}, None),
        ("threat", {"largest_difference": 0.11}, "differs by up to 0.11 in the probability of threat (at most 0.1)"),
        ("threat", {"flipped": 11}, "flips 11 of 1,000 verdicts on threat"),
    ],
)
def test_every_label_must_pass_the_gate_of_int8(name: str, change: dict[str, object], complaint: str | None) -> None:
    found = with_label(name, **change).complaint(int8=True)
    assert (found is None) == (complaint is None)
    assert complaint is None or complaint in (found or "")


@pytest.mark.parametrize("name", ["toxicity", "insult", "threat"])
@pytest.mark.parametrize(("difference", "passes"), [(1e-4, True), (1.1e-4, False), (float("nan"), False)])
def test_in_fp32_no_probability_may_differ(name: str, difference: float, passes: bool) -> None:
    complaint = with_label(name, largest_difference=difference).complaint(int8=False)
    assert passes if complaint is None else f"in the probability of {name} (at most 0.0001)" in complaint
    assert passes == (complaint is None)


def test_probabilities_that_are_not_finite_are_refused() -> None:
    before = np.full((20, 1), 0.5)
    after = before.copy()
    after[3] = np.nan
    labels = np.tile(np.array([[0], [1]], np.float32), (10, 1))
    for int8 in (False, True):
        complaint = parity(before, after, labels, {"x": 0.5}, "x", "").complaint(int8=int8)
        assert complaint is not None
        assert "differs by up to nan" in complaint


def test_fewer_than_500_rows_are_a_weak_gate() -> None:
    assert dataclasses.replace(PASSED, rows=499).is_weak
    assert not dataclasses.replace(PASSED, rows=500).is_weak


def test_programs_read_the_figures_of_every_label() -> None:
    shown = with_label("threat", positives=0, before=None, after=None, flipped=3).as_json()
    assert shown["flipped"] == 0
    assert shown["labels"]["threat"] == {
        "positives": 0, "most_lost": None, "flipped": 3, "largest_difference": 1e-5,
    }  # fmt: skip
    assert shown["average_precision"]["insult"] == {"before": 0.8, "after": 0.8}
    assert shown["average_precision"]["threat"] == {
        "before": None, "after": None, "why": "none of the 1,000 rows is positive",
    }  # fmt: skip
