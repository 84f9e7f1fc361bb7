"""Tables on terminals of any width."""

import itertools
from typing import Any

import pytest
from rich.console import Console

from retort.cli import tables
from retort.former_schema import upgraded_comparison
from retort.report.display import METRIC_NAMES
from retort.tasks import default_task


@pytest.mark.parametrize("width", [50, 80, 120])
@pytest.mark.parametrize("names", [default_task().names, tuple(f"label_number_{n}" for n in range(30)), ("x" * 90,)])
def test_figures_of_every_label_and_metric_are_whole(
    width: int, names: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_console", lambda: Console(width=width, highlight=False))
    figure = {"value": 0.934, "low": 0.9, "high": 0.97}
    tables.print_figures({name: dict.fromkeys(METRIC_NAMES, figure) for name in names})
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("0.934") == shown.count("0.900–0.970") == len(names) * len(METRIC_NAMES)
    # A long title is folded between its words.
    assert all(word in shown for title in METRIC_NAMES.values() for word in title.split())
    if len(names) > 1:
        lines = [line.split()[0] for line in shown.splitlines() if "0.934" in line]
        assert set(lines) == set(names)
    else:  # folded
        assert shown.count("x") % 90 == 0


@pytest.mark.parametrize("former", [False, True])
def test_a_comparison_is_whole_at_110_columns(
    former: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_console", lambda: Console(width=110, highlight=False))
    content = comparison_of(("majority", "teacher", "odd", "even", "odd-random"))
    if former:
        content = upgraded_comparison(as_schema_2(content))
    tables.print_comparison(content)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 110
    assert "The verdict." in shown
    # Each pair and its verdict are in one line, those with a baseline left out.
    rows = [line for line in shown.splitlines() if " − " in line]
    assert len(rows) == 6
    assert all(("cannot tell" if former else " not worse") in row for row in rows)
    assert ("29,000" in shown) == (not former)


def test_pairs_with_a_baseline_are_shown_where_there_are_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_comparison(comparison_of(("majority", "teacher")))
    assert "majority − teacher" in capsys.readouterr().out
    tables.print_comparison(comparison_of(("teacher",)))
    assert "Differences" not in capsys.readouterr().out


def comparison_of(arms: tuple[str, ...]) -> dict[str, Any]:
    """comparison.json of a 12-layer teacher and three seeds, with figures as wide as they get."""
    figure = {"value": 0.123, "low": 0.1, "high": 0.15, "seeds": [0.1, 0.12, 0.14], "spread": 0.02}
    row = {
        "metric": "average_precision", "difference": -0.123, "low": -0.246, "high": 0.001, "p_value": 0.0001,
        "p_holm": 0.0001, "seeds": [-0.1, -0.1, -0.1], "spread": 0.012, "verdict": "not worse", "favours": "b",
        "comments_needed": 29_000, "seeds_needed": 141,
    }  # fmt: skip
    epoch = {"epoch": 3, "label_loss": 0.4, "train_loss": {"total": 0.5}, "validation_loss": 0.4, "validation": {}}
    facts = {
        "layer_indices": [1, 3, 5, 7, 9, 11],
        "parameters": {"total": 109_483_778, "trainable": 109_483_778},
        "history": [epoch],
        "training": [{"seed": seed, "history": [epoch]} for seed in (0, 1, 2)],
        "thresholds": {"toxicity": [0.5] * 3},
        "test": {"toxicity": dict.fromkeys(METRIC_NAMES, figure)},
        "cost": {
            "train_seconds": 9000, "teacher_seconds": 9000, "total_seconds": 18_000, "size_bytes": 438e6,
            "peak_train_memory_bytes": 2.7e9, "adapter_bytes": 1.2e6, "ten_tasks_bytes": 4.4e9, "resident_bytes": 9e8,
            "latency_ms": {"p50": 123.4, "p95": 150.0}, "comments_per_second": 10_000,
        },
    }  # fmt: skip
    roles = {"majority": "baseline", "teacher": "teacher"}
    named = {
        arm: facts | {"role": roles.get(arm, "student"), "loader": None if arm == "majority" else "transformers"}
        for arm in arms
    }
    pairs = [row | {"a": a, "b": b} for a, b in itertools.combinations(arms, 2)]
    return {
        "schema": 3, "task": default_task().as_dict(), "attributes": ["toxicity"], "primary": "toxicity",
        "label_threshold": 0.6, "seeds": [0, 1, 2], "margin": 0.01, "arms": named, "pairs": pairs,
        "verdict": "The verdict.",
    }  # fmt: skip


def as_schema_2(content: dict[str, Any]) -> dict[str, Any]:
    """The comparison as the former version wrote it."""
    pairs = [row | {"verdict": "cannot tell"} for row in content["pairs"]]
    return content | {"schema": 2, "seed": 0, "decision_threshold": 0.5, "pairs": pairs}
