"""The files of the served folder that pages show: the comparison, its plots and report, the models' cards.

Only files whose names the program knows beforehand are read, never one that a request names.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retort import runs
from retort.web.pages import markdown
from retort.web.server.errors import Refusal

_PLOT_ENDINGS = ("", "-dark")


@dataclass(frozen=True)
class Figure:
    """One figure on the test split; None for an end of the interval that was not computed."""

    name: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Figures:
    """A model's quality on the test split. rows, positives: numbers of test comments, where they are known."""

    precision: Figure | None
    recall: Figure | None
    rows: int | None
    positives: int | None


class Folder:
    """The served run or model folder; all of it may be missing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def is_run(self) -> bool:
        """Whether the folder is a run, not a single model."""
        return self._path is not None and (self._path / runs.COMPARISON).is_file()

    def comparison(self) -> str:
        """comparison.md. Raises Refusal 404 when there is none."""
        return self._text(runs.COMPARISON_TABLE, "there is no comparison here: a single model is served")

    def card(self, model: str) -> str:
        """The card of one model. Raises Refusal 404 when it has none."""
        name = f"{model}/{runs.MODEL_CARD}" if self.is_run else runs.MODEL_CARD
        return self._text(name, "this model has no card")

    def report(self) -> bytes:
        """report.html. Raises Refusal 404 when there is none."""
        return self._bytes(runs.REPORT, "this run has no report")

    def plot(self, name: str) -> bytes:
        """One PNG of those that comparison.md shows. Raises Refusal 404 for any other name."""
        known = {f"{plot}{ending}.png" for plot in markdown.plots(self.comparison()) for ending in _PLOT_ENDINGS}
        if name not in known:
            raise Refusal(404, "this run has no such plot")
        return self._bytes(f"{runs.PLOTS}/{name}", "this run has no such plot")

    def figures(self, model: str, primary: str) -> Figures:
        """The model's figures on the test split, as far as the folder has them."""
        found = self._judged
        entry = _within(found, "arms", model, "test", primary) if self.is_run else _within(found, primary)
        share = _within(found, "data", "shares", "test")
        rows, part = _number(share.get("rows")), _number(share.get(primary))
        positives = None if rows is None or part is None else round(rows * part)
        return Figures(_figure("precision", entry), _figure("recall", entry), rows, positives)

    @functools.cached_property
    def _judged(self) -> Any:
        """comparison.json of a run, metrics.json of a model, or nothing."""
        try:
            return json.loads(self._bytes(runs.COMPARISON if self.is_run else runs.METRICS, "none"))
        except (Refusal, ValueError):
            return {}

    def _text(self, name: str, otherwise: str) -> str:
        return self._bytes(name, otherwise).decode("utf-8", "replace")

    def _bytes(self, name: str, otherwise: str) -> bytes:
        path = None if self._path is None else self._path / name
        if path is None or not path.is_file():
            raise Refusal(404, otherwise)
        return path.read_bytes()


def _within(found: Any, *keys: str) -> dict[str, Any]:
    """The object at a path of keys; an empty one where the path breaks off."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _figure(name: str, entry: dict[str, Any]) -> Figure | None:
    found = _within(entry, name)
    value = _number(found.get("value"))
    return None if value is None else Figure(name, value, _number(found.get("low")), _number(found.get("high")))


def _number(value: Any) -> Any:
    """The value if it is a number; the file may hold anything."""
    return value if isinstance(value, int | float) else None
