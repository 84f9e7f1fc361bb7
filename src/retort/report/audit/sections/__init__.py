"""The sections of an audit's report. Each is a module of this folder and a template of the same name.

To add one, add `NAME.py` here and `templates/audit/sections/NAME.j2`, with the names that `report/sections` documents:
TITLE, POSITION, PLOTS and content; plots and content are given the `Audit`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from retort.report.audit.result import Audit
from retort.report.style import Theme


@dataclass(frozen=True)
class AuditPlot:
    """As `report.plots.Plot`: `draw(audit, theme, narrow)` returns None where there is nothing to draw. In the caption
    `{positive}` and `{negative}` become the task's words."""

    name: str
    title: str
    caption: str
    draw: Callable[[Audit, Theme, bool], Figure | None]


@dataclass(frozen=True)
class AuditSection:
    """One section; `name` is the module's name, the anchor on the page and the name of the template."""

    name: str
    title: str
    position: int
    plots: tuple[AuditPlot, ...]
    content: Callable[[Audit], Mapping[str, Any] | None]


def all_audit_sections() -> list[AuditSection]:
    """Every section of this folder, in the order of the report."""
    modules = {
        found.name: importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    }
    sections = [AuditSection(name, one.TITLE, one.POSITION, one.PLOTS, one.content) for name, one in modules.items()]
    return sorted(sections, key=lambda section: section.position)
