"""The cases of the suite in the package that say what a mitigation does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retort.data.suite import Suite, box_suite
from retort.errors import DataError
from retort.tasks import default_task

Flags = npt.NDArray[np.bool_]

# What the functionalities that name people without harm have in their names.
HARMLESS = ("neutral", "warm")


@dataclass(frozen=True)
class SuiteRows:
    """n cases. toxic, harmless (people named without harm), and by group the cases that name it: all (n,)."""

    texts: Sequence[str]
    toxic: Flags
    harmless: Flags
    groups: Mapping[str, Flags]
    functionalities: tuple[str, ...] = ()

    @classmethod
    def of(cls, suite: Suite) -> "SuiteRows":
        """The cases of a suite. Raises DataError where none names people without harm."""
        names = [name for name in suite.functionalities() if any(word in name.casefold() for word in HARMLESS)]
        members = [suite.functionalities()[name] for name in names]
        harmless = np.logical_or.reduce([np.zeros(len(suite), np.bool_), *members]) & ~suite.labels
        if not harmless.any():
            raise DataError(f"{suite.name}: no functionality of harmless cases is called {' or '.join(HARMLESS)}")
        return cls(suite.texts, suite.labels, harmless, suite.groups(), tuple(names))

    def counts(self) -> dict[str, int]:
        """How many cases there are, and of which kind."""
        return {"cases": len(self.texts), "toxic": int(self.toxic.sum()), "harmless": int(self.harmless.sum())}

    def described(self) -> str:
        """The counts, for people."""
        found, named = self.counts(), ", ".join(self.functionalities)
        return f"suite: {found['cases']:,} cases, {found['toxic']:,} toxic, {found['harmless']:,} harmless ({named})"


def suite_rows() -> SuiteRows:
    """Those of the suite in the package."""
    return SuiteRows.of(box_suite(default_task()))
