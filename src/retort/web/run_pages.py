"""What the served folder says of its models: the run's comparison with its plots, or a model's card.

Only files whose names the program knows beforehand are read, never one that a request names.
"""

import functools
import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup

from retort import runs
from retort.web import markdown
from retort.web.errors import Refusal
from retort.web.service import Service

Render = Callable[..., Response]

# Of a model's card or a run's table; what is longer was not written by this program.
_MOST_BYTES = 2_000_000
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
    """What is known of a model's quality. rows, positives: test comments, where they were counted."""

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
        return self._path is not None and (self._path / runs.COMPARISON).is_file()

    def comparison(self) -> str:
        """comparison.md. Raises Refusal 404 when there is none."""
        return self._text(runs.COMPARISON_TABLE, "there is no comparison here: a single model is served")

    def card(self, arm: str) -> str:
        """The model card of one arm. Raises Refusal 404 when it has none."""
        name = f"{arm}/{runs.MODEL_CARD}" if self.is_run else runs.MODEL_CARD
        return self._text(name, "this model came without a card")

    def report(self) -> bytes:
        """report.html. Raises Refusal 404 when there is none."""
        return self._bytes(runs.REPORT, "this run has no report")

    def plot(self, name: str) -> bytes:
        """One PNG of those that comparison.md shows. Raises Refusal 404 for any other name."""
        known = {f"{plot}{ending}.png" for plot in markdown.plots(self.comparison()) for ending in _PLOT_ENDINGS}
        if name not in known:
            raise Refusal(404, "this run has no such plot")
        return self._bytes(f"{runs.PLOTS}/{name}", "this run has no such plot")

    def figures(self, arm: str, primary: str) -> Figures:
        """How the arm did on the test split; empty where the folder does not say."""
        found = self._judged
        entry = _within(found, "arms", arm, "test", primary) if self.is_run else _within(found, primary)
        share = _within(found, "data", "shares", "test")
        rows, part = share.get("rows"), share.get(primary)
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
    if found.get("value") is None:
        return None
    return Figure(name, found["value"], found.get("low"), found.get("high"))


def add_routes(pages: Blueprint, service: Service, folder: Folder, render: Render) -> None:
    """/run, its plots and report, and /run/card/ARM. `render(template, **values)` makes the page."""

    @pages.get("/run")
    def run() -> Response:
        if not folder.is_run:
            return card(service.default)
        source = folder.comparison()
        heading = "How the models compare"
        return render("run.html", heading=heading, body=_document(source), is_run=True, arm=service.default)

    @pages.get("/run/card/<arm>")
    def card(arm: str) -> Response:
        if arm not in service.arms:
            raise Refusal(404, "no model of that name is served here")
        source = folder.card(arm)
        heading = f"Model card of {arm}"
        return render("run.html", heading=heading, body=_document(source), is_run=folder.is_run, arm=arm)

    @pages.get("/run/plots/<name>")
    def plot(name: str) -> Response:
        return Response(folder.plot(name), content_type="image/png", headers={"Cache-Control": "no-cache"})

    @pages.get("/run/report.html")
    def report() -> Response:
        # Its styles stand in the file itself, which this server's policy forbids: it is opened from a disk.
        disposition = {"Content-Disposition": 'attachment; filename="report.html"'}
        return Response(folder.report(), content_type="text/html; charset=utf-8", headers=disposition)


def _document(source: str) -> Markup:
    return markdown.rendered(source[:_MOST_BYTES], request.script_root)


def version() -> str:
    """Of the installed program."""
    return importlib.metadata.version("retort-nlp")
