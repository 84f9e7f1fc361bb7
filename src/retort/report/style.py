"""Colours and marks of the plots: colour-blind safe, light and dark; nothing is shown by colour alone.

A plot for the page is drawn once in placeholder colours, which become CSS variables: the one SVG follows the reader's
light or dark setting. PNGs are drawn in each theme's own colours.
"""

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from retort.report.comparison import Comparison

# The palette of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/), lightened on a dark ground; yellow
# is darkened on a light ground, to be visible.
HUES = ("orange", "blue", "vermillion", "green", "purple", "sky", "olive")
_LIGHT = {
    "ink": "#1b1e23", "muted": "#626973", "grid": "#dcdfe3", "paper": "#ffffff",
    "blue": "#0072b2", "vermillion": "#d55e00", "green": "#009e73", "purple": "#b4548f",
    "orange": "#c98a00", "sky": "#3d9fd6", "olive": "#8f8500",
}  # fmt: skip
_DARK = {
    "ink": "#e9ebee", "muted": "#9aa3ae", "grid": "#363c45", "paper": "#16191e",
    "blue": "#4fa8e8", "vermillion": "#f5803e", "green": "#2cc295", "purple": "#df92bd",
    "orange": "#e8ad3a", "sky": "#9bd6f7", "olive": "#e5da58",
}  # fmt: skip
# Colours that no plot uses by chance.
_PLACEHOLDERS = {name: f"#0b0c{number:02x}" for number, name in enumerate(_LIGHT, 16)}


@dataclass(frozen=True)
class Theme:
    """Hex colours by name: ink, muted, grid, paper and the hues."""

    name: str
    colours: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.colours[name]


LIGHT = Theme("light", _LIGHT)
DARK = Theme("dark", _DARK)
ADAPTIVE = Theme("adaptive", _PLACEHOLDERS)


@dataclass(frozen=True)
class Mark:
    """How an arm looks in every plot. `colour` is the name of a colour of the theme."""

    colour: str
    marker: str
    line: Any


_DOTTED = (0, (1.2, 1.6))
_LINES: tuple[Any, ...] = ("-", (0, (5, 2)), _DOTTED, (0, (5, 1.6, 1.2, 1.6)))
MARKERS = "os^Dv<>ph*"


def marks(comparison: Comparison) -> dict[str, Mark]:
    """{arm: Mark}. The teacher is drawn in ink, the constant baseline muted and dotted, every family in a hue.

    Arms of one family have the same name before the first dash (odd, odd-labels); they differ in line and marker.
    """
    result: dict[str, Mark] = {}
    hues, members = {comparison.teacher: "ink", comparison.constant: "muted"}, Counter[str]()
    spare = itertools.cycle(HUES)
    for index, arm in enumerate(comparison.arms):
        family = arm.partition("-")[0]
        if family not in hues:
            hues[family] = next(spare)
        line = _DOTTED if arm == comparison.constant else _LINES[members[family] % len(_LINES)]
        result[arm] = Mark(hues[family], MARKERS[index % len(MARKERS)], line)
        members[family] += 1
    return result


def variables(theme: Theme) -> str:
    """The theme as CSS declarations: `--plot-ink: #1b1e23; …`."""
    return " ".join(f"--plot-{name}: {colour};" for name, colour in theme.colours.items())


def adapted(svg: str) -> str:
    """An SVG drawn in the placeholder theme, its colours now CSS variables.

    Each variable comes after its light colour, for programs that do not know CSS variables.
    """
    names = {colour: name for name, colour in _PLACEHOLDERS.items()}

    def replaced(match: re.Match[str]) -> str:
        name = names.get(match[2].lower())
        return f"{match[1]}: {_LIGHT[name]}; {match[1]}: var(--plot-{name})" if name else match[0]

    return re.sub(r"(fill|stroke|color): (#[0-9a-fA-F]{6})", replaced, svg)


def standalone(svg: str) -> str:
    """An adapted SVG with its own variables, for a file."""
    css = f":root {{ {variables(LIGHT)} }} @media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}"
    return re.sub(r"(<svg [^>]*>)", rf"\1<style>{css}</style>", svg, count=1)
