"""Which extra of the distribution installs a missing package."""

import importlib.metadata
import re
from collections.abc import Iterable

DISTRIBUTION = "retort-nlp"
# Packages whose distribution has another name (beyond - for _).
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "markdown_it": "markdown-it-py"}
_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+)[^;]*(?:;.*extra\s*==\s*["'](?P<extra>[\w-]+)["'])?""")


def install_line(module: str) -> str:
    """`pip install 'retort-nlp[train]'` for a missing module, named as it is imported (`sklearn.metrics`).

    The smallest extra that has it, by the installed metadata; without an extra for a module that none has.
    """
    extra = smallest_extra(module, _requirements())
    return f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {DISTRIBUTION}"


def smallest_extra(module: str, requirements: Iterable[str]) -> str | None:
    """The extra with the fewest requirements among those that install `module`; requirements as in package metadata."""
    package = module.partition(".")[0]
    wanted = _normal(_DISTRIBUTIONS.get(package, package))
    extras: dict[str, set[str]] = {}
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match and match["extra"]:
            extras.setdefault(match["extra"], set()).add(_normal(match["name"]))
    having = {extra: len(names) for extra, names in extras.items() if wanted in names}
    return min(having, key=lambda extra: (having[extra], extra), default=None)


def _requirements() -> list[str]:
    try:
        return importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:  # run from its source tree
        return []


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
