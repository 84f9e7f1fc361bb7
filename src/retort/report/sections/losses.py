"""Losses and accuracy after the last epoch."""

from typing import Any

from retort.report.comparison_tables import losses_table
from retort.report.plots import Plot
from retort.report.run_folder import Run

TITLE = "Losses and accuracy"
POSITION = 10
PLOTS: tuple[Plot, ...] = ()


def content(run: Run) -> dict[str, Any]:
    """The original assignment's table."""
    return {"losses": losses_table(run.comparison)}
