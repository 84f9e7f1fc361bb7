"""A finished audit folder: what audit.json and failures.jsonl hold."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from retort.errors import ModelError
from retort.report.style import HUES, MARKERS, Mark
from retort.runs import read_json
from retort.tasks import Task, recorded_task

AUDIT, FAILURES, TABLES, PAGE = "audit.json", "failures.jsonl", "audit.md", "audit.html"


@dataclass(frozen=True)
class Audit:
    """content: of audit.json. failures: of failures.jsonl, a dict per case, as `recipes/auditing.py` writes them."""

    content: Mapping[str, Any]
    failures: tuple[Mapping[str, Any], ...]
    path: Path

    @cached_property
    def task(self) -> Task:
        """What the models judge."""
        return recorded_task(self.content["task"], self.path)

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> facts, in the order of the command line."""
        return self.content["models"]  # type: ignore[no-any-return]

    @property
    def suite(self) -> Mapping[str, Any]:
        """What the cases are."""
        return self.content["suite"]  # type: ignore[no-any-return]

    def part(self, name: str) -> Mapping[str, Any] | None:
        """What a part of the audit found; None where it did not run."""
        return self.content.get(name)

    @cached_property
    def marks(self) -> dict[str, Mark]:
        """Name -> how the model is drawn; a teacher in ink, the others each in a hue."""
        hues = itertools.cycle(HUES)
        return {
            name: Mark("ink" if facts["role"] == "teacher" else next(hues), MARKERS[index % len(MARKERS)], "-")
            for index, (name, facts) in enumerate(self.models.items())
        }


def read_audit(folder: Path) -> Audit:
    """Raises ModelError when a file is missing or broken."""
    content = read_json(folder / AUDIT, "a finished audit has one")
    path = folder / FAILURES
    try:
        failures = tuple(json.loads(line) for line in path.read_text("utf-8").split("\n") if line)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); a finished audit has it") from error
    return Audit(content, failures, folder / AUDIT)
