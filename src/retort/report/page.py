"""Writes the report of a finished run folder: comparison.md, report.html, and the plots as files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from retort import runs
from retort.report.headline import headline
from retort.report.plots import Drawn, draw_plot
from retort.report.rendering import Form, templates
from retort.report.run_folder import Run, read_run
from retort.report.sections import Section, all_sections


@dataclass(frozen=True)
class _Filled:
    """A section with its content and its plots for one run."""

    section: Section
    content: Mapping[str, Any]
    plots: list[Drawn]


def write_report(folder: Path) -> None:
    """Reads `folder` and writes comparison.md, report.html and plots/ into it.

    report.html is one file without scripts or addresses to fetch; the same folder gives the same bytes.
    Raises ModelError or DataError naming a file that is missing or unfit.
    """
    run = read_run(folder)
    plots = folder / runs.PLOTS
    plots.mkdir(exist_ok=True)
    filled = [found for section in all_sections() if (found := _filled(section, run, plots))]
    (folder / runs.COMPARISON_TABLE).write_text(squeezed(_document("md", "comparison.md.j2", run, filled)), "utf-8")
    (folder / runs.REPORT).write_text(_document("html", "report.html.j2", run, filled), "utf-8")


def _filled(section: Section, run: Run, folder: Path) -> _Filled | None:
    content = section.content(run)
    if content is None:
        return None
    drawn = [draw_plot(plot, run, folder) for plot in section.plots]
    return _Filled(section, content, [plot for plot in drawn if plot is not None])


def _document(form: Form, template: str, run: Run, filled: list[_Filled]) -> str:
    return (
        templates(form)
        .get_template(template)
        .render(
            title=f"Retort: {run.comparison.content.get('preset', run.folder.name)}",
            headline=headline(run.comparison),
            sections=[
                {"name": one.section.name, "title": one.section.title, "body": _body(form, one)} for one in filled
            ],
        )
    )


def _body(form: Form, filled: _Filled) -> Markup:
    """A section's template, which escapes for itself."""
    template = templates(form).get_template(f"sections/{filled.section.name}.j2")
    return Markup(template.render(filled.content, plots=filled.plots).strip())


def squeezed(text: str) -> str:
    """Markdown without the runs of empty lines that the building blocks leave between them."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
