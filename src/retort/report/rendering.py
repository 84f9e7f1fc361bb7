"""Templates in their two forms, HTML and Markdown, with the same building blocks and filters in both."""

import functools
from typing import Any, Literal

import jinja2
from markupsafe import Markup, escape

from retort.report import display
from retort.report.style import DARK, LIGHT, variables
from retort.report.tables import escaped, markdown

Form = Literal["html", "md"]

_BLOCKS = ("intro", "note", "heading", "more", "table", "figures", "definitions")


@functools.cache
def templates(form: Form) -> jinja2.Environment:
    """The templates of the report. As HTML everything put into them is escaped, as Markdown what has the filter
    `escaped`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("retort.report"),
        autoescape=form == "html",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"labelled": _labelled, "markdown": markdown, "escaped": escaped}
    environment.globals |= {
        "display": display,
        "html": form == "html",
        "light": variables(LIGHT),
        "dark": variables(DARK),
    }
    blocks: Any = environment.get_template(f"blocks.{form}.j2").module
    environment.globals |= {name: getattr(blocks, name) for name in _BLOCKS}
    return environment


def _labelled(svg: str, title: str) -> Markup:
    """An SVG element with a label for screen readers. It is drawn by this program, which escapes its texts."""
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1))
