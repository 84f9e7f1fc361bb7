"""Versions, commit, machine and data of the run."""

import json
from typing import Any

from retort import runs
from retort.report.plots import Plot
from retort.report.run_folder import Run

TITLE = "Where this came from"
POSITION = 110
PLOTS: tuple[Plot, ...] = ()


def content(run: Run) -> dict[str, Any] | None:
    """run.json as indented text; nothing where the folder has none."""
    path = run.folder / runs.RUN
    if not path.is_file():
        return None
    return {"record": json.dumps(runs.read_json(path, "a finished run folder has one"), indent=2)}
