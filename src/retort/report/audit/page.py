"""Writes the report of a finished audit folder: audit.md, audit.html, and the plots as files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from retort import runs
from retort.report.audit.headline import headline
from retort.report.audit.result import PAGE, TABLES, Audit, read_audit
from retort.report.audit.sections import AuditPlot, AuditSection, all_audit_sections
from retort.report.page import squeezed
from retort.report.plots import Drawn, drawn
from retort.report.rendering import Form, templates


@dataclass(frozen=True)
class _Filled:
    section: AuditSection
    content: Mapping[str, Any]
    plots: list[Drawn]


def write_audit_report(folder: Path) -> None:
    """Reads `folder` and writes audit.md, audit.html and plots/ into it; the same folder gives the same bytes.

    Raises ModelError naming a file that is missing or unfit.
    """
    audit = read_audit(folder)
    plots = folder / runs.PLOTS
    plots.mkdir(exist_ok=True)
    filled = [found for section in all_audit_sections() if (found := _filled(section, audit, plots))]
    (folder / TABLES).write_text(squeezed(_document("md", audit, filled)), "utf-8")
    (folder / PAGE).write_text(_document("html", audit, filled), "utf-8")


def _filled(section: AuditSection, audit: Audit, folder: Path) -> _Filled | None:
    content = section.content(audit)
    if content is None:
        return None
    plots = [_drawn(plot, audit, folder) for plot in section.plots]
    return _Filled(section, content, [plot for plot in plots if plot is not None])


def _drawn(plot: AuditPlot, audit: Audit, folder: Path) -> Drawn | None:
    task = audit.task
    caption = plot.caption.format(positive=task.adjective, negative=task.negative_adjective)
    return drawn(plot.name, plot.title, caption, lambda theme, narrow: plot.draw(audit, theme, narrow), folder)


def _document(form: Form, audit: Audit, filled: list[_Filled]) -> str:
    bodies = [{"name": one.section.name, "title": one.section.title, "body": _body(form, one)} for one in filled]
    template = templates(form).get_template(f"audit/audit.{form}.j2")
    return template.render(title=f"Audit: {', '.join(audit.models)}", headline=headline(audit), sections=bodies)


def _body(form: Form, filled: _Filled) -> Markup:
    """A section's template, which escapes for itself."""
    template = templates(form).get_template(f"audit/sections/{filled.section.name}.j2")
    return Markup(template.render(filled.content, plots=filled.plots).strip())
