import pytest

from retort.report.limits import LIMITS, why_excluded, written

COST = {"latency_ms": {"p50": 12.1, "p95": 20.0}, "size_bytes": 90_900_000, "resident_bytes": None}


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({}, None),
        ({"latency_ms": 12.1}, None),
        ({"latency_ms": 12.0}, "one comment 12.1 ms, over 12.0 ms"),
        ({"latency_ms": None}, None),
        ({"latency_ms": 20, "size_mb": 50}, "on disk 90.9 MB, over 50.0 MB"),
        ({"latency_ms": 10, "size_mb": 50}, "one comment 12.1 ms, over 10.0 ms; on disk 90.9 MB, over 50.0 MB"),
        ({"memory_mb": 500}, "memory not measured, limit 500 MB"),
    ],
)
def test_a_model_over_a_limit_or_not_shown_to_be_within_it_is_excluded_with_the_reason(limits, why) -> None:
    assert why_excluded(COST, limits) == why


def test_every_limit_has_words() -> None:
    assert written(dict.fromkeys(LIMITS, 10)) == [
        "one comment at most 10.0 ms", "on disk at most 10.0 MB", "memory at most 10.0 MB",
    ]  # fmt: skip
