"""Observations, limits and difficulties, in sentences."""

from typing import Any

from retort.report.observations import CATEGORIES, observe
from retort.report.plots import Plot
from retort.report.run_folder import Run

TITLE = "Observations and limits"
POSITION = 100
PLOTS: tuple[Plot, ...] = ()


def content(run: Run) -> dict[str, Any]:
    """All observations, by category: (category, heading, observations)."""
    observations = observe(run.comparison)
    groups = [
        (category, heading, [o for o in observations if o.category == category])
        for category, heading in CATEGORIES.items()
    ]
    return {"groups": [group for group in groups if group[2]]}
