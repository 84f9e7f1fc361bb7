"""Gates held against a document that a command wrote."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from retort import runs
from retort.errors import ConfigError, RunError
from retort.evaluation.bias import SUMMARIES
from retort.evaluation.metrics import METRICS
from retort.recipes.gates.figures import Figure, Subjects, subjects_of
from retort.recipes.gates.gate import Gate
from retort.strict import nearest
from retort.whole_folder import disk_errors, written_aside

# Figures of a comparison whose names are known only when it is made.
_DEEPER = ("cost.", "parameters.", "bias.groups.", "bias.final.")


def require_comparable(gates: Sequence[Gate], arms: Sequence[str], labels: Sequence[str]) -> None:
    """Raises ConfigError, before any training, for a gate on a figure, a model or a label that no comparison has."""
    for gate in gates:
        known = [*METRICS, *(f"validation.{metric}" for metric in METRICS), *(f"bias.{name}" for name in SUMMARIES)]
        if gate.figure not in known and not gate.figure.startswith(_DEEPER):
            raise ConfigError(f"gate on {gate.figure!r}: no such figure{nearest(gate.figure, known)}; {_some(known)}")
        for name in filter(None, (gate.model, gate.relative_to)):
            if name not in arms:
                raise ConfigError(f"gate on {gate.figure!r}: no model {name!r}{nearest(name, arms)}; {_some(arms)}")
        if gate.label is not None and gate.label not in labels:
            raise ConfigError(f"gate on {gate.figure!r}: no label {gate.label!r}; {_some(labels)}")


def check_gates(gates: Sequence[Gate], document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """[{"figure", "model", "label", "bound", "value", "passed", "why"}], a row for every gate and model it is on.

    A figure that was not computed fails its gate, with its reason as "why". Raises ConfigError for a model or a figure
    that the document does not have.
    """
    for gate in gates:
        if gate.label is not None and "arms" not in document:
            raise ConfigError(f"gate on {gate.figure!r}: label = {gate.label!r} is for a comparison; leave it out")
    return [row for gate in gates for row in _rows(gate, subjects_of(document, gate.label))]


def judge_written(gates: Sequence[Gate], path: Path) -> list[dict[str, Any]]:
    """Holds the gates against the JSON at `path`, and adds the rows to it as "gates"."""
    document = runs.read_json(path, "run the command again")
    rows = check_gates(gates, document)
    with disk_errors(path.parent), written_aside(path) as aside:
        runs.write_json(aside, {**document, "gates": rows})
    return rows


def refuse_failed(rows: Sequence[Mapping[str, Any]], where: Path) -> None:
    """Raises RunError that names every gate that failed."""
    failed = [f"{row['model']}: {row['figure']} {_told(row)}, not {row['bound']}" for row in rows if not row["passed"]]
    if failed:
        count = f"{len(failed)} of {len(rows)} gates failed"
        raise RunError(f"{count}: {'; '.join(failed)}. All is written to {where}")


def _told(row: Mapping[str, Any]) -> str:
    if row["value"] is not None:
        return str(row["told"])
    return f"was not computed ({row['why']})" if row["why"] else "was not computed"


def _rows(gate: Gate, subjects: Subjects) -> Iterator[dict[str, Any]]:
    if gate.relative_to is not None:
        _require_model(gate, gate.relative_to, subjects)
    if gate.model is not None:
        _require_model(gate, gate.model, subjects)
    chosen = (gate.model,) if gate.model else tuple(name for name in subjects.judged if name != gate.relative_to)
    if not chosen:
        raise ConfigError(
            f"gate on {gate.figure!r}: no trained model to judge; name one: {_some(list(subjects.figures))}"
        )
    for name in chosen:
        value = _value(gate, name, subjects)
        yield {
            "figure": gate.figure,
            "model": name,
            "label": gate.label,
            "bound": gate.bound,
            "value": value.value,
            "told": None if value.value is None else gate.told(value.value),
            "passed": value.value is not None and gate.holds(value.value),
            "why": value.why,
        }


def _value(gate: Gate, model: str, subjects: Subjects) -> Figure:
    own = _figure(gate, model, subjects)
    if gate.relative_to is None or own.value is None:
        return own
    other = _figure(gate, gate.relative_to, subjects)
    if other.value is None:
        return other
    if gate.compare_by == "difference":
        return Figure(own.value - other.value)
    return Figure(own.value / other.value) if other.value else Figure(None, f"{gate.relative_to} has 0")


def _figure(gate: Gate, model: str, subjects: Subjects) -> Figure:
    known = subjects.figures[model]
    if gate.figure not in known:
        raise ConfigError(
            f"gate on {gate.figure!r}: {model} has no such figure{nearest(gate.figure, known)}; {_some(list(known))}"
        )
    return known[gate.figure]


def _require_model(gate: Gate, name: str, subjects: Subjects) -> None:
    if name not in subjects.figures:
        known = list(subjects.figures)
        raise ConfigError(f"gate on {gate.figure!r}: no model {name!r}{nearest(name, known)}; {_some(known)}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"there are {', '.join(names[:20])}{more}"
