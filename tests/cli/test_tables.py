"""Tables on terminals of any width."""

import pytest
from rich.console import Console

from retort.cli import tables
from retort.evaluation.metrics import METRICS
from retort.report.display import METRIC_NAMES
from retort.tasks import default_task


@pytest.mark.parametrize("width", [50, 80, 120])
@pytest.mark.parametrize("names", [default_task().names, tuple(f"label_number_{n}" for n in range(30)), ("x" * 90,)])
def test_figures_of_every_label_and_metric_are_whole(
    width: int, names: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_console", lambda: Console(width=width, highlight=False))
    figure = {"value": 0.934, "low": 0.9, "high": 0.97}
    tables.print_figures({name: dict.fromkeys(METRICS, figure) for name in names})
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("0.934") == shown.count("0.900–0.970") == len(names) * len(METRICS)
    assert all(METRIC_NAMES[metric] in shown for metric in METRICS)
    if len(names) > 1:
        lines = [line.split()[0] for line in shown.splitlines() if "0.934" in line]
        assert set(lines) == set(names)
    else:  # folded
        assert shown.count("x") % 90 == 0
