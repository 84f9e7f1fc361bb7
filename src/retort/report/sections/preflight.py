"""What the checks before and during training found."""

from typing import Any

from retort import runs
from retort.report.plots import Plot
from retort.report.run_folder import Run

TITLE = "What to know before reading on"
POSITION = 8
PLOTS: tuple[Plot, ...] = ()


def content(run: Run) -> dict[str, Any] | None:
    """Findings on the comments, and on arms by name; nothing where all is well, or in a run without checks."""
    path = run.folder / runs.RUN
    record = runs.read_json(path, "a finished run folder has one") if path.is_file() else {}
    found: list[tuple[str | None, Any]] = [(None, finding) for finding in record.get("preflight", [])]
    for arm in run.comparison.arms:
        training = run.folder / arm / runs.TRAINING
        if training.is_file():
            own = runs.read_json(training, "a finished arm has one").get("findings", [])
            found += [(arm, finding) for finding in own]
    return {"found": found} if found else None
