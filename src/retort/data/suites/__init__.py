"""Kinds of suites for `retort audit`, told apart by their headers: one module each, and this folder is their registry.

A module has a `LAYOUT`. A file is read by the layout that needs most columns among those whose columns it has;
`named.py` takes any file with a text and a label. To add a kind, add a module.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

# The columns of a suite, apart from those for labels and identities.
TEXT, LABEL, FUNCTIONALITY, GROUP, DIRECTION, TEMPLATE, SOURCE, ID = COLUMNS = (
    "text", "label", "functionality", "group", "direction", "template", "source", "id",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What the headers of one kind of suite hold.

    title: of the kind. headers: column -> the headers that it is found by. needed: the columns without which a file is
    not of this kind; text and label among them. by_task: whether text, id and label are found by the task's headers,
    too. rated: whether there may be a column for each of the task's labels and identities. group_from_text: whether a
    case's group is the one that its text names, because no column says it.
    """

    title: str
    headers: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...] = (TEXT, LABEL)
    by_task: bool = False
    rated: bool = False
    group_from_text: bool = False


@functools.cache
def layouts() -> tuple[Layout, ...]:
    """Every layout of this folder, those that need most columns first."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found = [importlib.import_module(f"{__name__}.{name}").LAYOUT for name in names]
    return tuple(sorted(found, key=lambda layout: -len(layout.needed)))
