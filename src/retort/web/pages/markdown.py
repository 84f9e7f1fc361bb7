"""Reports and model cards as HTML. HTML inside them is shown as text, except a few plain tags."""

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

# The tags in the report's own Markdown; without attributes they are harmless.
_PLAIN_TAG = re.compile(r"(</?(?:details|summary|sub|sup)>|<br>)")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# Plots of the run, and links to other sites; all else stays as it was typed.
_PLOT = re.compile(r"plots/([a-z0-9-]+)\.svg")


def rendered(source: str, root: str) -> Markup:
    """The document, with its headings one level lower, below that of the page. `root` is the path before /run/plots."""
    html = _parser().render(_FRONT_MATTER.sub("", source), {"root": root, "tables": 0})
    return Markup(html)


def plots(source: str) -> list[str]:
    """Names of the plots in a document, in its order."""
    return _PLOT.findall(source)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.validateLink = lambda url: bool(_PLOT.fullmatch(url)) or url.startswith(("https://", "http://"))  # type: ignore[method-assign]
    rules = {
        "html_block": _as_text,
        "html_inline": _as_text,
        "fence": _code,
        "code_block": _code,
        "heading_open": _lowered,
        "heading_close": _lowered,
        "image": _picture,
        "table_open": _table,
        "table_close": _table,
        "th_open": _cell,
        "td_open": _cell,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _as_text(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    parts = _PLAIN_TAG.split(tokens[index].content)
    return "".join(part if number % 2 else str(escape(part)) for number, part in enumerate(parts))


def _code(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    # Long lines scroll, also by keyboard.
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'


def _lowered(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return self.renderToken(tokens, index, options, env)


def _picture(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, env: Any) -> str:
    token = tokens[index]
    plot = _PLOT.fullmatch(str(token.attrGet("src")))
    if plot is None:
        # Nothing is fetched from elsewhere.
        return str(escape(token.content))
    light, dark = (f"{env['root']}/run/plots/{plot[1]}{ending}.png" for ending in ("", "-dark"))
    return Markup(
        '<a class="plot" href="{light}"><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        '<img src="{light}" alt="Plot: {alt}"></picture></a>'
    ).format(light=light, dark=dark, alt=token.content)


def _table(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    # A table wider than the screen scrolls on its own, also by keyboard.
    if tokens[index].nesting == -1:
        return f"{self.renderToken(tokens, index, options, env)}</div>"
    env["tables"] += 1
    label = f"Table {env['tables']}"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">' + self.renderToken(
        tokens, index, options, env
    )


def _cell(_self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    # Alignment is a style attribute, which the page's policy forbids.
    token = tokens[index]
    numeric = ' class="n"' if "right" in str(token.attrGet("style") or "") else ""
    scope = ' scope="col"' if token.tag == "th" else ""
    return f"<{token.tag}{scope}{numeric}>"
