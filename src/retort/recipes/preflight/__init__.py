"""What is checked of the comments before any training. Each check is a module of this folder.

To add one, add `NAME.py` with

- `EXPLANATION`: a sentence that says why it matters,
- `find(settings, inputs)`: what was found, a list of sentences; empty when all is well.

Findings are warnings, printed, recorded in run.json and shown in the report; with `strict` any of them stops the run.
What is checked of each arm while it is trained is in `recipes/arm_checks.py`.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from retort.errors import DataError
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs


@dataclass(frozen=True)
class Finding:
    """check: the name of the check; found: what; explanation: why it matters."""

    check: str
    found: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.found}. {self.explanation}"

    def as_dict(self) -> dict[str, str]:
        """For run.json."""
        return {"check": self.check, "found": self.found, "explanation": self.explanation}


@dataclass(frozen=True)
class Check:
    """A module of this folder."""

    name: str
    explanation: str
    find: Callable[[ExperimentSettings, Inputs], list[str]]


def all_checks() -> list[Check]:
    """Every check, by name."""
    modules = ((one.name, importlib.import_module(f"{__name__}.{one.name}")) for one in pkgutil.iter_modules(__path__))
    return [Check(name, module.EXPLANATION, module.find) for name, module in modules]


def findings_of(settings: ExperimentSettings, inputs: Inputs) -> list[Finding]:
    """What every check found in the comments."""
    return [
        Finding(check.name, found, check.explanation)
        for check in all_checks()
        for found in check.find(settings, inputs)
    ]


def refuse_findings(findings: list[Finding]) -> None:
    """Raises DataError that names the first finding, and how many more there are; for strict runs."""
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise DataError(f"{findings[0]}{more}. Mend the data, or compare without --strict")
