"""The parts of an audit: one module each, and this folder is their registry.

A module named `NAME.py` writes the key `NAME` of audit.json. It has

    POSITION        its place; parts run from the lowest to the highest
    OPTION          the option of `retort audit` that asks for it; None for a part of every audit
    why_not(models, suite)
                    a sentence on why the part says nothing about this suite, None when it does
    run(models, suite, progress)
                    what it found, JSON-able: `{"models": {NAME: {...}}, ...}`

`models` are `AuditedModel`s; their scores are kept, so that no text is scored twice. A share is recorded as
`functional.share_entry` makes it. A report shows a part by the module of its name in `report/audit/sections/`.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from retort.data.suite import Suite
    from retort.progress import StageProgress
    from retort.recipes.audited import AuditedModel


class Part(Protocol):
    """A module of this folder; the names are described above."""

    POSITION: int
    OPTION: str | None

    def why_not(self, models: "Sequence[AuditedModel]", suite: "Suite") -> str | None: ...

    def run(self, models: "Sequence[AuditedModel]", suite: "Suite", progress: "StageProgress") -> dict[str, Any]: ...


@functools.cache
def all_parts() -> Mapping[str, Part]:
    """Name -> module of every part, in their order."""
    found: dict[str, Any] = {
        module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    }
    return dict(sorted(found.items(), key=lambda part: part[1].POSITION))
