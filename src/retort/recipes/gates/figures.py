"""Which figures comparison.json, audit.json and bench.json have: {model: {name: number, or None with a reason}}.

A name is the path of keys to the number, joined by dots, less what leads to every model's own part. A dictionary with
"value" or "share" is one figure, however much else it holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """value: None where it could not be computed; why: the reason then."""

    value: float | None
    why: str | None = None


@dataclass(frozen=True)
class Subjects:
    """The models of a document with their figures. judged: those that gates mean unless they name one."""

    figures: dict[str, dict[str, Figure]]
    judged: tuple[str, ...]


def subjects_of(document: Document, label: str | None = None) -> Subjects:
    """The figures of any of the three documents; label: of a comparison, the primary one when None."""
    if "arms" in document:
        return _of_comparison(document, label or document["primary"])
    return _of_bench(document) if "formats" in document else _of_audit(document)


def _of_comparison(document: Document, label: str) -> Subjects:
    """`average_precision` and the other metrics of one label, `validation.…`, `cost.…`, `parameters.…`, `bias.…`."""
    biased = (document.get("bias") or {}).get("arms", {})
    found = {}
    for name, arm in document["arms"].items():
        tree = {"cost": arm["cost"], "parameters": arm["parameters"], **arm["test"].get(label, {})}
        tree["validation"] = arm.get("validation", {}).get(label, {})
        found[name] = dict(_leaves(tree | {"bias": biased.get(name, {})}))
    return Subjects(found, tuple(name for name, arm in document["arms"].items() if arm["role"] != "baseline"))


def _of_audit(document: Document) -> Subjects:
    """`functional.failed`, `functional.functionalities.NAME.missed`, `bias.final`, `swap.…`, `attack.…`."""
    found = {}
    for name in document["models"]:
        tree: dict[str, Any] = {}
        for part, content in document.items():
            if isinstance(content, Mapping):
                own = (content.get("models") or content.get("arms") or {}).get(name)
                if isinstance(own, Mapping):
                    # `overall` is what a part says of all cases; it needs no name.
                    tree[part] = {**own, **own.get("overall", {})}
        found[name] = dict(_leaves(tree))
    return Subjects(found, tuple(found))


def _of_bench(document: Document) -> Subjects:
    """`comments_per_second`, `latency_ms.p95`, `memory_bytes.peak`, … of every format, called ARM/FORMAT."""
    found = {f"{row['arm']}/{row['format']}": dict(_leaves(row)) for row in document["formats"]}
    return Subjects(found, tuple(found))


def _leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Figure]]:
    for key, content in tree.items():
        name = f"{before}{key}"
        if isinstance(content, Mapping):
            key_of_number = next((one for one in ("value", "share") if one in content), None)
            if key_of_number is None:
                yield from _leaves(content, f"{name}.")
            else:
                yield name, Figure(content[key_of_number], content.get("why"))
        elif isinstance(content, int | float) and not isinstance(content, bool):
            yield name, Figure(float(content))
        elif content is None and not key.endswith("why"):
            yield name, Figure(None, tree.get(f"{key}_why") or tree.get("why"))
