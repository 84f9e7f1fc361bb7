"""The kinds of arm: one module each, and this folder is their registry.

A module named `KIND.py` fits the arms with `kind = "KIND"` in their settings. It has

    TITLE           the name of such a model in reports
    DESCRIPTION     a sentence for model cards
    ROLE            its role for readers of a run: baseline, teacher, student or adapter
    LOADER          the module of inference/loaders that loads its folder; None where there is no model to load
    TRAINING        the table of the settings for its training
    TAKES_TEACHER   whether it may start from the teacher's weights or learn from its outputs
    SEEDED          whether its training depends on the seed; an arm without is trained once for all seeds
    require(settings, name, base)
                    raises ConfigError or ModelError, before any training, for an arm that cannot be fitted
    fit(context, arm)
                    trains the arm, writes its model into `arm.folder` and sets the fields of `arm`
    check(context, arm)
                    called after the saved model's predictions; raises RunError when they are wrong

No other file asks for the kind of an arm: role, loader, title and description are written into its folder and into
comparison.json. Heavy imports are inside the functions, because settings and help read this folder too.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from retort.errors import ConfigError
from retort.strict import nearest

if TYPE_CHECKING:
    from retort.models.bases import Base
    from retort.recipes.context import Arm, Context
    from retort.recipes.experiment import ExperimentSettings

Role = Literal["baseline", "teacher", "student", "adapter"]


class Kind(Protocol):
    """A module of this folder; the names are described above."""

    TITLE: str
    DESCRIPTION: str
    ROLE: Role
    LOADER: str | None
    TRAINING: str
    TAKES_TEACHER: bool
    SEEDED: bool

    def require(self, settings: "ExperimentSettings", name: str, base: "Base") -> None: ...

    def fit(self, context: "Context", arm: "Arm") -> None: ...

    def check(self, context: "Context", arm: "Arm") -> None: ...


@functools.cache
def all_kinds() -> Mapping[str, Kind]:
    """Name -> module of every kind."""
    found: dict[str, Any] = {
        module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    }
    return found


def kind_named(name: str) -> Kind:
    """The module of a kind. Raises ConfigError, naming the nearest one, when there is none."""
    kinds = all_kinds()
    if name not in kinds:
        raise ConfigError(f"no kind of arm is called {name!r}{nearest(name, kinds)}; there are {', '.join(kinds)}")
    return kinds[name]
