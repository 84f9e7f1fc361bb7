"""The verdict's choice among models that cost the same."""

from typing import Any

import pytest

from retort.report.choice import choose


def comparison(odd_ms: float, even_ms: float) -> dict[str, Any]:
    """Odd ranks a little higher than even; nothing shows which of them is better."""

    def arm(kind: str, average_precision: float, milliseconds: float | None) -> dict[str, Any]:
        figure = {"value": average_precision, "low": average_precision - 0.1, "high": average_precision + 0.1}
        cost = {"latency_ms": {"p50": milliseconds, "p95": milliseconds}, "size_bytes": 1000}
        return {"kind": kind, "history": [], "test": {"toxicity": {"average_precision": figure}}, "cost": cost}

    def pair(a: str, b: str, verdict: str) -> dict[str, Any]:
        row = {"a": a, "b": b, "metric": "average_precision", "verdict": verdict}
        return row | {"difference": 0.01, "low": -0.1, "high": 0.1, "p_value": 0.5, "comments_needed": 5000}

    return {
        "primary": "toxicity",
        "arms": {
            "majority": arm("majority", 0.2, None),
            "odd": arm("student", 0.78, odd_ms),
            "even": arm("student", 0.77, even_ms),
        },
        "pairs": [pair("majority", "odd", "b"), pair("majority", "even", "b"), pair("odd", "even", "cannot tell")],
        "data": {"shares": {"test": {"rows": 150, "toxicity": 0.22}}},
    }


@pytest.mark.parametrize(("odd_ms", "even_ms"), [(5.9, 5.8), (5.8, 5.9)])
def test_noise_in_the_latency_does_not_choose_between_models_of_one_speed(odd_ms: float, even_ms: float) -> None:
    assert choose(comparison(odd_ms, even_ms)).arm == "odd"


def test_a_model_that_is_really_faster_is_chosen_where_it_is_not_shown_to_be_worse() -> None:
    assert choose(comparison(odd_ms=11.0, even_ms=5.9)).arm == "even"
