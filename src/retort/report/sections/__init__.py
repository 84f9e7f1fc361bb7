"""The sections of the report. Each is a module of this folder and a template of the same name.

To add one, add `NAME.py` here and `templates/sections/NAME.j2`. The module has

- `TITLE`: its heading and its entry in the table of contents,
- `POSITION`: a number; sections are shown from the lowest to the highest,
- `PLOTS`: the plots that it shows, drawn before the template is rendered,
- `content(run)`: what its template is given, or None to leave the section out of this run's report.

The template is written once and serves report.html and comparison.md: its building blocks (`templates/blocks.html.j2`
and `templates/blocks.md.j2`) have the same names in both. In it, `plots` are the drawn plots.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from retort.report.plots import Plot
from retort.report.run_folder import Run


@dataclass(frozen=True)
class Section:
    """One section; `name` is the module's name, the anchor on the page and the name of the template."""

    name: str
    title: str
    position: int
    plots: tuple[Plot, ...]
    content: Callable[[Run], Mapping[str, Any] | None]


def all_sections() -> list[Section]:
    """Every section of this folder, in the order of the report."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found = [_section(name, importlib.import_module(f"{__name__}.{name}")) for name in names]
    return sorted(found, key=lambda section: section.position)


def _section(name: str, module: ModuleType) -> Section:
    return Section(name, module.TITLE, module.POSITION, module.PLOTS, module.content)
